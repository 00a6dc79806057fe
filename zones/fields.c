#include "zones/fields.h"

#include "base/wire.h"
#include "zones/hints.h"
#include "zones/name.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int field_error(struct fields *f, const struct token *t, const char *what, const char *why)
{
	char shown[TOKEN_SHOWN_MAX];

	scan_error(f->scan, t, "%s \"%s\": %s", what, token_show(t, shown), why);
	return -1;
}

const struct token *field_token(struct fields *f, const char *what)
{
	char shown[TOKEN_SHOWN_MAX];

	if (f->next < f->end)
		return f->next++;
	scan_error(f->scan, f->type, "%s has no %s", token_show(f->type, shown), what);
	return NULL;
}

int field_end(struct fields *f)
{
	char type[TOKEN_SHOWN_MAX], shown[TOKEN_SHOWN_MAX];

	if (f->next == f->end)
		return 0;
	scan_error(f->scan, f->next, "\"%s\": one field too many for %s%s",
		token_show(f->next, shown), token_show(f->type, type), hint_of_field(f->next));
	return -1;
}

uint8_t *field_room(struct fields *f, const struct token *t, size_t n)
{
	uint8_t *p = f->at;

	if ((size_t)(f->limit - f->at) < n) {
		scan_error(f->scan, t, "the record is longer than 65535 octets");
		return NULL;
	}
	f->at += n;
	return p;
}

int field_name(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	const char *why = NULL;
	uint8_t wire[NAME_WIRE_MAX], *room;
	size_t length;

	if (t == NULL)
		return -1;
	if (t->quoted)
		return field_error(f, t, what, "a quoted string is no name");
	length = name_from_chars(wire, t->text, t->length, f->origin, &why);
	if (length == 0)
		return field_error(f, t, what, why);
	if (f->lint != NULL)
		lint_name(f->lint, f->scan, t, what, wire, length, f->origin);
	room = field_room(f, t, length);
	if (room == NULL)
		return -1;
	memcpy(room, wire, length);
	return 0;
}

int number_parse(const struct token *t, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (t->length == 0 || t->length > 19)
		return -1;
	for (size_t i = 0; i < t->length; i++) {
		unsigned digit = (unsigned)(uint8_t)t->text[i] - '0';

		if (digit > 9)
			return -1;
		value = value * 10 + digit;
	}
	if (value > max)
		return -1;
	*out = value;
	return 0;
}

static void store_number(uint8_t *p, uint32_t value, unsigned octets)
{
	while (octets-- > 0) {
		p[octets] = (uint8_t)value;
		value >>= 8;
	}
}

int field_number(struct fields *f, const char *what, uint32_t max, unsigned octets)
{
	const struct token *t = field_token(f, what);
	uint64_t value;
	uint8_t *room;

	if (t == NULL)
		return -1;
	if (number_parse(t, max, &value) < 0) {
		char why[48];

		(void)snprintf(why, sizeof why, "not a number from 0 to %" PRIu32, max);
		return field_error(f, t, what, why);
	}
	room = field_room(f, t, octets);
	if (room == NULL)
		return -1;
	store_number(room, (uint32_t)value, octets);
	return 0;
}

static uint32_t ttl_unit(char c)
{
	switch (c | 0x20) {
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return 86400;
	case 'w': return 604800;
	}
	return 0;
}

/* A time of at most `max` seconds. -1 with *why. */
static int time_parse(const struct token *t, uint64_t max, uint32_t *out, const char **why)
{
	uint64_t total = 0, value = 0;
	bool digits = false, units = false;

	for (size_t i = 0; i < t->length; i++) {
		unsigned digit = (unsigned)(uint8_t)t->text[i] - '0';
		uint32_t unit;

		if (digit <= 9) {
			digits = true;
			value = value * 10 + digit;
		} else {
			unit = ttl_unit(t->text[i]);
			if (unit == 0 || !digits) {
				*why = "not a time such as 3600 or 1h30m";
				return -1;
			}
			total += value * unit;
			value = 0;
			digits = false;
			units = true;
		}
		if (total + value > max) {
			*why = max == TTL_MAX_S ? "above 2147483647 seconds"
						: "above 4294967295 seconds";
			return -1;
		}
	}
	if (t->length == 0 || (digits && units)) {
		*why = "not a time such as 3600 or 1h30m";
		return -1;
	}
	*out = (uint32_t)(total + value);
	return 0;
}

