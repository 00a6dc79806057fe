/*
 * RDATA as text, field by field as its type's layout (rdata.h) says. What would not read back to the
 * same octets is written in the form of RFC 3597.
 */
#include "zones/rdata.h"

#include "base/wire.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* `length` octets between quotes. */
static void format_string(const uint8_t *p, size_t length, struct text *out)
{
	text_puts(out, "\"");
	for (size_t i = 0; i < length; i++) {
		char c = (char)p[i];

		if (p[i] < ' ' || p[i] >= 0x7f)
			text_printf(out, "\\%03u", p[i]);
		else if (c == '"' || c == '\\')
			text_printf(out, "\\%c", c);
		else
			text_add(out, &c, 1);
	}
	text_puts(out, "\"");
}

static void format_hex(const uint8_t *p, size_t length, struct text *out)
{
	for (size_t i = 0; i < length; i++)
		text_printf(out, "%02x", p[i]);
}

void rdata_format_base64(const uint8_t *p, size_t length, struct text *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3) {
		uint32_t group = (uint32_t)p[i] << 16;
		char four[4] = {0, 0, '=', '='};

		group |= i + 1 < length ? (uint32_t)p[i + 1] << 8 : 0;
		group |= i + 2 < length ? (uint32_t)p[i + 2] : 0;
		four[0] = digits[group >> 18];
		four[1] = digits[group >> 12 & 63];
		if (i + 1 < length)
			four[2] = digits[group >> 6 & 63];
		if (i + 2 < length)
			four[3] = digits[group & 63];
		text_add(out, four, 4);
	}
}

static void format_base32(const uint8_t *p, size_t length, struct text *out)
{
	uint32_t bits = 0, count = 0;

	for (size_t i = 0; i < length || count > 0;) {
		while (count < 5 && i < length) {
			bits = bits << 8 | p[i++];
			count += 8;
		}
		if (count < 5) {
			bits <<= 5 - count;
			count = 5;
		}
		text_add(out, &"0123456789abcdefghijklmnopqrstuv"[bits >> (count - 5) & 31], 1);
		count -= 5;
	}
}

/* Two digits an octet with `between` after every `group` of them. */
static void format_groups(
	const uint8_t *p, size_t length, size_t group, const char *between, struct text *out)
{
	for (size_t i = 0; i < length; i += group) {
		if (i > 0)
			text_puts(out, between);
		format_hex(p + i, group, out);
	}
}

