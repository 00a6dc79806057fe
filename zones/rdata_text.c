/*
 * Fields of the less common types, text to wire, by the letter of their layout.
 *
 * ldns parses what is encoded in a way of its own: base 64, base 32, EUI, ILNP, mnemonics of
 * algorithms. Each text is checked here against what ldns may be given, as wrong digits and numbers
 * too large would pass, and rdata_verify() looks at what came out. Not given to ldns 1.8.3 at all:
 * NSAP and ATMA (0x47.0005 and 39.246f.00 crash it), WKS (an unknown service becomes port 0), LOC,
 * APL and IPSECKEY (numbers wrap).
 */
#include "zones/rdata.h"

#include "base/addr.h"
#include "base/wire.h"
#include "zones/name.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOINED_MAX ((size_t)RDATA_MAX * 2) /* characters of base 64 for 64 KiB, and more */

/* ---- text that goes to ldns ---- */

static bool only(const char *text, size_t length, const char *allowed)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0' || strchr(allowed, text[i]) == NULL)
			return false;
	return true;
}

/* The tokens that are left, at least one, as one; NULL with an error. The caller's. */
static char *join(struct fields *f, const char *what, const char *allowed)
{
	struct text all = {0};

	if (f->next == f->end) {
		(void)field_token(f, what);
		return NULL;
	}
	for (; f->next < f->end; f->next++) {
		if (!only(f->next->text, f->next->length, allowed)) {
			field_error(f, f->next, what, "a character that cannot be here");
			goto fail;
		}
		text_add(&all, f->next->text, f->next->length);
		if (all.failed || all.length > JOINED_MAX) {
			field_error(f, f->next, what, "too long");
			goto fail;
		}
	}
	return all.data;
fail:
	text_free(&all);
	return NULL;
}

typedef ldns_status ldns_parser(ldns_rdf **out, const char *text);

/* Text to wire by ldns; `octets` of it, or any number when 0. */
static int from_ldns(struct fields *f, const struct token *t, const char *what, ldns_parser *parse,
	const char *text, size_t octets)
{
	ldns_rdf *rdf = NULL;
	ldns_status status = parse(&rdf, text);
	uint8_t *room;
	int rc = -1;

	if (status != LDNS_STATUS_OK || rdf == NULL) /* rdf may point to what was freed already */
		return field_error(f, t, what, ldns_get_errorstr_by_id(status));
	if (octets > 0 && ldns_rdf_size(rdf) != octets) {
		field_error(f, t, what, "of the wrong length");
	} else {
		room = field_room(f, t, ldns_rdf_size(rdf));
		if (room != NULL) {
			memcpy(room, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
			rc = 0;
		}
	}
	ldns_rdf_deep_free(rdf);
	return rc;
}

#define TOKEN_TEXT_MAX 64 /* octets of a token for ldns, with its NUL */

static int token_from_ldns(
	struct fields *f, const char *what, ldns_parser *parse, const char *allowed, size_t octets)
{
	const struct token *t = field_token(f, what);
	char text[TOKEN_TEXT_MAX];

	if (t == NULL)
		return -1;
	if (t->length == 0 || t->length >= sizeof text || !only(t->text, t->length, allowed))
		return field_error(f, t, what, "malformed");
	memcpy(text, t->text, t->length);
	text[t->length] = '\0';
	return from_ldns(f, t, what, parse, text, octets);
}

/* A number, or a word that ldns knows. */
static int field_mnemonic(
	struct fields *f, const char *what, ldns_parser *parse, uint32_t max, unsigned octets)
{
	const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";

	if (f->next < f->end && f->next->length > 0 &&
		(f->next->text[0] < '0' || f->next->text[0] > '9'))
		return token_from_ldns(f, what, parse, letters, octets);
	return field_number(f, what, max, octets);
}

/* The same of a word that rdata_word() knows. */
static int field_word(struct fields *f, const char *what, char form, uint32_t max, unsigned octets)
{
	uint32_t number;
	uint8_t *room;

	if (f->next == f->end || rdata_word(form, f->next, &number) < 0)
		return field_number(f, what, max, octets);
	room = field_room(f, f->next++, octets);
	if (room == NULL)
		return -1;
	if (octets == 2)
		store_u16(room, (uint16_t)number);
	else
		*room = (uint8_t)number;
	return 0;
}

#define HEX_DIGITS "0123456789abcdefABCDEF"

/* ---- one letter each ---- */

static int field_base64(struct fields *f, const char *what, bool may_be_empty)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	const struct token *first = f->next;
	size_t length, padding;
	char *text;
	int rc = -1;

	if (may_be_empty && f->next == f->end)
		return 0;
	text = join(f, what, alphabet);
	if (text == NULL)
		return -1;
	length = strlen(text);
	padding = length - strcspn(text, "=");
	if (length % 4 != 0 || padding > 2 || (padding > 0 && text[length - 1] != '=') ||
		(padding == 2 && text[length - 2] != '=') || length == 0) {
		field_error(f, first, what, "not base 64");
		goto out;
	}
	rc = from_ldns(f, first, what, ldns_str2rdf_b64, text, length / 4 * 3 - padding);
out:
	free(text);
	return rc;
}

