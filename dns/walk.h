/* One answer in the making, shared by dns/answer.c, dns/additional.c and dns/steered.c. Private to
 * dns/. */
#ifndef DNS_WALK_H
#define DNS_WALK_H

#include "dns/answer.h"

struct walk {
	const struct facts *facts;
	struct chance *chance;
	const struct query *query;
	const struct addr *source;
	struct reply *reply;
	struct answer_notes *notes;

	const struct dname *name; /* the name asked now: the question's, later a chain's */
	struct owner owner;       /* the same with its case, and where it stands in the reply */
	const struct zone *zone;  /* that it lies in */
	uint8_t apex_label;       /* the zone's apex in `name` */
	unsigned links;           /* CNAMEs in the answer so far */
	unsigned dnames;          /* nodes in `dname_done` */

	/* Written only as far as the chain goes. */
	struct dname names[CHAIN_MAX + 1];
	uint8_t synthesised[CHAIN_MAX][NAME_WIRE_MAX];
	const struct node *dname_done[CHAIN_MAX];
};

/* The owner of a suffix of the current name. */
struct owner walk_suffix(const struct walk *w, unsigned label);

/* NOERROR or NXDOMAIN with the zone's SOA, whose TTL is at most cap_s (UINT32_MAX: as it is). */
void walk_negative(struct walk *w, enum rcode rcode, uint32_t cap_s);

/* Addresses of the names in the records of `set`, as far as they lie in the zone and fit. */
void walk_additional(struct walk *w, const struct rrset *set);
/* Glue of the cut at `label` of the current name; TC when in-domain glue does not fit (RFC 9471,
 * 3.1). */
void walk_glue(struct walk *w, const struct rrset *ns, unsigned label);

/* A or AAAA at a POOL name. */
void walk_steered(struct walk *w, const struct pool_record *record);

#endif