int ttl_parse(const struct token *t, uint32_t *out, const char **why)
{
	return time_parse(t, TTL_MAX_S, out, why);
}

int field_time(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	const char *why = NULL;
	uint32_t value;
	uint8_t *room;

	if (t == NULL)
		return -1;
	if (time_parse(t, UINT32_MAX, &value, &why) < 0)
		return field_error(f, t, what, why);
	room = field_room(f, t, 4);
	if (room == NULL)
		return -1;
	store_u32(room, value);
	return 0;
}

int token_octet(const struct token *t, size_t *i)
{
	const char *p = t->text + *i;
	int value = 0;

	if (*p != '\\') {
		++*i;
		return (unsigned char)*p;
	}
	if (t->length - *i < 2)
		return -1;
	if (p[1] < '0' || p[1] > '9') {
		*i += 2;
		return (unsigned char)p[1];
	}
	if (t->length - *i < 4)
		return -1;
	for (int k = 1; k <= 3; k++) {
		if (p[k] < '0' || p[k] > '9')
			return -1;
		value = value * 10 + (p[k] - '0');
	}
	*i += 4;
	return value <= 255 ? value : -1;
}

int field_string(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	uint8_t text[255], *room;
	size_t length = 0;

	if (t == NULL)
		return -1;
	for (size_t i = 0; i < t->length;) {
		int c = token_octet(t, &i);

		if (c < 0)
			return field_error(f, t, what, "an escape is not \\X or \\000 to \\255");
		if (length == sizeof text)
			return field_error(f, t, what, "longer than 255 octets");
		text[length++] = (uint8_t)c;
	}
	room = field_room(f, t, length + 1);
	if (room == NULL)
		return -1;
	room[0] = (uint8_t)length;
	memcpy(room + 1, text, length);
	return 0;
}

/* Four numbers from 0 to 255 without needless zeros. */
static int ipv4_parse(const struct token *t, uint8_t *out)
{
	unsigned part = 0, digits = 0, value = 0;

	for (size_t i = 0; i <= t->length; i++) {
		unsigned digit = i < t->length ? (unsigned)(uint8_t)t->text[i] - '0' : 10;

		if (digit <= 9) {
			if (digits > 0 && value == 0)
				return -1;
			value = value * 10 + digit;
			if (++digits > 3 || value > 255)
				return -1;
			continue;
		}
		if (digits == 0 || (i < t->length && t->text[i] != '.') || part == 4)
			return -1;
		out[part++] = (uint8_t)value;
		if (part == 4 && i < t->length)
			return -1;
		value = digits = 0;
	}
	return part == 4 ? 0 : -1;
}

int field_ipv4(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	uint8_t *room;

	if (t == NULL)
		return -1;
	room = field_room(f, t, 4);
	if (room == NULL)
		return -1;
	if (ipv4_parse(t, room) < 0)
		return field_error(f, t, what, "not an IPv4 address");
	return 0;
}

int field_ipv6(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	char text[INET6_ADDRSTRLEN];
	uint8_t *room;

	if (t == NULL)
		return -1;
	room = field_room(f, t, 16);
	if (room == NULL)
		return -1;
	if (t->length >= sizeof text)
		return field_error(f, t, what, "not an IPv6 address");
	memcpy(text, t->text, t->length);
	text[t->length] = '\0';
	if (inet_pton(AF_INET6, text, room) != 1)
		return field_error(f, t, what, "not an IPv6 address");
	return 0;
}