static int field_type(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	const char *why = NULL;
	uint16_t type;
	uint8_t *room;

	if (t == NULL)
		return -1;
	if (rrtype_parse(t, &type, &why) < 0)
		return field_error(f, t, what, why);
	room = field_room(f, t, 2);
	if (room == NULL)
		return -1;
	store_u16(room, type);
	return 0;
}

/* The types that are left as a bitmap (RFC 4034, 4.1.2). */
static int field_bitmap(struct fields *f, const char *what)
{
	uint8_t bits[256][32] = {{0}};

	for (; f->next < f->end; f->next++) {
		const char *why = NULL;
		uint16_t type;

		if (rrtype_parse(f->next, &type, &why) < 0)
			return field_error(f, f->next, what, why);
		bits[type >> 8][(type & 255) / 8] |= (uint8_t)(0x80 >> (type & 7));
	}
	for (unsigned window = 0; window < 256; window++) {
		uint8_t length = 32, *room;

		while (length > 0 && bits[window][length - 1] == 0)
			length--;
		if (length == 0)
			continue;
		room = field_room(f, f->type, 2u + length);
		if (room == NULL)
			return -1;
		room[0] = (uint8_t)window;
		room[1] = length;
		memcpy(room + 2, bits[window], length);
	}
	return 0;
}

/* The types that are left, up to 127, as one bit each (RFC 2535, 5.2). */
static int field_nxt(struct fields *f, const char *what)
{
	uint8_t bits[16] = {0}, *room;
	size_t length = sizeof bits;

	for (; f->next < f->end; f->next++) {
		const char *why = NULL;
		uint16_t type;

		if (rrtype_parse(f->next, &type, &why) < 0)
			return field_error(f, f->next, what, why);
		if (type > 127)
			return field_error(
				f, f->next, what, "NXT has no place for types above 127");
		bits[type / 8] |= (uint8_t)(0x80 >> (type & 7));
	}
	while (length > 0 && bits[length - 1] == 0)
		length--;
	room = field_room(f, f->type, length);
	if (room == NULL)
		return -1;
	memcpy(room, bits, length);
	return 0;
}

/* YYYYMMDDHHmmSS, or seconds since 1970 in at most ten digits (RFC 4034, 3.2). */
static int field_date(struct fields *f, const char *what)
{
	const struct token *t = f->next;
	struct tm tm = {0}, back;
	uint64_t number;
	uint8_t *room;
	time_t seconds;

	if (t == f->end || t->length != 14)
		return field_number(f, what, UINT32_MAX, 4);
	f->next++;
	if (number_parse(t, UINT64_MAX, &number) < 0)
		return field_error(f, t, what, "not a date such as 20261123090000");
	tm.tm_sec = (int)(number % 100);
	tm.tm_min = (int)(number / 100 % 100);
	tm.tm_hour = (int)(number / 10000 % 100);
	tm.tm_mday = (int)(number / 1000000 % 100);
	tm.tm_mon = (int)(number / 100000000 % 100) - 1;
	tm.tm_year = (int)(number / 10000000000) - 1900;
	back = tm;
	seconds = timegm(&back); /* puts the 31st of February right, which shows */
	if (back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon || back.tm_hour != tm.tm_hour ||
		back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec || seconds < 0)
		return field_error(f, t, what, "not a date such as 20261123090000");
	room = field_room(f, t, 4);
	if (room == NULL)
		return -1;
	store_u32(room, (uint32_t)seconds); /* in serial number arithmetic (RFC 4034, 3.1.5) */
	return 0;
}

