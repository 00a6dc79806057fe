/*
 * Service parameters of SVCB and HTTPS (RFC 9460, 2.1 and 14.3.2; dohpath RFC 9461, ohttp RFC
 * 9540).
 *
 * Text may give them in any order; wire has them in rising order of their keys, each once. Values
 * of known keys are checked; others are octets.
 */
#include "zones/rdata.h"

#include "base/addr.h"
#include "base/wire.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS_MAX 128 /* parameters of one record */

enum value {
	VALUE_MANDATORY,
	VALUE_ALPN,
	VALUE_NONE,
	VALUE_PORT,
	VALUE_IPV4,
	VALUE_BASE64,
	VALUE_IPV6,
	VALUE_PATH,
	VALUE_OCTETS
};

struct key {
	const char *name;
	enum value value;
};

/* By number. ECH is base 64 (RFC 9848). */
static const struct key keys[] = {
	{"mandatory", VALUE_MANDATORY},
	{"alpn", VALUE_ALPN},
	{"no-default-alpn", VALUE_NONE},
	{"port", VALUE_PORT},
	{"ipv4hint", VALUE_IPV4},
	{"ech", VALUE_BASE64},
	{"ipv6hint", VALUE_IPV6},
	{"dohpath", VALUE_PATH},
	{"ohttp", VALUE_NONE},
};
#define KEYS (sizeof keys / sizeof keys[0])

#define KEY_ALPN            1u
#define KEY_NO_DEFAULT_ALPN 2u

static enum value value_kind(uint16_t key)
{
	return key < KEYS ? keys[key].value : VALUE_OCTETS;
}

/* ---- text to wire ---- */

/* One parameter as it stands in the text, and its value in wire form. */
struct param {
	const struct token *token;
	uint16_t key;
	const uint8_t *value;
	size_t length;
};

static int parse_key(const char *text, size_t length, uint16_t *key)
{
	struct token digits = {.text = text + 3, .length = (uint32_t)(length - 3)};
	uint64_t number;

	for (size_t i = 0; i < KEYS; i++) {
		if (strlen(keys[i].name) == length && memcmp(keys[i].name, text, length) == 0) {
			*key = (uint16_t)i;
			return 0;
		}
	}
	if (length < 4 || memcmp(text, "key", 3) != 0 || (text[3] == '0' && length > 4) ||
		number_parse(&digits, UINT16_MAX - 1, &number) < 0) /* 65535 is reserved */
		return -1;
	*key = (uint16_t)number;
	return 0;
}

/* The next item of a comma-separated list, with its escapes as in RFC 9460, A.1: "\," and "\\"
 * (doubled again by the quoting of the token, which is resolved already). To out[0..255]; its
 * length, -1 when empty or too long. */
static int next_item(const uint8_t **at, const uint8_t *end, uint8_t *out)
{
	int length = 0;

	while (*at < end && **at != ',') {
		if (**at == '\\' && ++*at == end)
			return -1;
		if (length == 255)
			return -1;
		out[length++] = *(*at)++;
	}
	if (*at < end && ++*at == end)
		return -1; /* a comma at the end */
	return length > 0 ? length : -1;
}

static int by_number(const void *a, const void *b)
{
	return (int)load_u16(a) - (int)load_u16(b);
}

/* Items of a list to wire at f->at. `raw` is the value with the token's own escapes resolved. */
static const char *put_item(
	struct fields *f, const struct token *t, enum value kind, const uint8_t *item, int length)
{
	char text[256];
	uint8_t *room;
	uint16_t key;

