#include "dns/reply.h"

#include "base/wire.h"
#include "dns/cookie.h"
#include "dns/reply_names.h"

#include <string.h>

#define OPTION_HEAD_SIZE  4u  /* code, length */
#define OPT_SIZE          11u /* root, type, class, TTL, RDLENGTH */
#define RECORD_HEAD_SIZE  12u /* of zone wire: pointer, type, class, TTL, RDLENGTH */
#define RECORD_FIXED_SIZE 10u /* the same without the owner */
#define TSIG_RDATA_FIXED  16u /* time 6, fudge 2, MAC size 2, id 2, error 2, other size 2 */
#define SOA_TAIL_SIZE     20u /* serial, refresh, retry, expire, minimum */
#define KEEPALIVE_SIZE    6u  /* code, length, timeout (RFC 7828, 3.1) */

/* What OPT will take without an extended error, which goes in only when there is room. */
static inline size_t opt_size(const struct query *q, const struct reply_options *o)
{
	size_t size = OPT_SIZE;

	if (!q->edns)
		return 0;
	if (q->nsid && o->nsid_size > 0)
		size += OPTION_HEAD_SIZE + o->nsid_size;
	if (q->has_subnet)
		size += 8u + q->subnet.octets;
	if (o->cookie != NULL)
		size += OPTION_HEAD_SIZE + COOKIE_SIZE;
	if (q->keepalive)
		size += KEEPALIVE_SIZE;
	return size;
}

static size_t tsig_size(const struct query *q)
{
	if (!q->has_tsig)
		return 0;
	return name_length(q->tsig.key) + RECORD_FIXED_SIZE + name_length(q->tsig.algorithm) +
	       TSIG_RDATA_FIXED;
}

void reply_begin(struct reply *r, const struct query *q, const struct reply_options *options,
	uint8_t *out, size_t size)
{
	size_t head = DNS_HEADER_SIZE + q->question_size, opt = opt_size(q, options);

	r->base = out;
	r->limit = out + size;
	r->at = out + head;
	r->tsig_size = (uint16_t)tsig_size(q);
	if (head + opt + r->tsig_size > size)
		r->tsig_size = 0;
	r->end = r->limit - opt - r->tsig_size;
	r->query = q;
	r->options = options;
	r->count[0] = r->count[1] = r->count[2] = 0;
	r->rcode = RCODE_NOERROR;
	r->authoritative = r->truncated = r->compressing = false;
	r->scope = 0;
	r->ede_code = -1;
	r->ede_text = NULL;
	memcpy(out, q->packet, head); /* the counts and flags are put right in the end */
}

/* ---- records ---- */

/* One record of zone wire at `wire`, with compressed names in its RDATA where its type allows that.
 * */
static bool put_record(
	struct reply *r, const uint8_t *wire, struct rdata_names names, struct owner *owner)
{
	size_t rdlength = load_u16(wire + 10), plain = rdlength;
	const uint8_t *rdata = wire + RECORD_HEAD_SIZE, *end = rdata + rdlength;
	uint8_t *head;

	if (!reply_put_owner(r, owner))
		return false;
	if (names.compressible)
		plain = names.first_offset;
	if (RECORD_FIXED_SIZE + plain > (size_t)(r->end - r->at))
		return false;
	head = r->at;
	memcpy(head, wire + 2, RECORD_FIXED_SIZE);
	memcpy(head + RECORD_FIXED_SIZE, rdata, plain);
	r->at += RECORD_FIXED_SIZE + plain;
	rdata += plain;
	if (!names.compressible)
		return true;
	for (unsigned i = 0; i < names.count; i++) {
		if (!reply_put_name(r, rdata, NULL))
			return false;
		rdata += name_length(rdata);
	}
	if (end - rdata > r->end - r->at)
		return false;
	memcpy(r->at, rdata, (size_t)(end - rdata));
	r->at += end - rdata;
	store_u16(head + 8, (uint16_t)(r->at - head - RECORD_FIXED_SIZE));
	return true;
}

static const uint8_t *next_record(const uint8_t *wire)
{
	return wire + RECORD_HEAD_SIZE + load_u16(wire + 10);
}

/* Record number `index` of the set. */
static const uint8_t *record_at(const struct rrset *set, unsigned index)
{
	const uint8_t *wire = set->wire;

	while (index-- > 0)
		wire = next_record(wire);
	return wire;
}

/* The common case: owner is the question, nothing to compress. */
static bool copy_set(struct reply *r, const struct rrset *set, unsigned first)
{
	const uint8_t *middle;
	size_t head, tail;

	if (set->length > (size_t)(r->end - r->at)) /* before thousands of records are passed */
		return false;
	middle = first > 0 ? record_at(set, first) : set->wire;
	head = (size_t)(middle - set->wire);
	tail = set->length - head;
	memcpy(r->at, middle, tail);
	if (head > 0)
		memcpy(r->at + tail, set->wire, head);
	r->at += set->length;
	return true;
}