/* Hexadecimal or "-" for none, with its length octet. */
static int field_salt(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	struct fields one = *f;
	uint8_t *length;

	if (t == NULL)
		return -1;
	length = field_room(f, t, 1);
	if (length == NULL)
		return -1;
	*length = 0;
	if (t->length == 1 && t->text[0] == '-')
		return 0;
	one.next = t;
	one.end = t + 1;
	one.at = f->at;
	if (field_hex(&one, what) < 0)
		return -1;
	if (one.at == f->at || one.at - f->at > 255)
		return field_error(f, t, what, "not 1 to 255 octets");
	*length = (uint8_t)(one.at - f->at);
	f->at = one.at;
	return 0;
}

static int base32_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
}

/* Base 32 with the extended alphabet, without padding (RFC 5155, 3.3), with its length octet. */
static int field_next_owner(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	uint32_t bits = 0, count = 0;
	uint8_t *length;

	if (t == NULL)
		return -1;
	length = field_room(f, t, 1);
	if (length == NULL)
		return -1;
	for (size_t i = 0; i < t->length; i++) {
		int digit = base32_digit(t->text[i]);
		uint8_t *room;

		if (digit < 0)
			return field_error(f, t, what, "not base 32");
		bits = bits << 5 | (uint32_t)digit;
		count += 5;
		if (count < 8)
			continue;
		count -= 8;
		room = field_room(f, t, 1);
		if (room == NULL)
			return -1;
		*room = (uint8_t)(bits >> count);
	}
	if (count >= 5 || (bits & ((1u << count) - 1)) != 0) /* a digit too many, bits left over */
		return field_error(f, t, what, "not base 32");
	if (f->at - length - 1 < 1 || f->at - length - 1 > 255)
		return field_error(f, t, what, "not 1 to 255 octets");
	*length = (uint8_t)(f->at - length - 1);
	return 0;
}

/* "!1:192.0.2.0/24" … (RFC 3123, 5) */
static int field_apl(struct fields *f, const char *what)
{
	for (; f->next < f->end; f->next++) {
		const struct token *t = f->next;
		bool negated = t->length > 0 && t->text[0] == '!';
		const char *item = t->text + negated;
		size_t length = t->length - negated, octets;
		char text[PREFIX_TEXT_MAX];
		struct addr address = {.family = FAMILY_NONE};
		struct token bits = {.text = text};
		uint64_t prefix = 0;
		uint8_t *room;
		char *slash;

		if (length < 3 || (item[0] != '1' && item[0] != '2') || item[1] != ':' ||
			length - 2 >= sizeof text)
			return field_error(f, t, what, "not an item such as 1:192.0.2.0/24");
		memcpy(text, item + 2, length - 2);
		text[length - 2] = '\0';
		slash = strchr(text, '/');
		if (slash == NULL)
			return field_error(f, t, what, "not an item such as 1:192.0.2.0/24");
		*slash = '\0';
		bits.text = slash + 1;
		bits.length = (uint32_t)strlen(slash + 1);
		/* bits past the prefix are no mistake: RFC 3123 does not forbid them */
		if (addr_parse(text, &address) < 0 ||
			(address.family == FAMILY_IPV4) != (item[0] == '1') ||
			number_parse(&bits, addr_bits(&address), &prefix) < 0)
			return field_error(f, t, what, "not a prefix of its family");
		octets = addr_size(&address);
		while (octets > 0 && address.bytes[octets - 1] == 0)
			octets--;
		room = field_room(f, t, 4 + octets);
		if (room == NULL)
			return -1;
		store_u16(room, (uint16_t)(item[0] - '0'));
		room[2] = (uint8_t)prefix;
		room[3] = (uint8_t)(octets | (negated ? 0x80 : 0));
		memcpy(room + 4, address.bytes, octets);
	}
	return 0;
}

static int field_gateway(struct fields *f, const char *what, unsigned kind)
{
	const struct token *t;

	switch (kind) {
	case 0:
		t = field_token(f, what);
		if (t == NULL)
			return -1;
		return token_is(t, ".") ? 0 : field_error(f, t, what, "must be . for kind 0");
	case 1: return field_ipv4(f, what);
	case 2: return field_ipv6(f, what);
	case 3: return field_name(f, what);
	}
	return field_error(f, f->type, what, "kind is not 0 to 3");
}

/* Discovery optional (0 or 1), kind of relay: one octet (RFC 8777, 4.2). */
static int field_amtrelay(struct fields *f, const char *what)
{
	uint8_t *at = f->at;

	if (field_number(f, what, 1, 1) < 0 || field_number(f, what, 127, 1) < 0)
		return -1;
	at[0] = (uint8_t)(at[0] << 7 | at[1]);
	f->at = at + 1;
	return 0;
}

