/*
 * RDATA in wire form, walked by the layout in the table of types: is it well-formed, and what is it as text?
 */
#include "zones/rdata.h"

#include "base/addr.h"
#include "base/wire.h"

#include <inttypes.h>
#include <string.h>

/* Octets of the well-formed, uncompressed name at the reader, which moves past it; 0 = none. */
static size_t skip_name(struct reader *r)
{
	size_t length = 0;

	for (;;) {
		uint8_t label = get_u8(r);

		if (r->failed || label > 63)
			return 0;
		length += (size_t)label + 1;
		if (length > NAME_WIRE_MAX || (label > 0 && get_bytes(r, label) == NULL))
			return 0;
		if (label == 0)
			return length;
	}
}

static bool verify_strings(struct reader *r)
{
	do
		(void)get_bytes(r, get_u8(r));
	while (!r->failed && reader_left(r) > 0);
	return !r->failed;
}

/* RFC 4034, 4.1.2: windows in rising order, 1..32 octets each, the last one not 0. */
static bool verify_bitmap(struct reader *r)
{
	int last = -1;

	while (reader_left(r) > 0) {
		uint8_t window = get_u8(r), length = get_u8(r);
		const uint8_t *bits = get_bytes(r, length);

		if (bits == NULL || window <= last || length == 0 || length > 32 ||
			bits[length - 1] == 0)
			return false;
		last = window;
	}
	return true;
}

/* RFC 9460, 2.2: keys in strictly rising order, each with its length. */
static bool verify_params(struct reader *r)
{
	int last = -1;

	while (reader_left(r) > 0) {
		uint16_t key = get_u16(r);

		if (get_bytes(r, get_u16(r)) == NULL || key <= last)
			return false;
		last = key;
	}
	return true;
}

/* RFC 8659, 4.1: 1..255 letters and digits. */
static bool verify_tag(struct reader *r)
{
	uint8_t length = get_u8(r);
	const uint8_t *tag = get_bytes(r, length);

	if (tag == NULL || length == 0)
		return false;
	for (uint8_t i = 0; i < length; i++) {
		uint8_t c = tag[i] | 0x20;

		if ((c < 'a' || c > 'z') && (tag[i] < '0' || tag[i] > '9'))
			return false;
	}
	return true;
}

/* RFC 1876, 2: version 0; sizes are two digits of 0..9; coordinates within the globe. */
static bool verify_loc(struct reader *r)
{
	const uint8_t *p = get_bytes(r, 16);
	int64_t latitude, longitude;

	if (p == NULL || p[0] != 0)
		return false;
	for (int i = 1; i <= 3; i++)
		if ((p[i] >> 4) > 9 || (p[i] & 15) > 9)
			return false;
	latitude = (int64_t)load_u32(p + 4) - (INT64_C(1) << 31);
	longitude = (int64_t)load_u32(p + 8) - (INT64_C(1) << 31);
	return latitude >= -324000000 && latitude <= 324000000 && longitude >= -648000000 &&
	       longitude <= 648000000;
}

/* RFC 3123, 4. */
static bool verify_apl(struct reader *r)
{
	while (reader_left(r) > 0) {
		uint16_t family = get_u16(r);
		uint8_t prefix = get_u8(r), length = get_u8(r) & 0x7f;
		const uint8_t *address = get_bytes(r, length);

		if (address == NULL || (length > 0 && address[length - 1] == 0))
			return false;
		if (family == 1 && (prefix > 32 || length > 4))
			return false;
		if (family == 2 && (prefix > 128 || length > 16))
			return false;
	}
	return true;
}

/* The gateway of IPSECKEY (RFC 4025, 2.5) or AMTRELAY (RFC 8777, 4.2.4) by its kind. */
static bool verify_gateway(struct reader *r, unsigned kind)
{
	switch (kind) {
	case 0: return true;
	case 1: return get_bytes(r, 4) != NULL;
	case 2: return get_bytes(r, 16) != NULL;
	case 3: return skip_name(r) > 0;
	}
	return false;
}