static void format_date(uint32_t seconds, struct text *out)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	text_printf(out, "%04d%02d%02d%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void format_bitmap(struct reader *r, struct text *out)
{
	const char *between = "";
	char name[RRTYPE_TEXT_MAX];

	while (reader_left(r) > 0) {
		unsigned window = get_u8(r), length = get_u8(r);
		const uint8_t *bits = get_bytes(r, length);

		for (unsigned i = 0; i < length * 8; i++) {
			if ((bits[i / 8] & (0x80 >> (i & 7))) == 0)
				continue;
			text_puts(out, between);
			text_puts(out, rrtype_format((uint16_t)(window << 8 | i), name));
			between = " ";
		}
	}
}

static void format_nxt(const uint8_t *bits, size_t length, struct text *out)
{
	const char *between = "";
	char name[RRTYPE_TEXT_MAX];

	for (unsigned i = 0; i < length * 8; i++) {
		if ((bits[i / 8] & (0x80 >> (i & 7))) == 0)
			continue;
		text_puts(out, between);
		text_puts(out, rrtype_format((uint16_t)i, name));
		between = " ";
	}
}

static void format_name(struct reader *r, struct text *out)
{
	char name[NAME_TEXT_MAX];

	text_puts(out, name_format(r->at, name));
	(void)rdata_skip_name(r);
}

static void format_address(int family, size_t octets, struct reader *r, struct text *out)
{
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(family, get_bytes(r, octets), address, sizeof address);
	text_puts(out, address);
}

static void format_apl(struct reader *r, struct text *out)
{
	const char *between = "";

	while (reader_left(r) > 0) {
		uint16_t family = get_u16(r);
		uint8_t prefix = get_u8(r), length = get_u8(r), octets[16] = {0};
		struct reader address = {octets, octets + sizeof octets, false};

		memcpy(octets, get_bytes(r, length & 0x7f), length & 0x7f);
		text_printf(out, "%s%s%u:", between, (length & 0x80) != 0 ? "!" : "", family);
		format_address(
			family == 1 ? AF_INET : AF_INET6, family == 1 ? 4 : 16, &address, out);
		text_printf(out, "/%u", prefix);
		between = " ";
	}
}

static void format_gateway(struct reader *r, unsigned kind, struct text *out)
{
	switch (kind) {
	case 1: format_address(AF_INET, 4, r, out); break;
	case 2: format_address(AF_INET6, 16, r, out); break;
	case 3: format_name(r, out); break;
	default: text_puts(out, "."); break;
	}
}

static void format_hip(struct reader *r, struct text *out)
{
	uint8_t identity = get_u8(r), algorithm = get_u8(r);
	uint16_t key = get_u16(r);

	text_printf(out, "%u ", algorithm);
	format_hex(get_bytes(r, identity), identity, out);
	text_puts(out, " ");
	rdata_format_base64(get_bytes(r, key), key, out);
	while (reader_left(r) > 0) {
		text_puts(out, " ");
		format_name(r, out);
	}
}

static void format_wks(struct reader *r, struct text *out)
{
	text_printf(out, "%u", get_u8(r));
	for (unsigned port = 0; reader_left(r) > 0; port += 8) {
		uint8_t bits = get_u8(r);

		for (unsigned i = 0; i < 8; i++)
			if ((bits & (0x80 >> i)) != 0)
				text_printf(out, " %u", port + i);
	}
}

static void format_atma(const uint8_t *p, size_t length, struct text *out)
{
	if (p[0] == 1)
		text_printf(out, "+%.*s", (int)(length - 1), (const char *)p + 1);
	else
		format_hex(p + 1, length - 1, out);
}

/* What runs to the end of the RDATA. */
static void format_rest(char form, struct reader *r, struct text *out)
{
	const uint8_t *p = r->at;
	size_t length = reader_left(r);

	switch (form) {
	case 'x': format_hex(p, length, out); break;
	case 'y':
	case 'z': rdata_format_base64(p, length, out); break;
	case 'Q':
		if (length == 0)
			text_puts(out, "-");
		rdata_format_base64(p, length, out);
		break;
	case 'B': format_nxt(p, length, out); break;
	case 'q': a6_format(r, out); break;
	case 'X': format_string(p, length, out); break;
	case 'N':
		text_puts(out, "0x");
		format_hex(p, length, out);
		break;
	case 'M': format_atma(p, length, out); break;
	case 'p': svcb_format(p, length, out); break;
	case 'b': format_bitmap(r, out); break;
	case 'a': format_apl(r, out); break;
	case 'h': format_hip(r, out); break;
	case 'w': format_wks(r, out); break;
	}
	r->at = r->end;
}

static void format_field(char form, struct reader *r, const uint8_t *rdata, struct text *out)
{
	char type[RRTYPE_TEXT_MAX];
	uint8_t length;

	switch (form) {
	case '1':
	case 'A':
	case 'U':
	case 'V':
	case 'P':
	case 'F':
	case 'R':
	case 'Y':
	case 'W': text_printf(out, "%u", get_u8(r)); break;
	case '2':
	case 'K':
	case 'C': text_printf(out, "%u", get_u16(r)); break;
	case '4':
	case 'd': text_printf(out, "%" PRIu32, get_u32(r)); break;
	case 'T': text_puts(out, rrtype_format(get_u16(r), type)); break;
	case 'D': format_date(get_u32(r), out); break;
	case 'n': format_name(r, out); break;
	case 'i': format_address(AF_INET, 4, r, out); break;
	case 'I': format_address(AF_INET6, 16, r, out); break;
	case 's':
	case 't':
	case 'o':
		length = get_u8(r);
		format_string(get_bytes(r, length), length, out);
		break;
	case 'c':
		length = get_u8(r);
		text_add(out, (const char *)get_bytes(r, length), length);
		break;
	case 'S':
		length = get_u8(r);
		if (length == 0)
			text_puts(out, "-");
		format_hex(get_bytes(r, length), length, out);
		break;
	case 'H':
		length = get_u8(r);
		format_base32(get_bytes(r, length), length, out);
		break;
	case '6': format_groups(get_bytes(r, 6), 6, 1, "-", out); break;
	case 'e': format_groups(get_bytes(r, 8), 8, 1, "-", out); break;
	case '8': format_groups(get_bytes(r, 8), 8, 2, ":", out); break;
	case 'l': loc_format(get_bytes(r, 16), out); break;
	case 'm':
		length = get_u8(r);
		text_printf(out, "%u %u", length >> 7, length & 0x7fu);
		break;
	case 'g': format_gateway(r, rdata[1], out); break;
	case 'G': format_gateway(r, rdata[1] & 0x7fu, out); break;
	default: format_rest(form, r, out); break;
	}
}

/* RFC 3597, 5. */
static void format_generic(const uint8_t *rdata, size_t length, struct text *out)
{
	text_printf(out, "\\# %zu%s", length, length > 0 ? " " : "");
	format_hex(rdata, length, out);
}

/* Does the text from out->data[start] on read back to the same octets? */
static bool reads_back(
	uint16_t type, const uint8_t *rdata, size_t length, const struct text *out, size_t start)
{
	struct report report = {0};
	struct scan scan;
	bool same = false;
	uint8_t *wire = malloc(RDATA_MAX);

	if (wire == NULL || out->failed)
		goto out;
	scan_memory(&scan, out->data + start, out->length - start, "", &report);
	if (scan_next(&scan)) {
		struct fields f = {.scan = &scan,
			.next = scan.tokens,
			.end = scan.tokens + scan.count,
			.type = scan.tokens,
			.at = wire,
			.limit = wire + RDATA_MAX};

		same = rdata_parse(type, &f) == 0 && (size_t)(f.at - wire) == length &&
		       memcmp(wire, rdata, length) == 0;
	}
	scan_close(&scan);
out:
	free(wire);
	report_free(&report);
	return same;
}

void rdata_format(uint16_t type, const uint8_t *rdata, size_t length, struct text *out)
{
	const struct rdata_type *t = rdata_type(type);
	struct reader r = {rdata, rdata + length, false};
	const char *form = t != NULL && t->form != NULL ? t->form : "";
	size_t start = out->length;

	if (*form == '\0' || length == 0 || !rdata_verify(type, rdata, length)) {
		format_generic(rdata, length, out);
		return;
	}
	while (*form != '\0' && (r.at < r.end || strchr("gGXQ", *form) != NULL)) {
		if (r.at != rdata)
			text_puts(out, " ");
		format_field(*form, &r, rdata, out);
		if (*form != 't' || reader_left(&r) == 0)
			form++;
	}
	if (t->parse == NULL && !out->failed && !reads_back(type, rdata, length, out, start)) {
		out->length = start; /* an oddity such as a negated APL item of family 3 */
		format_generic(rdata, length, out);
	}
}
