#include "dns/query.h"

#include "base/wire.h"
#include "dns/cookie.h"
#include "zones/zone.h"

#define EDNS_DO          0x80u /* of the first octet of the flags */
#define OPT_TAIL_SIZE    10u   /* type, class, TTL, RDLENGTH of any record */
#define OPTION_HEAD_SIZE 4u    /* code, length */
#define TYPE_TKEY        249u
#define TYPE_MAILB       253u
#define TYPE_MAILA       254u

#define SUBNET_IPV4 1u /* address family numbers of IANA, as RFC 7871 uses them */
#define SUBNET_IPV6 2u

static enum query_action error(struct query *q, enum rcode rcode)
{
	q->rcode = (uint16_t)rcode;
	if (rcode == RCODE_FORMERR) /* no key is why (RFC 8945, 5.1) */
		q->has_tsig = false;
	return QUERY_ERROR;
}

/* One client-subnet option of `length` octets; -1 when RFC 7871, 6 and 7.1.2, forbid it. */
static int parse_subnet(struct query *q, const uint8_t *p, size_t length)
{
	struct query_subnet *s = &q->subnet;
	unsigned bits, spare;

	if (length < 4)
		return -1;
	s->family = load_u16(p);
	s->source = p[2];
	if (p[3] != 0) /* the scope is the server's to set */
		return -1;
	bits = s->family == SUBNET_IPV4 ? 32 : s->family == SUBNET_IPV6 ? 128 : 0;
	if (s->source > bits || s->family > SUBNET_IPV6)
		return -1;
	s->octets = (uint8_t)((s->source + 7u) / 8u);
	if (length != 4u + s->octets)
		return -1;
	memset(s->address, 0, sizeof s->address);
	memcpy(s->address, p + 4, s->octets);
	spare = s->octets * 8u - s->source;
	if (spare > 0 && (s->address[s->octets - 1] & ((1u << spare) - 1)) != 0)
		return -1;
	q->has_subnet = true;
	return 0;
}

/* A cookie; -1 when its size is none of RFC 7873, 5.2.2. Only the first one counts (5.2 there). */
static int parse_cookie(struct query *q, const uint8_t *data, size_t length)
{
	if (!q->rules->cookies || q->cookie_size > 0)
		return 0;
	if (!cookie_size_is_sound(length))
		return -1;
	q->cookie = data;
	q->cookie_size = (uint8_t)length;
	return 0;
}

static int parse_option(struct query *q, uint16_t code, const uint8_t *data, size_t length)
{
	switch (code) {
	case OPTION_NSID: q->nsid = true; return 0;
	case OPTION_SUBNET: /* only the first one counts, as with other servers */
		return q->rules->subnet && !q->has_subnet ? parse_subnet(q, data, length) : 0;
	case OPTION_COOKIE: return parse_cookie(q, data, length);
	case OPTION_KEEPALIVE:
		q->keepalive = true;
		q->keepalive_wrong = q->keepalive_wrong || length > 0;
		return 0;
	default: return 0; /* unknown ones are ignored (RFC 6891, 6.1.2) */
	}
}

/* The options of an OPT record, which fill what is left of the reader. */
static int parse_options(struct query *q, struct reader *r)
{
	const uint8_t *p = r->at, *end = r->end;

	while (p < end) {
		size_t left = (size_t)(end - p), length;

		if (left < OPTION_HEAD_SIZE)
			return -1;
		length = load_u16(p + 2);
		if (length > left - OPTION_HEAD_SIZE)
			return -1;
		if (parse_option(q, load_u16(p), p + OPTION_HEAD_SIZE, length) < 0)
			return -1;
		p += OPTION_HEAD_SIZE + length;
	}
	r->at = end;
	return 0;
}

/* Move past an owner name, which may end in a pointer; only its end matters. */
static void skip_name(struct reader *r)
{
	size_t total = 0;

	while (!r->failed) {
		uint8_t length = get_u8(r);

		if (length == 0)
			return;
		if (length >= 0xc0) {
			(void)get_u8(r);
			return;
		}
		total += 1u + length;
		if (length > 63 || total >= NAME_WIRE_MAX)
			r->failed = true;
		(void)get_bytes(r, length);
	}
}

/* A name without pointers in front of `r`, or NULL (and failed). */
static const uint8_t *plain_name(struct reader *r)
{
	const uint8_t *start = r->at;

	skip_name(r);
	if (r->failed)
		return NULL;
	for (const uint8_t *p = start; p < r->at; p += 1u + *p) {
		if (*p > 63)
			r->failed = true;
		if (*p == 0 || *p > 63)
			break;
	}
	return r->failed ? NULL : start;
}