static bool verify_field(char form, struct reader *r, const uint8_t *rdata)
{
	switch (form) {
	case '1': (void)get_bytes(r, 1); break;
	case '2': (void)get_bytes(r, 2); break;
	case '4':
	case 'i': (void)get_bytes(r, 4); break;
	case '6': (void)get_bytes(r, 6); break;
	case '8': (void)get_bytes(r, 8); break;
	case 'I': (void)get_bytes(r, 16); break;
	case 'n': return skip_name(r) > 0;
	case 's':
	case 'h': (void)get_bytes(r, get_u8(r)); break;
	case 't': return verify_strings(r);
	case 'x':
		if (reader_left(r) == 0)
			return false;
		r->at = r->end;
		break;
	case 'X': r->at = r->end; break;
	case 'b': return verify_bitmap(r);
	case 'p': return verify_params(r);
	case 'c': return verify_tag(r);
	case 'l': return verify_loc(r);
	case 'a': return verify_apl(r);
	case 'g': return verify_gateway(r, rdata[1]);
	case 'G': return verify_gateway(r, rdata[1] & 0x7f);
	}
	return !r->failed;
}

bool rdata_verify(uint16_t type, const uint8_t *rdata, size_t length)
{
	const struct rdata_type *t = rdata_type(type);
	struct reader r = {rdata, rdata + length, false};

	if (t == NULL || t->form[0] == '\0')
		return true;
	for (const char *form = t->form; *form != '\0'; form++)
		if (!verify_field(*form, &r, rdata))
			return false;
	return reader_left(&r) == 0;
}

/* ---- text ---- */

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

static void format_field(char form, struct reader *r, struct text *out)
{
	char name[NAME_TEXT_MAX], address[ADDR_TEXT_MAX];
	struct addr a = {0};
	uint8_t length;

	switch (form) {
	case '1': text_printf(out, "%u", get_u8(r)); break;
	case '2': text_printf(out, "%u", get_u16(r)); break;
	case '4': text_printf(out, "%" PRIu32, get_u32(r)); break;
	case 'n':
		text_puts(out, name_format(r->at, name));
		(void)skip_name(r);
		break;
	case 'i':
		a.family = FAMILY_IPV4;
		memcpy(a.bytes, get_bytes(r, 4), 4);
		text_puts(out, addr_format(&a, address));
		break;
	case 'I':
		a.family = FAMILY_IPV6;
		memcpy(a.bytes, get_bytes(r, 16), 16);
		text_puts(out, addr_format(&a, address));
		break;
	case 's':
	case 't':
		length = get_u8(r);
		format_string(get_bytes(r, length), length, out);
		break;
	case 'c':
		length = get_u8(r);
		text_add(out, (const char *)get_bytes(r, length), length);
		break;
	case 'X':
		format_string(r->at, reader_left(r), out);
		r->at = r->end;
		break;
	}
}

/* RFC 3597, 5. */
static void format_generic(const uint8_t *rdata, size_t length, struct text *out)
{
	text_printf(out, "\\# %zu%s", length, length > 0 ? " " : "");
	for (size_t i = 0; i < length; i++)
		text_printf(out, "%02x", rdata[i]);
}

void rdata_format(uint16_t type, const uint8_t *rdata, size_t length, struct text *out)
{
	const struct rdata_type *t = rdata_type(type);
	struct reader r = {rdata, rdata + length, false};
	const char *form = t != NULL ? t->form : "";

	if (t == NULL || t->parse == NULL || !rdata_verify(type, rdata, length)) {
		format_generic(rdata, length, out);
		return;
	}
	while (*form != '\0') {
		if (r.at != rdata)
			text_puts(out, " ");
		format_field(*form, &r, out);
		if (*form != 't' || reader_left(&r) == 0)
			form++;
	}
}