/* algorithm HIT key rendezvous servers… (RFC 8005, 6) */
static int field_hip(struct fields *f, const char *what)
{
	uint8_t *head = field_room(f, f->type, 4);
	struct fields algorithm = *f, one;

	if (head == NULL)
		return -1;
	algorithm.at = head + 1;
	algorithm.limit = head + 2;
	if (field_number(&algorithm, "HIP algorithm", 255, 1) < 0)
		return -1;
	one = algorithm;
	one.at = f->at;
	one.limit = f->limit;
	one.end = one.next < f->end ? one.next + 1 : f->end;
	if (field_hex(&one, "HIP identity") < 0)
		return -1;
	if (one.at == f->at || one.at - f->at > 255)
		return field_error(f, f->type, "HIP identity", "not 1 to 255 octets");
	head[0] = (uint8_t)(one.at - f->at);
	f->at = one.at;
	one.end = one.next < f->end ? one.next + 1 : f->end;
	if (field_base64(&one, "HIP key", false) < 0)
		return -1;
	store_u16(head + 2, (uint16_t)(one.at - f->at));
	f->at = one.at;
	f->next = one.next;
	while (f->next < f->end)
		if (field_name(f, what) < 0)
			return -1;
	return 0;
}

static int field_rest_string(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);

	if (t == NULL)
		return -1;
	for (size_t i = 0; i < t->length;) {
		int c = token_octet(t, &i);
		uint8_t *room;

		if (c < 0)
			return field_error(f, t, what, "an escape is not \\X or \\000 to \\255");
		room = field_room(f, t, 1);
		if (room == NULL)
			return -1;
		*room = (uint8_t)c;
	}
	return 0;
}

int rdata_text_field(struct fields *f, char form, const char *what, const uint8_t *start)
{
	switch (form) {
	case '1': return field_number(f, what, UINT8_MAX, 1);
	case '2': return field_number(f, what, UINT16_MAX, 2);
	case '4': return field_number(f, what, UINT32_MAX, 4);
	case 'n': return field_name(f, what);
	case 's': return field_string(f, what);
	case 'o': return f->next < f->end ? field_string(f, what) : 0;
	case 'i': return field_ipv4(f, what);
	case 'I': return field_ipv6(f, what);
	case 'x': return field_hex(f, what);
	case 'y': return field_base64(f, what, false);
	case 'z': return field_base64(f, what, true);
	case 'X': return field_rest_string(f, what);
	case 'T': return field_type(f, what);
	case 'A': return field_mnemonic(f, what, ldns_str2rdf_alg, UINT8_MAX, 1);
	case 'C': return field_mnemonic(f, what, ldns_str2rdf_cert_alg, UINT16_MAX, 2);
	case 'U': return field_mnemonic(f, what, ldns_str2rdf_certificate_usage, UINT8_MAX, 1);
	case 'V': return field_mnemonic(f, what, ldns_str2rdf_selector, UINT8_MAX, 1);
	case 'W': return field_mnemonic(f, what, ldns_str2rdf_matching_type, UINT8_MAX, 1);
	case 'd': return field_time(f, what);
	case 'D': return field_date(f, what);
	case 'S': return field_salt(f, what);
	case 'H': return field_next_owner(f, what);
	case 'b': return field_bitmap(f, what);
	case '8': return token_from_ldns(f, what, ldns_str2rdf_ilnp64, HEX_DIGITS ":", 8);
	case '6': return token_from_ldns(f, what, ldns_str2rdf_eui48, HEX_DIGITS "-", 6);
	case 'e': return token_from_ldns(f, what, ldns_str2rdf_eui64, HEX_DIGITS "-", 8);
	case 'p': return svcb_parse(f);
	case 'l': return loc_parse(f);
	case 'a': return field_apl(f, what);
	case 'g': return field_gateway(f, what, start[1]);
	case 'm': return field_amtrelay(f, what);
	case 'G': return field_gateway(f, what, start[1] & 0x7fu);
	case 'h': return field_hip(f, what);
	case 'w': return wks_parse(f);
	case 'q': return a6_parse(f);
	case 'B': return field_nxt(f, what);
	case 'K': return field_word(f, what, form, UINT16_MAX, 2);
	case 'P':
	case 'F':
	case 'R':
	case 'Y': return field_word(f, what, form, UINT8_MAX, 1);
	case 'Q':
		if (f->end - f->next == 1 && token_is(f->next, "-")) {
			f->next++;
			return 0;
		}
		return field_base64(f, what, false);
	case 'N': return nsap_parse(f, what);
	case 'M': return atma_parse(f, what);
	}
	return field_error(f, f->type, what, "has no text form");
}