	memcpy(text, item, (size_t)length);
	text[length] = '\0';
	switch (kind) {
	case VALUE_ALPN:
		room = field_room(f, t, (size_t)length + 1);
		if (room == NULL)
			return "too long";
		room[0] = (uint8_t)length;
		memcpy(room + 1, item, (size_t)length);
		return NULL;
	case VALUE_MANDATORY:
		room = field_room(f, t, 2);
		if (room == NULL || parse_key(text, (size_t)length, &key) < 0)
			return "not a list of keys";
		store_u16(room, key);
		return NULL;
	case VALUE_IPV4:
		room = field_room(f, t, 4);
		return room != NULL && inet_pton(AF_INET, text, room) == 1
			       ? NULL
			       : "not a list of IPv4 addresses";
	case VALUE_IPV6:
		room = field_room(f, t, 16);
		return room != NULL && inet_pton(AF_INET6, text, room) == 1
			       ? NULL
			       : "not a list of IPv6 addresses";
	case VALUE_NONE:
	case VALUE_PORT:
	case VALUE_BASE64:
	case VALUE_PATH:
	case VALUE_OCTETS: break;
	}
	return "no list";
}

static const char *put_list(
	struct fields *f, const struct token *t, enum value kind, const uint8_t *raw, size_t length)
{
	const uint8_t *end = raw + length;
	uint8_t item[255], *start = f->at;

	if (length == 0)
		return "needs a value";
	while (raw < end) {
		int octets = next_item(&raw, end, item);
		const char *why = octets < 0 ? "an item is empty or too long"
					     : put_item(f, t, kind, item, octets);

		if (why != NULL)
			return why;
	}
	if (kind == VALUE_MANDATORY)
		qsort(start, (size_t)(f->at - start) / 2, 2, by_number);
	return NULL;
}

/* The value of `kind` to wire at f->at; NULL, or what is wrong. */
static const char *put_value(
	struct fields *f, const struct token *t, enum value kind, const uint8_t *raw, size_t length)
{
	struct token text = {.text = (const char *)raw, .length = (uint32_t)length};
	struct fields one = *f;
	uint64_t port;
	uint8_t *room;

	switch (kind) {
	case VALUE_NONE: return length > 0 ? "takes no value" : NULL;
	case VALUE_PORT:
		room = field_room(f, t, 2);
		if (room == NULL || number_parse(&text, UINT16_MAX, &port) < 0)
			return "not a port from 0 to 65535";
		store_u16(room, (uint16_t)port);
		return NULL;
	case VALUE_BASE64:
		text.line = t->line;
		text.column = t->column;
		one.next = &text;
		one.end = &text + 1;
		if (length == 0 || rdata_text_field(&one, 'y', "ech", one.at) < 0)
			return "not base 64";
		f->at = one.at;
		return NULL;
	case VALUE_PATH:
	case VALUE_OCTETS:
		if (kind == VALUE_PATH && length == 0)
			return "needs a value";
		room = field_room(f, t, length);
		if (room == NULL)
			return "too long";
		memcpy(room, raw, length);
		return NULL;
	case VALUE_ALPN:
	case VALUE_MANDATORY:
	case VALUE_IPV4:
	case VALUE_IPV6: return put_list(f, t, kind, raw, length);
	}
	return "unknown";
}

/* key, key=value, or key= with a quoted value glued to it: moves past it; the value's octets,
 * escapes resolved, to raw[0..*length). */
static int split_param(struct fields *f, uint16_t *key, uint8_t *raw, size_t *length)
{
	const struct token *t = f->next++;
	const char *equals = memchr(t->text, '=', t->length);
	size_t name = equals != NULL ? (size_t)(equals - t->text) : t->length;
	struct token value = {.text = t->text + t->length};

	if (t->quoted || parse_key(t->text, name, key) < 0)
		return field_error(f, t, "service parameter", "unknown key");
	if (equals != NULL) {
		value.text = equals + 1;
		value.length = t->length - (uint32_t)name - 1;
	}
	if (equals != NULL && value.length == 0 && f->next < f->end && f->next->glued)
		value = *f->next++;
	*length = 0;
	for (size_t i = 0; i < value.length;) {
		int c = token_octet(&value, &i);

		if (c < 0)
			return field_error(f, t, "service parameter",
				"an escape is not \\X or \\000 to \\255");
		if (*length == RDATA_MAX)
			return field_error(f, t, "service parameter", "too long");
		raw[(*length)++] = (uint8_t)c;
	}
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return (int)((const struct param *)a)->key - (int)((const struct param *)b)->key;
}