/* The TSIG record's fields, as far as its refusal repeats them. */
static int parse_tsig(struct query *q, const uint8_t *owner, const uint8_t *end, struct reader *r)
{
	struct reader key = {owner, end, false};
	uint16_t mac_size, other_size;

	q->tsig.key = plain_name(&key);
	q->tsig.algorithm = plain_name(r);
	q->tsig.signed_time = get_bytes(r, 8);
	mac_size = get_u16(r);
	(void)get_bytes(r, mac_size);
	(void)get_bytes(r, 4); /* original id, error */
	other_size = get_u16(r);
	(void)get_bytes(r, other_size);
	if (key.failed || r->failed || reader_left(r) > 0)
		return -1;
	q->has_tsig = true;
	return 0;
}

/* An OPT record whose type is at `tail`, with its options in `rdata`. */
static int parse_opt(struct query *q, const uint8_t *tail, struct reader *rdata, uint8_t *version)
{
	uint16_t payload = load_u16(tail + 2);

	if (q->edns) /* a second one (RFC 6891, 6.1.1) */
		return -1;
	q->edns = true;
	q->keepalive = q->keepalive_wrong = q->nsid = false;
	q->keepalive_ds = 0;
	q->cookie_size = 0;
	q->payload = payload < UDP_PAYLOAD_PLAIN   ? UDP_PAYLOAD_PLAIN
		     : payload > q->rules->payload ? q->rules->payload
						   : payload;
	*version = tail[5];
	q->dnssec_ok = (tail[6] & EDNS_DO) != 0;
	return *version == 0 ? parse_options(q, rdata) : 0;
}

/* One record of the additional section. -1: malformed; `r` is behind it all the same. */
static int parse_additional(struct query *q, struct reader *r, uint8_t *version)
{
	const uint8_t *owner = r->at, *tail;
	struct reader rdata;
	uint16_t rdlength;

	skip_name(r);
	tail = get_bytes(r, OPT_TAIL_SIZE);
	if (tail == NULL)
		return -1;
	rdlength = load_u16(tail + 8);
	rdata.at = get_bytes(r, rdlength);
	if (rdata.at == NULL)
		return -1;
	rdata.end = rdata.at + rdlength;
	rdata.failed = false;
	switch (load_u16(tail)) {
	case TYPE_TSIG:
		if (parse_tsig(q, owner, tail, &rdata) < 0)
			return -1;
		break;
	case TYPE_OPT:
		if (parse_opt(q, tail, &rdata, version) < 0 || *owner != 0)
			return -1;
		break;
	}
	return 0;
}

/* The whole additional section. Almost always it is one OPT, which is seen at a glance. */
static int parse_additionals(struct query *q, struct reader *r, uint8_t *version)
{
	unsigned count = load_u16(q->packet + 10);

	if (count == 1 && reader_left(r) > OPT_TAIL_SIZE && r->at[0] == 0 &&
		load_u16(r->at + 1) == TYPE_OPT &&
		load_u16(r->at + 9) == reader_left(r) - 1 - OPT_TAIL_SIZE) {
		const uint8_t *tail = r->at + 1;

		r->at = tail + OPT_TAIL_SIZE;
		return parse_opt(q, tail, r, version);
	}
	for (; count > 0; count--) {
		if (q->has_tsig) /* it must be the last (RFC 8945, 5.1) */
			return -1;
		if (parse_additional(q, r, version) < 0)
			return -1;
	}
	return 0;
}

/* What type and class alone decide, once the packet is known to be sound. */
static enum query_action judge_question(struct query *q)
{
	if (q->class == DNS_CLASS_CH && (q->type == TYPE_TXT || q->type == TYPE_ANY))
		return QUERY_CHAOS;
	if (q->class != DNS_CLASS_IN)
		return error(q, RCODE_REFUSED);
	if (q->type < 128 && q->type != TYPE_OPT && q->type != 0)
		return QUERY_ANSWER;
	switch (q->type) {
	case TYPE_AXFR:
	case TYPE_IXFR: q->transfer = true; return error(q, RCODE_REFUSED);
	case 0:
	case TYPE_OPT:
	case TYPE_TKEY:
	case TYPE_TSIG: return error(q, RCODE_FORMERR); /* no data has such a type */
	case TYPE_MAILA:
	case TYPE_MAILB: return error(q, RCODE_NOTIMP); /* obsolete (RFC 1035, 3.2.3) */
	default: return QUERY_ANSWER;
	}
}

