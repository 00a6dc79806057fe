/*
 * A slow, obviously correct lookup to hold dns/answer.c against: the algorithm of RFC 1034, 4.3.2,
 * word by word, over a plain list of records. No index, no flags worked out at load: whether a name
 * exists is found by reading all records. It shares no code with the program; ldns reads its
 * records.
 *
 *   RFC 1034, 4.3.2   nearest zone, then label by label down from its apex
 *   RFC 4592, 2.2.2   a name exists when it or a name below it owns a record;
 *                     wildcards below the closest encloser
 *   RFC 6672, 3.2     DNAME, YXDOMAIN
 *   RFC 2308, 2 and 5 the SOA of negative answers and its TTL
 *   RFC 6604          the rcode is that of the chain's last name
 *   RFC 4035, 3.1.4.1 DS belongs to the parent; RFC 8482: ANY
 *
 * What the RFCs leave open is the project's choice: no NS beside an answer, five CNAMEs at most.
 */
#ifndef TESTS_FUZZ_REFERENCE_H
#define TESTS_FUZZ_REFERENCE_H

#include <ldns/ldns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REF_CHAIN_MAX 5u     /* CNAMEs in one answer */
#define REF_ZONES_MAX 8u     /* zones and broken zones of one server */
#define REF_TYPE_POOL 65312u /* a POOL line: rdata is its text */

/* Lower-cased wire. */
struct ref_name {
	size_t length;
	uint8_t wire[LDNS_MAX_DOMAINLEN + 1];
};

struct ref_record {
	struct ref_name owner;
	uint16_t type;
	uint32_t ttl;
	size_t length;
	const uint8_t
		*rdata; /* uncompressed, names lower-cased; of a list that was read: owned by it */
};

struct ref_list {
	struct ref_record *item;
	size_t count, capacity;
};

struct ref_zone {
	struct ref_name apex;
	struct ref_list records;
	bool broken; /* could not be loaded: no records */
};

struct reference {
	struct ref_zone zone[REF_ZONES_MAX];
	size_t count;
};

struct ref_reply {
	unsigned rcode;
	bool authoritative;
	struct ref_list answer, authority; /* records borrow from the zones, and from `made` */
	struct ref_name made[REF_CHAIN_MAX];
	const struct ref_zone *zone; /* of the last name, NULL = none of ours */
	unsigned links;              /* CNAMEs in the answer */
	struct ref_name last;        /* the last name of the chain */
	struct ref_name cut;         /* of a referral; length 0 = none */
	const struct ref_record
		*pool; /* what follows the chain is steering's; NULL = nothing does */
	const struct ref_zone
		*any_of; /* ANY at `any_node` of this zone: one set of it, or a HINFO */
	struct ref_name any_node;
};

/* Parse a master file whose lines each hold one record, $ORIGIN (absolute) or $TTL. Aborts when
 * ldns refuses a line. */
void reference_load(struct ref_zone *z, const char *text, const char *origin);
void reference_unload(struct ref_zone *z);

void reference_name(struct ref_name *out, const uint8_t *wire); /* from well-formed wire */
bool reference_below(const struct ref_name *name, const struct ref_name *apex); /* at or below */
bool reference_equal(const struct ref_name *a, const struct ref_name *b);
bool reference_same(const struct ref_record *a, const struct ref_record *b); /* TTL included */

/* A record of a packet that ldns has parsed; its rdata is malloc'ed. */
void reference_read(struct ref_record *out, const ldns_rr *rr);

/* What a server with these zones has to answer to this question of class IN. */
void reference_answer(const struct reference *r, const struct ref_name *name, uint16_t type,
	struct ref_reply *out);
/* The addresses of a host for the additional section (RFC 1034, 4.3.2, step 6): its own, glue
 * too, or a wildcard's. */
void reference_host(const struct ref_zone *z, const struct ref_name *host, struct ref_list *to);
void reference_reply_free(struct ref_reply *reply);

#endif
