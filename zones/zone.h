/*
 * The immutable zone: found in one hash probe, answered from by copying.
 *
 * A zone is built once by its reader, published with one pointer and freed whole. Its nodes stand
 * in an open-addressed table keyed by the hash of the owner name (struct dname's suffix hashes),
 * empty non-terminals included, so an existing name costs one probe; for a missing one the closest
 * encloser is found by bisection, in at most log2(depth of the zone) more. What the name space
 * decides (at or below a zone cut, DNAME, the wildcard child) is worked out at load and stands in
 * the node: an answer never walks the tree.
 *
 * RRsets are kept in wire form as they go into a reply: for each record
 *     C0 0C | type | class | TTL | RDLENGTH | RDATA
 * with the owner as a pointer to the question at offset 12, which the reply writer patches where
 * the owner is another name. RDATA names are stored uncompressed; rdata_names() says where they
 * are, for the types that may be compressed (RFC 3597, 4).
 */
#ifndef ZONES_ZONE_H
#define ZONES_ZONE_H

#include "base/err.h"
#include "base/text.h"
#include "zones/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Types the code speaks of; all others are numbers. TYPE_POOL stands for POOL records in memory
 * only. */
enum rrtype {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
	TYPE_NAPTR = 35,
	TYPE_DNAME = 39,
	TYPE_OPT = 41,
	TYPE_DS = 43,
	TYPE_RRSIG = 46,
	TYPE_NSEC = 47,
	TYPE_DNSKEY = 48,
	TYPE_NSEC3 = 50,
	TYPE_NSEC3PARAM = 51,
	TYPE_CDS = 59,
	TYPE_CDNSKEY = 60,
	TYPE_SVCB = 64,
	TYPE_HTTPS = 65,
	TYPE_TSIG = 250,
	TYPE_IXFR = 251,
	TYPE_AXFR = 252,
	TYPE_ANY = 255,
	TYPE_CAA = 257,
	TYPE_POOL = 65312,
};

struct rrset {
	uint16_t type;
	uint16_t count;      /* records, >= 1 */
	uint32_t length;     /* octets of wire */
	const uint8_t *wire; /* count records, each starting with C0 0C */
};

/* What a POOL record says; the RDATA of TYPE_POOL is not wire but this. */
struct pool_record {
	uint16_t pool;           /* conf->pools index, or ZONE_POOL_UNBOUND */
	uint16_t region;         /* conf->regions index, or CONF_NONE */
	uint32_t ttl_cap_s;      /* from the POOL line; UINT32_MAX = none */
	const char *pool_name;   /* as written, for messages and printing */
	const char *region_name; /* or NULL */
};
#define ZONE_POOL_UNBOUND 0xfffeu /* loaded without a configuration */

enum node_flags {
	NODE_CUT = 1,            /* NS below the apex: a zone cut */
	NODE_BELOW_CUT = 2,      /* occluded by a cut above: only glue */
	NODE_DNAME = 4,          /* owns a DNAME */
	NODE_WILDCARD_CHILD = 8, /* "*." + this name exists */
	NODE_APEX = 16,
	NODE_POOL = 32, /* owns a POOL: A and AAAA are steered */
};

struct node; /* layout in zone.c's private header; accessors below */
struct zone;

/* What a lookup found. Pointers are borrowed from the zone. */
enum find_kind {
	FIND_NODE,     /* the name exists (perhaps as an empty non-terminal: no rrsets) */
	FIND_CUT,      /* at or below a zone cut: `node` is the cut */
	FIND_DNAME,    /* below a DNAME: `node` owns it */
	FIND_WILDCARD, /* does not exist; `node` is the wildcard that covers it */
	FIND_NX,       /* does not exist, no wildcard */
};

struct find {
	enum find_kind kind;
	const struct node *node; /* see find_kind; NULL for FIND_NX */
	/* index into dname.offset of `node`'s name; of the closest encloser for WILDCARD and NX */
	uint8_t label;
};

/* `name` must be at or below the zone's apex. A name at a cut gives FIND_CUT; the caller asks DS
 * of the parent side with the node it gets. */
void zone_find(const struct zone *z, const struct dname *name, struct find *out);
/* The node of exactly this name, glue below cuts too; NULL when there is none. `name` as above. */
const struct node *zone_find_exact(const struct zone *z, const struct dname *name);
/* The same for the name of a host; one that does not exist has the addresses of the wildcard that
 * covers it. */
const struct node *zone_find_host(const struct zone *z, const struct dname *name);

const struct rrset *node_rrset(const struct node *n, uint16_t type); /* NULL when it has none */
size_t node_rrset_count(const struct node *n);
const struct rrset *node_rrset_at(const struct node *n, size_t index);
unsigned node_flags(const struct node *n);
/* NULL when it owns no POOL. The POOL record never shows among the rrsets. */
const struct pool_record *node_pool(const struct node *n);

