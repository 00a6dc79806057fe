/*
 * Is RDATA in wire form what its type's layout (rdata.h) says? Asked of everything but the direct
 * path's own work: of what ldns made, of hexadecimal RDATA (RFC 3597), before anything is printed.
 */
#include "zones/rdata.h"

#include "base/wire.h"

#define TYPE_KEY          25u
#define KEY_FLAGS_NO_KEY  0xc000u /* RFC 2535, 3.1.2 */
#define TYPE_ZONEMD       63u     /* RFC 8976, 2.2 */
#define ZONEMD_SCHEME_AT  4u
#define ZONEMD_SIMPLE     1u
#define ZONEMD_FIXED      6u /* octets before the digest */
#define ZONEMD_DIGEST_MIN 12u

size_t rdata_skip_name(struct reader *r)
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

/* To the end, at least so many octets. */
static bool verify_rest(struct reader *r, size_t least)
{
	bool enough = reader_left(r) >= least;

	r->at = r->end;
	return enough;
}

/* RFC 2535, 5.2: a bit for each type up to 127, the first one 0, the last octet not. */
static bool verify_nxt(struct reader *r)
{
	size_t length = reader_left(r);
	const uint8_t *bits = r->at;

	r->at = r->end;
	return length == 0 || (length <= 16 && (bits[0] & 0x80) == 0 && bits[length - 1] != 0);
}

/* The gateway of IPSECKEY (RFC 4025, 2.5) or the relay of AMTRELAY (RFC 8777, 4.2.4) by its kind. */
static bool verify_gateway(struct reader *r, unsigned kind)
{
	switch (kind) {
	case 0: return true;
	case 1: return get_bytes(r, 4) != NULL;
	case 2: return get_bytes(r, 16) != NULL;
	case 3: return rdata_skip_name(r) > 0;
	}
	return false;
}

/* RFC 8005, 5: lengths of identity and key, algorithm, both, rendezvous servers. */
static bool verify_hip(struct reader *r)
{
	uint8_t identity = get_u8(r);
	uint16_t key;

	(void)get_u8(r);
	key = get_u16(r);
	if (identity == 0 || key == 0 || get_bytes(r, identity) == NULL ||
		get_bytes(r, key) == NULL)
		return false;
	while (reader_left(r) > 0)
		if (rdata_skip_name(r) == 0)
			return false;
	return true;
}

/* Octets of a letter that always has as many; 0 for the others. */
static size_t fixed_size(char form)
{
	switch (form) {
	case '1':
	case 'A':
	case 'U':
	case 'V':
	case 'W':
	case 'P':
	case 'F':
	case 'R':
	case 'Y':
	case 'm': return 1;
	case '2':
	case 'C':
	case 'K':
	case 'T': return 2;
	case '4':
	case 'd':
	case 'D':
	case 'i': return 4;
	case '6': return 6;
	case '8':
	case 'e': return 8;
	case 'I':
	case 'l': return 16;
	}
	return 0;
}

static bool verify_field(char form, struct reader *r, const uint8_t *rdata)
{
	size_t size = fixed_size(form);

	if (size > 0) {
		const uint8_t *p = get_bytes(r, size);

		return p != NULL && (form != 'l' || loc_verify(p));
	}
	switch (form) {
	case 'n': return rdata_skip_name(r) > 0;
	case 's':
	case 'S': return get_bytes(r, get_u8(r)) != NULL;
	case 'o': return reader_left(r) == 0 || get_bytes(r, get_u8(r)) != NULL;
	case 'H': return reader_left(r) > 1 && r->at[0] > 0 && get_bytes(r, get_u8(r)) != NULL;
	case 't': return verify_strings(r);
	case 'x':
	case 'y':
	case 'w':
	case 'N': return verify_rest(r, 1);
	case 'M': return verify_rest(r, 2);
	case 'z':
	case 'Q':
	case 'X': return verify_rest(r, 0);
	case 'B': return verify_nxt(r);
	case 'q': return a6_verify(r);
	case 'b': return verify_bitmap(r);
	case 'c': return verify_tag(r);
	case 'a': return verify_apl(r);
	case 'h': return verify_hip(r);
	case 'g': return verify_gateway(r, rdata[1]);
	case 'G': /* kinds to come have a form to come */
		return (rdata[1] & 0x7f) > 3 ? verify_rest(r, 0)
					     : verify_gateway(r, rdata[1] & 0x7f);
	case 'p': {
		const uint8_t *params = r->at;

		r->at = r->end;
		return svcb_verify(params, (size_t)(r->end - params));
	}
	}
	return false;
}

/* Digests whose kind says how long they are: DS (RFC 4034, 4509, 6605), SSHFP (4255, 6594), TLSA
 * (6698), ZONEMD (8976; of its own scheme). `kind` 0: of an unknown kind, any length. */
static bool verify_digest(uint16_t type, const uint8_t *rdata, size_t length)
{
	static const struct {
		uint16_t type;
		uint8_t kind_at, digest_at, kind, octets;
	} digests[] = {{43, 3, 4, 1, 20}, {43, 3, 4, 2, 32}, {43, 3, 4, 4, 48}, {44, 1, 2, 1, 20},
		{44, 1, 2, 2, 32}, {52, 2, 3, 1, 32}, {52, 2, 3, 2, 64}, {53, 2, 3, 1, 32},
		{53, 2, 3, 2, 64}, {59, 3, 4, 1, 20}, {59, 3, 4, 2, 32}, {59, 3, 4, 4, 48},
		{63, 5, 6, 1, 48}, {63, 5, 6, 2, 64}};

	if (type == TYPE_ZONEMD && length < ZONEMD_FIXED + ZONEMD_DIGEST_MIN)
		return false;
	if (type == TYPE_ZONEMD && rdata[ZONEMD_SCHEME_AT] != ZONEMD_SIMPLE)
		return true; /* a private scheme's digests are its own business */
	for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
		if (digests[i].type == type && rdata[digests[i].kind_at] == digests[i].kind &&
			length != (size_t)digests[i].digest_at + digests[i].octets)
			return false;
	return true;
}

bool rdata_verify(uint16_t type, const uint8_t *rdata, size_t length)
{
	const struct rdata_type *t = rdata_type(type);
	struct reader r = {rdata, rdata + length, false};

	if (t == NULL || t->form == NULL || t->form[0] == '\0')
		return true;
	for (const char *form = t->form; *form != '\0'; form++)
		if (!verify_field(*form, &r, rdata))
			return false;
	if (type == TYPE_KEY && length == 4 &&
		(load_u16(rdata) & KEY_FLAGS_NO_KEY) != KEY_FLAGS_NO_KEY)
		return false;
	return reader_left(&r) == 0 && verify_digest(type, rdata, length);
}