/* All parameters to `values`, described in params[]; their number, or -1. */
static int collect(struct fields *f, struct param *params, struct fields *values, uint8_t *raw)
{
	int count = 0;

	for (; f->next < f->end; count++) {
		struct param *p = &params[count];
		const char *why;
		size_t length = 0;

		p->token = f->next;
		if (count == PARAMS_MAX)
			return field_error(f, f->next, "service parameter", "too many");
		if (split_param(f, &p->key, raw, &length) < 0)
			return -1;
		p->value = values->at;
		why = put_value(values, p->token, value_kind(p->key), raw, length);
		if (why != NULL)
			return field_error(f, p->token, "service parameter", why);
		p->length = (size_t)(values->at - p->value);
	}
	return count;
}

static int put_params(struct fields *f, struct param *params, size_t count)
{
	if (count > 1)
		qsort(params, count, sizeof *params, by_key);
	for (size_t i = 0; i < count; i++) {
		const struct param *p = &params[i];
		uint8_t *room;

		if (i > 0 && p->key == params[i - 1].key)
			return field_error(
				f, p->token, "service parameter", "the key is there twice");
		room = field_room(f, p->token, 4 + p->length);
		if (room == NULL)
			return -1;
		store_u16(room, p->key);
		store_u16(room + 2, (uint16_t)p->length);
		memcpy(room + 4, p->value, p->length);
	}
	return 0;
}

int svcb_parse(struct fields *f)
{
	struct param params[PARAMS_MAX + 1] = {0};
	uint8_t *scratch = malloc((size_t)2 * RDATA_MAX);
	struct fields values = *f;
	uint8_t *start = f->at;
	int count, rc = -1;

	if (scratch == NULL)
		return field_error(f, f->type, "service parameters", "out of memory");
	values.at = scratch;
	values.limit = scratch + RDATA_MAX;
	count = collect(f, params, &values, scratch + RDATA_MAX);
	if (count >= 0)
		rc = put_params(f, params, (size_t)count);
	free(scratch);
	if (rc == 0 && !svcb_verify(start, (size_t)(f->at - start)))
		rc = field_error(f, f->type, "service parameters",
			"mandatory keys must be there, no-default-alpn needs alpn");
	return rc;
}

/* ---- wire ---- */

static bool has_key(const uint8_t *p, size_t length, uint16_t key)
{
	struct reader r = {p, p + length, false};

	while (reader_left(&r) > 0 && !r.failed) {
		if (get_u16(&r) == key)
			return true;
		(void)get_bytes(&r, get_u16(&r));
	}
	return false;
}

/* Keys in strictly rising order, not `mandatory` itself, and all of them there (RFC 9460, 8). Both
 * lists rise: one walk along them. */
static bool verify_mandatory(
	const uint8_t *value, size_t length, const uint8_t *all, size_t all_length)
{
	struct reader r = {all, all + all_length, false};
	int there = -1, last = 0;

	for (size_t i = 0; i + 1 < length; i += 2) {
		int key = load_u16(value + i);

		if (key <= last)
			return false;
		last = key;
		while (there < key && reader_left(&r) > 0 && !r.failed) {
			there = get_u16(&r);
			(void)get_bytes(&r, get_u16(&r));
		}
		if (there != key)
			return false;
	}
	return length > 0 && length % 2 == 0;
}

static bool verify_alpn(const uint8_t *value, size_t length)
{
	struct reader r = {value, value + length, false};

	while (reader_left(&r) > 0) {
		uint8_t octets = get_u8(&r);

		if (octets == 0 || get_bytes(&r, octets) == NULL)
			return false;
	}
	return length > 0;
}