/* The question at the reader; -1 when it is not sound. */
static int parse_question(struct query *q, struct reader *r)
{
	const uint8_t *start = r->at;
	size_t used = dname_from_wire(&q->name, start, reader_left(r));

	if (used == 0)
		return -1;
	if (used + 4 > reader_left(r))
		return -1;
	r->at += used + 4;
	q->type = load_u16(start + used);
	q->class = load_u16(start + used + 2);
	q->question_size = (uint16_t)(used + 4);
	return 0;
}

/* Move past records of which only the end matters. */
static void skip_records(struct reader *r, unsigned count)
{
	for (; count > 0 && !r->failed; count--) {
		const uint8_t *tail;

		skip_name(r);
		tail = get_bytes(r, OPT_TAIL_SIZE);
		if (tail != NULL)
			(void)get_bytes(r, load_u16(tail + 8));
	}
}

/* Queries have neither answers nor authority, but for the SOA that comes with IXFR (RFC 1995, 3). */
static int skip_authority(const struct query *q, struct reader *r)
{
	unsigned answers = load_u16(q->packet + 6), count = load_u16(q->packet + 8);

	if (q->type != TYPE_IXFR || answers > 0)
		return -1;
	skip_records(r, count);
	return r->failed ? -1 : 0;
}

/*
 * A packet that is refused before its OPT was read. Is there one, so that one goes back (RFC 6891,
 * 6.1.1), with what the client wants to see in it? Sections that no query has are passed over.
 * Returns its version; 0 also when there is none. Kept out of the one function into which the way of
 * a query is inlined: there it costs every query 50 instructions.
 */
__attribute__((cold, noinline)) static uint8_t find_opt(struct query *q)
{
	const uint8_t *packet = q->packet;
	struct reader r = {packet + DNS_HEADER_SIZE, q->end, false};
	unsigned questions = load_u16(packet + 4), records = load_u16(packet + 10);
	uint8_t version = 0;

	for (; questions > 0 && !r.failed; questions--) {
		skip_name(&r);
		(void)get_bytes(&r, 4);
	}
	skip_records(&r, (unsigned)load_u16(packet + 6) + load_u16(packet + 8));
	for (; records > 0 && !r.failed && !q->edns; records--)
		(void)parse_additional(q, &r, &version);
	q->has_tsig = q->rcode == RCODE_NOTAUTH; /* else no key is why */
	return version;
}

/* The packet behind its header; what it is. */
static enum query_action parse_body(struct query *q, struct reader *r)
{
	unsigned questions = load_u16(q->packet + 4);
	uint8_t version = 0;

	if (questions > 1) /* RFC 9619 */
		return error(q, RCODE_FORMERR);
	if (questions == 1 && parse_question(q, r) < 0)
		return error(q, RCODE_FORMERR);
	if (load_u32(q->packet + 6) != 0 && skip_authority(q, r) < 0)
		return error(q, RCODE_FORMERR);
	if (parse_additionals(q, r, &version) < 0)
		return error(q, RCODE_FORMERR);
	if (version != 0)
		return error(q, RCODE_BADVERS);
	if (reader_left(r) > 0)
		return error(q, RCODE_FORMERR);
	if (q->has_tsig)
		return error(q, RCODE_NOTAUTH);
	if (questions == 0)
		return q->edns && q->cookie_size > 0 ? QUERY_COOKIE : error(q, RCODE_FORMERR);
	return judge_question(q);
}

enum query_action query_parse(
	struct query *q, const struct query_rules *rules, const uint8_t *packet, size_t length)
{
	struct reader r = {packet + DNS_HEADER_SIZE, packet + length, false};
	enum query_action action;

	if (length < DNS_HEADER_SIZE || (packet[2] & 0x80) != 0)
		return QUERY_DROP;
	q->packet = packet;
	q->end = packet + length;
	q->rules = rules;
	q->id = load_u16(packet);
	q->flags = load_u16(packet + 2);
	q->type = q->class = q->question_size = q->rcode = 0;
	q->payload = UDP_PAYLOAD_PLAIN;
	q->edns = q->dnssec_ok = q->has_subnet = q->has_tsig = q->transfer = false;
	action = (q->flags & FLAG_OPCODE) != 0 ? error(q, RCODE_NOTIMP) : parse_body(q, &r);
	if (action == QUERY_ERROR && !q->edns && find_opt(q) != 0 && q->rcode == RCODE_NOTIMP)
		q->rcode = RCODE_BADVERS;
	return action;
}

struct addr query_subnet_address(const struct query *q)
{
	struct addr a = {.family = FAMILY_NONE};

	if (!q->has_subnet || q->subnet.source == 0)
		return a;
	a.family = q->subnet.family == SUBNET_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6;
	memcpy(a.bytes, q->subnet.address, sizeof a.bytes);
	return a;
}