bool reply_add(struct reply *r, enum section s, const struct rrset *set, const struct owner *owner,
	unsigned first)
{
	bool address = set->type == TYPE_A || set->type == TYPE_AAAA;
	struct rdata_names names = {.count = 0};
	uint8_t *start = r->at;
	const uint8_t *wire;
	struct owner whose;

	if (!address)
		names = rdata_names(set->type);
	if (owner->at == OWNER_QUESTION && !names.compressible) {
		if (!copy_set(r, set, first))
			return false;
		r->count[s] = (uint16_t)(r->count[s] + set->count);
		return true;
	}
	whose = *owner;
	wire = record_at(set, first);
	for (unsigned i = 0; i < set->count; i++) {
		if (first + i == set->count)
			wire = set->wire;
		if (!put_record(r, wire, names, &whose)) {
			r->at = start;
			return false;
		}
		wire = next_record(wire);
	}
	r->count[s] = (uint16_t)(r->count[s] + set->count);
	return true;
}

bool reply_add_record(struct reply *r, enum section s, const struct owner *owner, uint16_t type,
	uint32_t ttl_s, const void *rdata, size_t length)
{
	struct owner whose = *owner;
	uint8_t *start = r->at;

	if (!reply_put_owner(r, &whose) || RECORD_FIXED_SIZE + length > (size_t)(r->end - r->at)) {
		r->at = start;
		return false;
	}
	store_u16(r->at, type);
	store_u16(r->at + 2, r->query->class);
	store_u32(r->at + 4, ttl_s);
	store_u16(r->at + 8, (uint16_t)length);
	if (length == 4) /* the usual A: one word */
		memcpy(r->at + RECORD_FIXED_SIZE, rdata, 4);
	else
		memcpy(r->at + RECORD_FIXED_SIZE, rdata, length);
	r->at += RECORD_FIXED_SIZE + length;
	r->count[s]++;
	return true;
}

bool reply_add_cname(struct reply *r, const struct owner *owner, uint32_t ttl_s,
	const uint8_t *target, uint16_t *target_at)
{
	uint8_t *start = r->at, *head;

	if (!reply_add_record(r, SECTION_ANSWER, owner, TYPE_CNAME, ttl_s, "", 0))
		return false;
	head = r->at - 2;
	if (!reply_put_name(r, target, target_at)) {
		r->at = start;
		r->count[SECTION_ANSWER]--;
		return false;
	}
	store_u16(head, (uint16_t)(r->at - head - 2));
	return true;
}

bool reply_add_soa(
	struct reply *r, const struct rrset *soa, const struct owner *apex, uint32_t cap_s)
{
	const uint8_t *rdata = soa->wire + RECORD_HEAD_SIZE;
	size_t apex_length = name_length(apex->wire);
	struct owner whose = *apex;
	uint8_t *start = r->at, *head;

	if (!reply_put_owner(r, &whose) || r->end - r->at < (ptrdiff_t)RECORD_FIXED_SIZE)
		goto full;
	head = r->at;
	memcpy(head, soa->wire + 2, RECORD_FIXED_SIZE);
	r->at += RECORD_FIXED_SIZE;
	for (unsigned i = 0; i < 2; i++) { /* primary server, mailbox */
		if (!reply_put_below(r, rdata, &whose, apex_length))
			goto full;
		rdata += name_length(rdata);
	}
	if (r->end - r->at < (ptrdiff_t)SOA_TAIL_SIZE)
		goto full;
	memcpy(r->at, rdata, SOA_TAIL_SIZE);
	if (load_u32(head + 4) > cap_s)
		store_u32(head + 4, cap_s);
	r->at += SOA_TAIL_SIZE;
	store_u16(head + 8, (uint16_t)(r->at - head - RECORD_FIXED_SIZE));
	r->count[SECTION_AUTHORITY]++;
	return true;
full:
	r->at = start;
	return false;
}

/* ---- the whole ---- */

void reply_empty(struct reply *r, enum rcode rcode)
{
	r->at = r->base + DNS_HEADER_SIZE + r->query->question_size;
	r->count[0] = r->count[1] = r->count[2] = 0;
	r->rcode = (uint16_t)rcode;
	r->scope = 0;
}

void reply_truncate(struct reply *r)
{
	reply_empty(r, (enum rcode)r->rcode);
	r->truncated = true;
}

/* A client subnet goes back as it came, with the scope (RFC 7871, 7.2.1); 0 to a client that sent
 * source 0. */