/* Offsets of domain names in one record's RDATA that may be compressed: 0..2 of them. Static; by
 * type. */
struct rdata_names {
	uint8_t count;
	uint8_t first_offset; /* in RDATA; a second name follows the first directly (SOA) */
	bool compressible;    /* NS CNAME SOA PTR MX and others of RFC 1035; not DNAME, SRV */
};
struct rdata_names rdata_names(uint16_t type);

/* The zone as a whole. */
const uint8_t *zone_apex(const struct zone *z);  /* lower-cased wire */
unsigned zone_apex_labels(const struct zone *z); /* without the root */
const struct node *zone_apex_node(const struct zone *z);
const struct rrset *zone_soa(const struct zone *z); /* its TTL as in the file */
/* The SOA record for negative answers: TTL = min(SOA TTL, MINIMUM) (RFC 2308, 5), as an rrset of
 * one. */
const struct rrset *zone_negative_soa(const struct zone *z);
uint32_t zone_serial(const struct zone *z);
size_t zone_record_count(const struct zone *z);
/* DNSSEC records of its files that are left out (zones/reader.c): it was signed elsewhere. */
size_t zone_left_out(const struct zone *z);
/* What that means for its clients, after their number. */
#define ZONE_LEFT_OUT_TEXT                                                                         \
	"DNSSEC records (RRSIG, DNSKEY and their like) are left out: the zone is served "          \
	"unsigned, and a DS at the parent makes it unreachable for validating resolvers"
size_t zone_memory(const struct zone *z); /* octets, index included */
/* Files it was read from, the first is the zone's own: names below the zones folder. */
size_t zone_file_count(const struct zone *z);
const char *zone_file(const struct zone *z, size_t index);
/* A digest of its content, to tell a changed zone with an unchanged serial. */
uint64_t zone_digest(const struct zone *z);
/* Each node with its relative owner; order unspecified but the same every time. -1 from the
 * visitor stops. */
int zone_walk(const struct zone *z,
	int (*visit)(void *arg, const uint8_t *owner_wire, const struct node *n), void *arg);
/* Canonical master file text, fully qualified; loads to an equal zone. */
void zone_print(const struct zone *z, struct text *out);
void zone_free(struct zone *z);

/* ---- loading ---- */

struct conf;

/* Pools and regions that POOL records may name; both lists empty and `any` set: every name is
 * accepted, unbound. */
struct zone_pools {
	const char *const *pools;
	size_t pool_count;
	const char *const *regions;
	size_t region_count;
	bool any;
	/* Whose they are; NULL: nobody looks for misfits, POOL records that can never be answered
	 * because the pool has no endpoint in their region. */
	const struct conf *conf;
	struct report *misfits; /* gets them as errors; NULL: they are warnings of the zone */
};

#define ZONE_FILE_MAX      (2u << 30)   /* octets of a master file with all that it includes */
#define ZONE_INCLUDE_DEPTH 8            /* files that include each other */
#define ZONE_INCLUDES_MAX  1000u        /* $INCLUDE directives carried out for one zone */
#define ZONE_GENERATE_MAX  65536u       /* steps of one $GENERATE */
#define ZONE_GENERATED_MAX (256u << 20) /* octets of text that all $GENERATE of a zone make */
#define ZONE_LINT_MAX      100u         /* warnings of one load about what is hardly meant */
#define ZONE_RUN_MAX       1024u        /* slots that one search in a zone's table may try */
#define ZONE_RRSET_MAX     65000u       /* octets of an RRset's wire: more fits no message */

/*
 * Read a master file: `file` below the folder `dirfd`; `shown` is its path in messages. `origin` is
 * the initial $ORIGIN (text with final dot). All errors and warnings go to `report`; 0 and *out
 * when there was no error. $INCLUDE is relative to the including file and stays below `dirfd`.
 */
int zone_load(int dirfd, const char *file, const char *shown, const char *origin,
	const struct zone_pools *pools, struct zone **out, struct report *report);
/* The same from memory; $INCLUDE is refused when dirfd is -1. For tests, fuzzing and copies. */
int zone_parse(const char *text, size_t length, int dirfd, const char *shown, const char *origin,
	const struct zone_pools *pools, struct zone **out, struct report *report);

/* ---- the set ---- */

/* Immutable; borrows the zones. */
struct zoneset;
int zoneset_build(struct zone *const *zones, size_t count, struct zoneset **out, struct err *e);
void zoneset_free(struct zoneset *s); /* not the zones */
/* The zone with the longest apex at or above `name`; NULL when there is none. `above` skips a
 * zone whose apex is `name` itself (DS queries, RFC 4035, 3.1.4.1). *label gets the index into
 * dname.offset of its apex. */
const struct zone *zoneset_find(
	const struct zoneset *s, const struct dname *name, bool above, uint8_t *label);
size_t zoneset_count(const struct zoneset *s);
const struct zone *zoneset_at(const struct zoneset *s, size_t index);

#endif
