/*
 * The table of types, and the direct path for the common ones.
 */
#include "zones/rdata.h"

#include "base/hash.h"
#include "base/wire.h"
#include "zones/name.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse_a(struct fields *f)
{
	return field_ipv4(f, "address");
}

static int parse_aaaa(struct fields *f)
{
	return field_ipv6(f, "address");
}

static int parse_name(struct fields *f)
{
	return field_name(f, "name");
}

static int parse_soa(struct fields *f)
{
	if (field_name(f, "primary server") < 0 || field_name(f, "mailbox") < 0 ||
		field_number(f, "serial", UINT32_MAX, 4) < 0 || field_time(f, "refresh") < 0 ||
		field_time(f, "retry") < 0 || field_time(f, "expire") < 0)
		return -1;
	return field_time(f, "minimum");
}

static int parse_mx(struct fields *f)
{
	return field_number(f, "preference", 65535, 2) < 0 ? -1 : field_name(f, "exchange");
}

static int parse_srv(struct fields *f)
{
	if (field_number(f, "priority", 65535, 2) < 0 || field_number(f, "weight", 65535, 2) < 0 ||
		field_number(f, "port", 65535, 2) < 0)
		return -1;
	return field_name(f, "target");
}

/* Strings; one of more than 255 octets becomes several. */
static int parse_txt(struct fields *f)
{
	do {
		const struct token *t = field_token(f, "text");
		uint8_t *length = NULL;

		if (t == NULL)
			return -1;
		for (size_t i = 0; i < t->length || length == NULL;) {
			uint8_t *room;
			int c = 0;

			if (length == NULL || *length == 255) {
				length = field_room(f, t, 1);
				if (length == NULL)
					return -1;
				*length = 0;
				continue;
			}
			c = token_octet(t, &i);
			if (c < 0)
				return field_error(
					f, t, "text", "an escape is not \\X or \\000 to \\255");
			room = field_room(f, t, 1);
			if (room == NULL)
				return -1;
			*room = (uint8_t)c;
			++*length;
		}
	} while (f->next < f->end);
	return 0;
}

/* RFC 8659, 4.1: flags, tag of letters and digits, value to the end; the value may stand without quotes. */
static int parse_caa(struct fields *f)
{
	const struct token *tag, *value;

	if (field_number(f, "flags", 255, 1) < 0)
		return -1;
	tag = f->next;
	if (field_string(f, "tag") < 0)
		return -1;
	if (tag->length == 0)
		return field_error(f, tag, "tag", "empty");
	for (size_t i = 0; i < tag->length; i++) {
		char c = (char)(tag->text[i] | 0x20);

		if ((c < 'a' || c > 'z') && (tag->text[i] < '0' || tag->text[i] > '9'))
			return field_error(f, tag, "tag", "not of letters and digits");
	}
	value = field_token(f, "value");
	if (value == NULL)
		return -1;
	for (size_t i = 0; i < value->length;) {
		int c = token_octet(value, &i);
		uint8_t *room;

		if (c < 0)
			return field_error(
				f, value, "value", "an escape is not \\X or \\000 to \\255");
		room = field_room(f, value, 1);
		if (room == NULL)
			return -1;
		*room = (uint8_t)c;
	}
	return 0;
}

#define NAMES(n, at)                                                                               \
	{                                                                                          \
		(n), (at), true                                                                    \
	}
#define NO_NAMES                                                                                   \
	{                                                                                          \
		0, 0, false                                                                        \
	}

/* The common types first: a name is looked for from the top. */
static const struct rdata_type types[] = {
	{TYPE_A, "A", NO_NAMES, "i", parse_a}, {TYPE_AAAA, "AAAA", NO_NAMES, "I", parse_aaaa},
	{TYPE_CNAME, "CNAME", NAMES(1, 0), "n", parse_name},
	{TYPE_NS, "NS", NAMES(1, 0), "n", parse_name}, {TYPE_MX, "MX", NAMES(1, 2), "2n", parse_mx},
	{TYPE_TXT, "TXT", NO_NAMES, "t", parse_txt},
	{TYPE_PTR, "PTR", NAMES(1, 0), "n", parse_name},
	{TYPE_SRV, "SRV", {1, 6, false}, "222n", parse_srv},
	{TYPE_SOA, "SOA", NAMES(2, 0), "nn44444", parse_soa},
	{TYPE_CAA, "CAA", NO_NAMES, "1cX", parse_caa},
	{TYPE_DNAME, "DNAME", {1, 0, false}, "n", parse_name},
	{TYPE_POOL, "POOL", NO_NAMES, "X", NULL}, /* load_pool() */
};

const struct rdata_type *rdata_type(uint16_t type)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

struct rdata_names rdata_names(uint16_t type)
{
	const struct rdata_type *t = rdata_type(type);

	return t != NULL ? t->names : (struct rdata_names){0, 0, false};
}

const char *rrtype_format(uint16_t type, char out[RRTYPE_TEXT_MAX])
{
	const struct rdata_type *t = rdata_type(type);

	if (t != NULL)
		(void)snprintf(out, RRTYPE_TEXT_MAX, "%s", t->name);
	else
		(void)snprintf(out, RRTYPE_TEXT_MAX, "TYPE%u", (unsigned)type);
	return out;
}

int rrtype_parse(const struct token *t, uint16_t *type, const char **why)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (token_is(t, types[i].name)) {
			*type = types[i].type;
			return 0;
		}
	}
	*why = "unknown type";
	return -1;
}

int rdata_parse(uint16_t type, struct fields *f)
{
	const struct rdata_type *t = rdata_type(type);

	if (t == NULL)
		return -1;
	return t->parse(f) < 0 ? -1 : field_end(f);
}

/* ---- equality ---- */

/* Where the names of `type` lie in this RDATA: start and end. */
static void names_span(
	uint16_t type, const uint8_t *rdata, size_t length, size_t *start, size_t *end)
{
	struct rdata_names names = rdata_names(type);

	*start = names.count > 0 ? names.first_offset : length;
	*end = *start;
	for (uint8_t i = 0; i < names.count; i++)
		*end += name_length(rdata + *end);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool rdata_equal(
	uint16_t type, const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
	size_t start, end;

	if (a_length != b_length)
		return false;
	names_span(type, a, a_length, &start, &end);
	if (memcmp(a, b, start) != 0 || memcmp(a + end, b + end, a_length - end) != 0)
		return false;
	for (size_t i = start; i < end; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

uint64_t rdata_hash(uint16_t type, const uint8_t *rdata, size_t length)
{
	size_t start, end;
	uint64_t h;

	names_span(type, rdata, length, &start, &end);
	h = hash_bytes(type, rdata, start);
	for (size_t i = start; i < end; i++)
		h = hash_mix(h, lower(rdata[i]));
	return hash_bytes(h, rdata + end, length - end);
}