static uint8_t *put_subnet(uint8_t *p, const struct reply *r)
{
	const struct query_subnet *s = &r->query->subnet;

	store_u16(p, OPTION_SUBNET);
	store_u16(p + 2, (uint16_t)(4 + s->octets));
	store_u16(p + 4, s->family);
	p[6] = s->source;
	p[7] = s->source > 0 ? r->scope : 0;
	memcpy(p + 8, s->address, s->octets);
	return p + 8 + s->octets;
}

static uint8_t *put_option(uint8_t *p, uint16_t code, const void *data, size_t size)
{
	store_u16(p, code);
	store_u16(p + 2, (uint16_t)size);
	memcpy(p + OPTION_HEAD_SIZE, data, size);
	return p + OPTION_HEAD_SIZE + size;
}

/* All that opt_size() has made room for. */
static uint8_t *put_options(uint8_t *p, const struct reply *r)
{
	const struct reply_options *o = r->options;
	const struct query *q = r->query;

	if (q->nsid && o->nsid_size > 0)
		p = put_option(p, OPTION_NSID, o->nsid, o->nsid_size);
	if (q->has_subnet)
		p = put_subnet(p, r);
	if (o->cookie != NULL)
		p = put_option(p, OPTION_COOKIE, o->cookie, COOKIE_SIZE);
	if (q->keepalive) {
		store_u16(p, OPTION_KEEPALIVE);
		store_u16(p + 2, 2);
		store_u16(p + 4, q->keepalive_ds);
		p += KEEPALIVE_SIZE;
	}
	return p;
}

/* An extended error (RFC 8914, 2), where there is room. */
static uint8_t *put_explanation(uint8_t *p, const struct reply *r, const uint8_t *limit)
{
	size_t length = strnlen(r->ede_text, EDE_TEXT_MAX);

	if (6 + length > (size_t)(limit - p))
		return p;
	store_u16(p, OPTION_EDE);
	store_u16(p + 2, (uint16_t)(2 + length));
	store_u16(p + 4, (uint16_t)r->ede_code);
	memcpy(p + 6, r->ede_text, length);
	return p + 6 + length;
}

static void put_opt(struct reply *r, const uint8_t *limit)
{
	uint8_t *p = r->at, *end;

	p[0] = 0; /* the root */
	store_u16(p + 1, TYPE_OPT);
	store_u16(p + 3, r->options->payload);
	store_u32(p + 5, (uint32_t)(r->rcode >> 4) << 24 | (r->query->dnssec_ok ? 0x8000u : 0u));
	end = put_options(p + OPT_SIZE, r);
	if (r->ede_code >= 0)
		end = put_explanation(end, r, limit);
	store_u16(p + 9, (uint16_t)(end - p - OPT_SIZE));
	r->at = end;
	r->count[SECTION_ADDITIONAL]++;
}

/* The refusal of a signed query: unsigned, BADKEY (RFC 8945, 5.2.1 and 5.3.2). */
static void put_tsig(struct reply *r)
{
	const struct query *q = r->query;
	size_t key = name_length(q->tsig.key), algorithm = name_length(q->tsig.algorithm);
	uint8_t *p = r->at;

	memcpy(p, q->tsig.key, key);
	p += key;
	store_u16(p, TYPE_TSIG);
	store_u16(p + 2, DNS_CLASS_ANY);
	store_u32(p + 4, 0);
	store_u16(p + 8, (uint16_t)(algorithm + TSIG_RDATA_FIXED));
	p += RECORD_FIXED_SIZE;
	memcpy(p, q->tsig.algorithm, algorithm);
	p += algorithm;
	memcpy(p, q->tsig.signed_time, 8);
	store_u16(p + 8, 0);
	store_u16(p + 10, q->id);
	store_u16(p + 12, TSIG_BADKEY);
	store_u16(p + 14, 0);
	r->at = p + TSIG_RDATA_FIXED;
	r->count[SECTION_ADDITIONAL]++;
}

size_t reply_end(struct reply *r)
{
	const struct query *q = r->query;
	uint16_t flags = (uint16_t)(FLAG_QR | (q->flags & (FLAG_OPCODE | FLAG_RD | FLAG_CD)) |
				    (r->rcode & 15u));
	uint8_t *base = r->base;

	if (q->edns)
		put_opt(r, r->limit - r->tsig_size);
	if (r->tsig_size > 0)
		put_tsig(r);
	if (r->authoritative)
		flags |= FLAG_AA;
	if (r->truncated)
		flags |= FLAG_TC;
	store_u16(base + 2, flags);
	store_u16(base + 4, q->question_size > 0);
	store_u16(base + 6, r->count[SECTION_ANSWER]);
	store_u16(base + 8, r->count[SECTION_AUTHORITY]);
	store_u16(base + 10, r->count[SECTION_ADDITIONAL]);
	return (size_t)(r->at - base);
}
