/*
 * LOC (RFC 1876): d1 [m1 [s1]] {N|S} d2 [m2 [s2]] {E|W} alt["m"] [siz["m"] [hp["m"] [vp["m"]]]]
 *
 * Wire: version 0, size, horizontal and vertical precision (each base and power of ten,
 * centimetres), latitude and longitude (thousandths of a second of arc around 2^31), altitude
 * (centimetres above 100 km below the ellipsoid).
 */
#include "zones/rdata.h"

#include "base/wire.h"

#include <inttypes.h>
#include <string.h>

#define EQUATOR       (INT64_C(1) << 31)
#define ALTITUDE_BASE INT64_C(10000000)   /* cm */
#define ALTITUDE_MAX  INT64_C(4284967295) /* cm; what is left of 32 bits above the base */
#define SIZE_MAX_CM   INT64_C(9000000000) /* 9e9: 90,000 km */
#define DEGREE_MS     INT64_C(3600000)

/* "12", "12.345", "12." or ".3" with at most `places` decimals, to units of 10^-places; -1 when
 * malformed or above 10^12. */
static int parse_decimal(const char *text, size_t length, unsigned places, int64_t *out)
{
	int64_t value = 0;
	size_t i = 0;
	unsigned decimals = 0;

	for (; i < length && text[i] >= '0' && text[i] <= '9'; i++)
		if ((value = value * 10 + (text[i] - '0')) > INT64_C(1000000000000))
			return -1;
	if (i == 0 && (length < 2 || text[0] != '.'))
		return -1;
	if (i < length && text[i] == '.') {
		bool whole = i > 0;

		for (i++; i < length && text[i] >= '0' && text[i] <= '9' && decimals < places;
			i++) {
			value = value * 10 + (text[i] - '0');
			decimals++;
		}
		if (decimals == 0 && (!whole || places == 0))
			return -1;
	}
	for (; decimals < places; decimals++)
		value *= 10;
	*out = value;
	return i == length ? 0 : -1;
}

/* Degrees, perhaps minutes and seconds, and the direction. To thousandths of a second from the
 * equator or meridian. */
static int parse_angle(struct fields *f, const char *what, const char *directions,
	int64_t degrees_max, uint8_t *out)
{
	static const struct {
		int64_t limit, factor;
		unsigned places;
	} parts[] = {{181, DEGREE_MS, 0}, {60, 60000, 0}, {60000, 1, 3}};
	int64_t total = 0, value;

	for (size_t i = 0; i < 4; i++) {
		const struct token *t = field_token(f, what);

		if (t == NULL)
			return -1;
		if (i > 0 && t->length == 1 && strchr(directions, t->text[0] & ~0x20) != NULL) {
			if (total > degrees_max * DEGREE_MS)
				return field_error(f, t, what, "too many degrees");
			if ((t->text[0] & ~0x20) == directions[1])
				total = -total;
			store_u32(out, (uint32_t)(EQUATOR + total));
			return 0;
		}
		if (i == 3 || parse_decimal(t->text, t->length, parts[i].places, &value) < 0 ||
			value >= parts[i].limit)
			return field_error(f, t, what, "not degrees, minutes, seconds, direction");
		total += value * parts[i].factor;
	}
	return -1; /* not reached: the fourth part is the direction or an error */
}

/* Metres with centimetres, perhaps with an "m" and a sign, to centimetres. */
static int parse_metres(
	struct fields *f, const char *what, int64_t least, int64_t most, int64_t *out)
{
	const struct token *t = field_token(f, what);
	bool minus, sign;
	size_t length;

	if (t == NULL)
		return -1;
	minus = t->length > 0 && t->text[0] == '-';
	sign = minus || (least < 0 && t->length > 0 && t->text[0] == '+');
	length = t->length - sign;
	if (length > 0 && (t->text[t->length - 1] | 0x20) == 'm')
		length--;
	if (parse_decimal(t->text + sign, length, 2, out) < 0)
		return field_error(f, t, what, "not metres such as 10 or -2.50m");
	if (minus)
		*out = -*out;
	if (*out < least || *out > most)
		return field_error(f, t, what, "out of range");
	return 0;
}

/* Centimetres as one digit and a power of ten. */
static uint8_t pack_size(int64_t cm)
{
	unsigned power = 0;

	for (; cm > 9; cm /= 10)
		power++;
	return (uint8_t)((unsigned)cm << 4 | power);
}

int loc_parse(struct fields *f)
{
	static const char *const names[] = {
		"LOC size", "LOC horizontal precision", "LOC vertical precision"};
	uint8_t *p = field_room(f, f->type, 16);
	int64_t cm = 0;

	if (p == NULL)
		return -1;
	p[0] = 0;
	p[1] = 0x12; /* 1 m */
	p[2] = 0x16; /* 10 km */
	p[3] = 0x13; /* 10 m */
	if (parse_angle(f, "LOC latitude", "NS", 90, p + 4) < 0 ||
		parse_angle(f, "LOC longitude", "EW", 180, p + 8) < 0 ||
		parse_metres(f, "LOC altitude", -ALTITUDE_BASE, ALTITUDE_MAX, &cm) < 0)
		return -1;
	store_u32(p + 12, (uint32_t)(cm + ALTITUDE_BASE));
	for (int i = 0; i < 3 && f->next < f->end; i++) {
		if (parse_metres(f, names[i], 0, SIZE_MAX_CM, &cm) < 0)
			return -1;
		p[i + 1] = pack_size(cm);
	}
	return 0;
}

bool loc_verify(const uint8_t p[16])
{
	int64_t latitude = (int64_t)load_u32(p + 4) - EQUATOR;
	int64_t longitude = (int64_t)load_u32(p + 8) - EQUATOR;

	if (p[0] != 0)
		return false;
	for (int i = 1; i <= 3; i++)
		if ((p[i] >> 4) > 9 || (p[i] & 15) > 9)
			return false;
	return latitude >= -90 * DEGREE_MS && latitude <= 90 * DEGREE_MS &&
	       longitude >= -180 * DEGREE_MS && longitude <= 180 * DEGREE_MS;
}

static void format_angle(const uint8_t *p, const char *directions, struct text *out)
{
	int64_t angle = (int64_t)load_u32(p) - EQUATOR;
	char direction = angle < 0 ? directions[1] : directions[0];

	if (angle < 0)
		angle = -angle;
	text_printf(out, "%" PRId64 " %" PRId64 " %" PRId64 ".%03" PRId64 " %c ", angle / DEGREE_MS,
		angle / 60000 % 60, angle / 1000 % 60, angle % 1000, direction);
}

static void format_metres(int64_t cm, struct text *out)
{
	if (cm < 0)
		text_puts(out, "-");
	cm = cm < 0 ? -cm : cm;
	text_printf(out, "%" PRId64 ".%02" PRId64 "m", cm / 100, cm % 100);
}

void loc_format(const uint8_t p[16], struct text *out)
{
	format_angle(p + 4, "NS", out);
	format_angle(p + 8, "EW", out);
	format_metres((int64_t)load_u32(p + 12) - ALTITUDE_BASE, out);
	for (int i = 1; i <= 3; i++) {
		int64_t cm = p[i] >> 4;

		for (int power = p[i] & 15; power > 0; power--)
			cm *= 10;
		text_puts(out, " ");
		format_metres(cm, out);
	}
}
