/*
 * The reply being written: header, sections, name compression, truncation, OPT and TSIG.
 *
 *   | header 12 | question | answer… | authority… | additional… | OPT | TSIG |
 *                          ^ body: what truncation goes back to
 *
 * Records are written straight into the caller's buffer, RRset after RRset in section order; an
 * RRset that does not fit is taken back whole. Zone data comes as ready wire whose owner points at
 * the question (zones/zone.h), so the common answer is one memcpy. Names are compressed in
 * dns/reply_names.c. Nothing here allocates or fails: what does not fit is said by the return
 * value.
 */
#ifndef DNS_REPLY_H
#define DNS_REPLY_H

#include "base/rng.h"
#include "dns/query.h"
#include "zones/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_MAX      65535u  /* octets of a TCP reply */
#define POINTER_MAX    0x3fffu /* furthest offset a compression pointer reaches (RFC 1035, 4.1.4) */
#define COMPRESS_SLOTS 128u    /* suffixes remembered; power of two */
#define EDE_TEXT_MAX   64u     /* octets of an extended error's text */

enum section { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTION_COUNT };

/* Whose records these are: `at` is the offset of the same name in the reply, 0 when it is not there
 * or not known. */
struct owner {
	uint16_t at;
	const uint8_t *wire;
};

#define OWNER_QUESTION DNS_HEADER_SIZE /* the offset to which zone wire points */

/* What OPT says of this server and to this client. */
struct reply_options {
	uint16_t payload;      /* octets over UDP that this server takes, and gives at most */
	uint8_t nsid_size;     /* 0 = it does not say which server it is */
	const char *nsid;      /* told to who asks */
	const uint8_t *cookie; /* [COOKIE_SIZE] that goes back; NULL = none */
};

struct reply {
	uint8_t *base, *at, *end; /* end: the limit less what OPT and TSIG need */
	uint8_t *limit;
	uint16_t tsig_size; /* 0: none goes back, or it would not fit */
	const struct query *query;
	const struct reply_options *options;
	uint16_t count[SECTION_COUNT];
	uint16_t rcode; /* enum rcode, extended */
	bool authoritative, truncated;
	uint8_t scope;                 /* of the client subnet */
	int16_t ede_code;              /* enum ede_code, -1 = none */
	const char *ede_text;          /* static */
	bool compressing;              /* `slot` is in use */
	uint16_t slot[COMPRESS_SLOTS]; /* offsets of names, 0 = free */
};

/* Start a reply to `q` in out[0..size): header and question are there, nothing else. `size` is the
 * most the reply may grow to: UDP_PAYLOAD_PLAIN at least (room for the longest question with OPT),
 * REPLY_MAX at most. */
void reply_begin(struct reply *r, const struct query *q, const struct reply_options *options,
	uint8_t *out, size_t size);

/* Add all records of `set` for `owner`. `first` is the record to begin with (rotation of
 * addresses), < set->count. False when they do not fit: the reply is as before. */
bool reply_add(struct reply *r, enum section s, const struct rrset *set, const struct owner *owner,
	unsigned first);

/* Add one record from its parts; the rdata goes in as it is, without compression. */
bool reply_add_record(struct reply *r, enum section s, const struct owner *owner, uint16_t type,
	uint32_t ttl_s, const void *rdata, size_t length);

/* Add a CNAME whose target is compressed; *target_at gets the offset of the target's name. */
bool reply_add_cname(struct reply *r, const struct owner *owner, uint32_t ttl_s,
	const uint8_t *target, uint16_t *target_at);

/* Add the SOA of a negative answer, an rrset of one, for `apex`; its TTL is at most cap_s
 * (UINT32_MAX: as it is), which caches heed (RFC 2308, 5: the lesser of TTL and MINIMUM), and its
 * data are the zone's. `apex->wire` is lower-cased: names that end in it are compressed without a
 * search. */
bool reply_add_soa(
	struct reply *r, const struct rrset *soa, const struct owner *apex, uint32_t cap_s);

/* Take everything back: rcode with an empty body. */
void reply_empty(struct reply *r, enum rcode rcode);
/* The same with TC: "ask again over TCP". */
void reply_truncate(struct reply *r);

static inline void reply_explain(struct reply *r, enum ede_code code, const char *text)
{
	r->ede_code = (int16_t)code;
	r->ede_text = text;
}

/* Write OPT, TSIG, flags and counts. Returns the reply's length. */
size_t reply_end(struct reply *r);

#endif
