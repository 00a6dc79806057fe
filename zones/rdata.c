/*
 * RDATA as a whole: from its fields, from hexadecimal (RFC 3597), and compared.
 */
#include "zones/rdata.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int field_hex(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	int high = -1;

	if (t == NULL)
		return -1;
	for (;; t = f->next++) {
		for (size_t i = 0; i < t->length; i++) {
			int digit = hex_digit(t->text[i]);
			uint8_t *room;

			if (digit < 0)
				return field_error(f, t, what, "not hexadecimal");
			if (high < 0) {
				high = digit;
				continue;
			}
			room = field_room(f, t, 1);
			if (room == NULL)
				return -1;
			*room = (uint8_t)(high << 4 | digit);
			high = -1;
		}
		if (f->next == f->end)
			return high < 0 ? 0 : field_error(f, t, what, "an odd number of digits");
	}
}

/* Does the form of RFC 3597 follow? A known type's own text may begin with \# as well. */
static bool is_generic(const struct rdata_type *t, const struct fields *f)
{
	const struct token *next = f->next;
	uint64_t length;

	if (next == f->end || next->quoted || !token_is(next, "\\#"))
		return false;
	return t == NULL || t->form[0] == '\0' ||
	       (next + 1 < f->end && number_parse(next + 1, UINT64_MAX, &length) == 0);
}

/* \# length hexadecimal… (RFC 3597, 5); the first token has been seen. */
static int parse_generic(struct fields *f)
{
	const struct token *mark = f->next++, *length = field_token(f, "length");
	uint8_t *start = f->at;
	uint64_t octets;

	if (length == NULL)
		return -1;
	if (number_parse(length, RDATA_MAX, &octets) < 0)
		return field_error(f, length, "length", "not a number from 0 to 65535");
	if (f->next < f->end && field_hex(f, "RDATA") < 0)
		return -1;
	if ((uint64_t)(f->at - start) != octets) {
		scan_error(f->scan, mark, "\\# says %u octets, there are %u", (unsigned)octets,
			(unsigned)(f->at - start));
		return -1;
	}
	return 0;
}

static int parse_form(const struct rdata_type *t, struct fields *f)
{
	const uint8_t *start = f->at;
	char what[32];

	if (t->form[0] == '\0') {
		scan_error(f->scan, f->type, "%s can only be given as \\# LENGTH HEXADECIMAL",
			t->name);
		return -1;
	}
	for (size_t i = 0; t->form[i] != '\0'; i++) {
		(void)snprintf(what, sizeof what, "%s field %zu", t->name, i + 1);
		if (rdata_text_field(f, t->form[i], what, start) < 0)
			return -1;
	}
	return 0;
}

int rdata_parse(uint16_t type, struct fields *f)
{
	const struct rdata_type *t = rdata_type(type);
	const uint8_t *start = f->at;
	char name[RRTYPE_TEXT_MAX];
	int rc;

	if (is_generic(t, f)) {
		rc = parse_generic(f);
	} else if (t == NULL) {
		scan_error(f->scan, f->type, "%s can only be given as \\# LENGTH HEXADECIMAL",
			rrtype_format(type, name));
		return -1;
	} else {
		if (t->parse != NULL) /* right by construction */
			return t->parse(f) < 0 ? -1 : field_end(f);
		rc = parse_form(t, f);
	}
	if (rc < 0 || field_end(f) < 0)
		return -1;
	if (rdata_verify(type, start, (size_t)(f->at - start)))
		return 0;
	scan_error(f->scan, f->type, "this is no well-formed %s RDATA", rrtype_format(type, name));
	return -1;
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

int rdata_compare(
	uint16_t type, const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
	size_t start, end;
	int order;

	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	names_span(type, a, a_length, &start, &end);
	order = memcmp(a, b, start);
	for (size_t i = start; i < end && order == 0; i++)
		order = (int)lower(a[i]) - (int)lower(b[i]);
	/* equal so far, so the names of `b` end where those of `a` do */
	return order != 0 ? order : memcmp(a + end, b + end, a_length - end);
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