bool svcb_verify(const uint8_t *p, size_t length)
{
	struct reader r = {p, p + length, false};
	int last = -1;

	while (reader_left(&r) > 0) {
		uint16_t key = get_u16(&r), octets = get_u16(&r);
		const uint8_t *value = get_bytes(&r, octets);
		bool good = true;

		if (value == NULL || key <= last)
			return false;
		last = key;
		switch (value_kind(key)) {
		case VALUE_MANDATORY: good = verify_mandatory(value, octets, p, length); break;
		case VALUE_ALPN: good = verify_alpn(value, octets); break;
		case VALUE_NONE: good = octets == 0; break;
		case VALUE_PORT: good = octets == 2; break;
		case VALUE_IPV4: good = octets > 0 && octets % 4 == 0; break;
		case VALUE_IPV6: good = octets > 0 && octets % 16 == 0; break;
		case VALUE_PATH:
		case VALUE_BASE64: good = octets > 0; break;
		case VALUE_OCTETS: break;
		}
		if (!good || (key == KEY_NO_DEFAULT_ALPN && !has_key(p, length, KEY_ALPN)))
			return false;
	}
	return true;
}

/* ---- wire to text ---- */

static void format_octet(uint8_t c, struct text *out)
{
	if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == ';' || c == '(' || c == ')')
		text_printf(out, "\\%03u", c);
	else
		text_add(out, (const char *)&c, 1);
}

/* An item of a list: comma and backslash are escaped for the list, and that escape for the
 * token. */
static void format_item(const uint8_t *p, size_t length, struct text *out)
{
	for (size_t i = 0; i < length; i++) {
		if (p[i] == ',' || p[i] == '\\')
			text_puts(out, "\\\\");
		format_octet(p[i], out);
	}
}

static void format_key(uint16_t key, struct text *out)
{
	if (key < KEYS)
		text_puts(out, keys[key].name);
	else
		text_printf(out, "key%u", key);
}

static void format_list(enum value kind, const uint8_t *p, size_t length, struct text *out)
{
	const uint8_t *end = p + length;
	char address[ADDR_TEXT_MAX];
	struct addr a = {.family = kind == VALUE_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6};
	const char *between = "=";

	while (p < end) {
		text_puts(out, between);
		between = ",";
		if (kind == VALUE_ALPN) {
			format_item(p + 1, p[0], out);
			p += p[0] + 1;
		} else if (kind == VALUE_MANDATORY) {
			format_key(load_u16(p), out);
			p += 2;
		} else {
			memcpy(a.bytes, p, addr_size(&a));
			/* inet_ntop, as an address that maps IPv4 must stay one of IPv6 */
			text_puts(out, inet_ntop(kind == VALUE_IPV4 ? AF_INET : AF_INET6, p,
					       address, sizeof address));
			p += addr_size(&a);
		}
	}
}

void svcb_format(const uint8_t *p, size_t length, struct text *out)
{
	struct reader r = {p, p + length, false};

	while (reader_left(&r) > 0) {
		uint16_t key = get_u16(&r), octets = get_u16(&r);
		const uint8_t *value = get_bytes(&r, octets);

		if (r.at - octets - 4 != p)
			text_puts(out, " ");
		format_key(key, out);
		switch (value_kind(key)) {
		case VALUE_NONE: break;
		case VALUE_PORT: text_printf(out, "=%u", load_u16(value)); break;
		case VALUE_MANDATORY:
		case VALUE_ALPN:
		case VALUE_IPV4:
		case VALUE_IPV6: format_list(value_kind(key), value, octets, out); break;
		case VALUE_BASE64:
			text_puts(out, "=");
			rdata_format_base64(value, octets, out);
			break;
		case VALUE_PATH:
		case VALUE_OCTETS:
			if (octets > 0)
				text_puts(out, "=");
			for (uint16_t i = 0; i < octets; i++)
				format_octet(value[i], out);
			break;
		}
	}
}
