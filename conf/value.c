/*
 * The table of types: adding one is a row here and a reader in scalar*.c. Printers stand here; each
 * writes what its reader takes, so that a printed configuration loads again.
 */
#include "conf/value.h"

#include "conf/scalar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef void print_function(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out);

static void print_number(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	(void)c;
	text_printf(out, "%" PRId64, scalar_load(field, key->size));
}

static void print_percent(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	print_number(c, key, field, out);
	text_puts(out, "%");
}

static void print_duration(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	char text[DURATION_TEXT_MAX];

	(void)c;
	text_puts(
		out, duration_format((uint64_t)scalar_load(field, key->size) * key->unit_ms, text));
}

static void print_degrees(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	char digits[32];
	double value;
	int length;

	(void)c, (void)key;
	memcpy(&value, field, sizeof value);
	length = snprintf(digits, sizeof digits, "%.9f", value);
	while (length > 1 && digits[length - 1] == '0')
		length--;
	if (length > 0 && digits[length - 1] == '.')
		length--;
	text_add(out, digits, length > 0 ? (size_t)length : 0);
}

static void print_word(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	(void)c;
	value_quote(out, schema_word(key->words, (int)scalar_load(field, key->size)));
}

static void print_switch(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	(void)c;
	text_puts(out, scalar_load(field, key->size) != 0 ? "true" : "false");
}

static void print_string(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	const char *text;

	(void)c, (void)key;
	memcpy(&text, field, sizeof text);
	value_quote(out, text);
}

static void print_text(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	const char *text;

	(void)c, (void)key;
	memcpy(&text, field, sizeof text);
	value_quote(out, *text != '\0' ? text : SCALAR_NO_TEXT);
}

static void print_secret(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	struct conf_secret secret;

	(void)c, (void)key;
	memcpy(&secret, field, sizeof secret);
	text_puts(out, "\"");
	for (size_t i = 0; i < sizeof secret.octets; i++)
		text_printf(out, "%02x", secret.octets[i]);
	text_puts(out, "\"");
}

static void print_hostport(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	char text[HOSTPORT_TEXT_MAX];
	struct hostport value;

	(void)c, (void)key;
	memcpy(&value, field, sizeof value);
	value_quote(out, hostport_format(&value, text));
}

static void print_address(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	char text[ADDR_TEXT_MAX];
	struct addr value;

	(void)c, (void)key;
	memcpy(&value, field, sizeof value);
	value_quote(out, addr_format(&value, text));
}

static void print_prefix(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix value;

	(void)c, (void)key;
	memcpy(&value, field, sizeof value);
	value_quote(out, prefix_format(&value, text));
}

static void print_rule(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	struct conf_rule rule;
	char text[16];

	(void)c, (void)key;
	memcpy(&rule, field, sizeof rule);
	switch (rule.kind) {
	case RULE_DEFAULT: value_quote(out, "default"); break;
	case RULE_COUNTRY: value_quote(out, rule.code); break;
	case RULE_CONTINENT:
		(void)snprintf(text, sizeof text, "continent:%s", rule.code);
		value_quote(out, text);
		break;
	}
}

static void print_status(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	struct conf_status_range range;

	(void)c, (void)key;
	memcpy(&range, field, sizeof range);
	if (range.low == range.high)
		text_printf(out, "%u", range.low);
	else
		text_printf(out, "%u-%u", range.low, range.high);
}

static void print_reference(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	size_t index = (size_t)scalar_load(field, key->size);

	if (key->type == TYPE_REGION)
		value_quote(out, c->regions[index].name);
	else if (key->type == TYPE_CHECK)
		value_quote(out, c->checks[index].name);
	else
		value_quote(out, c->pools[index].name);
}

struct value_type_row {
	const char *name, *help;
	const char
		*json; /* inside of a JSON Schema object; NULL: made of the key's range or words */
	scalar_parse *parse;
	print_function *print;
};

#define JSON_NAME "\"type\": \"string\", \"pattern\": \"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$\""
#define JSON_TEXT "\"type\": \"string\", \"minLength\": 1"

static const struct value_type_row types[VALUE_TYPES] = {
	[TYPE_NONE] = {"", "", "", NULL, NULL},
	[TYPE_WORD] = {"word", "One of the words listed.", NULL, scalar_word, print_word},
	[TYPE_SWITCH] = {"true or false", "`true` or `false`.", "\"type\": \"boolean\"",
		scalar_switch, print_switch},
	[TYPE_NUMBER] = {"number",
		"A whole number in decimal digits, without leading zeros: `8080`.", NULL,
		scalar_number, print_number},
	[TYPE_PERCENT] = {"percent", "A whole number with `%`: `10%`.",
		"\"type\": \"string\", \"pattern\": \"^(0|[1-9][0-9]*)%$\"", scalar_percent,
		print_percent},
	[TYPE_DURATION] = {"duration",
		"Whole numbers with units `ms`, `s`, `m`, `h`, `d`, the largest first: `250ms`, "
		"`5s`, "
		"`1h30m`. A number alone is refused, except `0`.",
		"\"type\": [\"string\", \"integer\"], \"pattern\": "
		"\"^(0|([0-9]+d)?([0-9]+h)?([0-9]+m)?"
		"([0-9]+s)?([0-9]+ms)?)$\", \"maximum\": 0, \"minimum\": 0",
		scalar_duration, print_duration},
	[TYPE_DEGREES] = {"degrees",
		"Decimal degrees with at most nine decimals: `51.51`, `-0.13`.",
		"\"type\": \"number\", \"minimum\": -180, \"maximum\": 180", scalar_degrees,
		print_degrees},
	[TYPE_WORKERS] = {"number or auto", "A whole number, or `auto`.", NULL, scalar_workers,
		print_number},
	[TYPE_PATH] = {"path",
		"A path in the file system; a relative one starts at the folder of the "
		"configuration file.",
		JSON_TEXT, scalar_path, print_string},
	[TYPE_HOSTPORT] = {"address:port",
		"`192.0.2.1:53`, or `\"[2001:db8::1]:53\"` with quotes. Names are not resolved.",
		JSON_TEXT, scalar_hostport, print_hostport},
	[TYPE_ADDRESS] = {"address", "`192.0.2.1` or `\"2001:db8::1\"`. Names are not resolved.",
		JSON_TEXT, scalar_address, print_address},
	[TYPE_PREFIX] = {"network",
		"`192.0.2.0/24` or `2001:db8::/32`, with zeros after the prefix; an address alone "
		"is one host.",
		JSON_TEXT, scalar_prefix, print_prefix},
	[TYPE_NAME] = {"name",
		"Up to 63 letters, digits, `-`, `_` and inner dots; the first is no `-`. Case "
		"matters.",
		JSON_NAME, scalar_name, print_string},
	[TYPE_USER] = {"account", "A system account: up to 23 letters, digits, `-` and `_`.",
		"\"type\": \"string\", \"pattern\": \"^[A-Za-z_][A-Za-z0-9_-]{0,22}$\"",
		scalar_user, print_string},
	[TYPE_URL_PATH] = {"URL path",
		"Starts with `/`; other than visible ASCII is percent-encoded.",
		"\"type\": \"string\", \"pattern\": \"^/[!-~]*$\"", scalar_url_path, print_string},
	[TYPE_HOST] = {"host", "A name or an address, with `:port` if need be: `www.example.com`.",
		"\"type\": \"string\", \"pattern\": \"^[A-Za-z0-9._:\\\\[\\\\]-]+$\"", scalar_host,
		print_string},
	[TYPE_TEXT] = {"text", "Visible ASCII and blanks; `none`: nothing.", JSON_TEXT, scalar_text,
		print_text},
	[TYPE_SECRET] = {"secret",
		"32 hexadecimal digits, in quotes: 16 random octets, such as `openssl rand -hex "
		"16` prints.",
		"\"type\": \"string\", \"pattern\": \"^[0-9A-Fa-f]{32}$\"", scalar_secret,
		print_secret},
	[TYPE_RULE] = {"rule",
		"`GB` (ISO 3166-1), `continent:EU` (AF AN AS EU NA OC SA), `default`.",
		"\"type\": \"string\", \"pattern\": "
		"\"^(default|[A-Za-z]{2}|continent:[A-Za-z]{2})$\"",
		scalar_rule, print_rule},
	[TYPE_STATUS] = {"status", "One HTTP status or a range: `200`, `200-299`.",
		"\"type\": [\"string\", \"integer\"], \"pattern\": "
		"\"^([1-5][0-9]{2}-)?[2-5][0-9]{2}$\", "
		"\"minimum\": 200, \"maximum\": 599",
		scalar_status, print_status},
	[TYPE_REGION] = {"region", "The name of a region.", JSON_NAME, NULL, print_reference},
	[TYPE_CHECK] = {"check", "The name of a check.", JSON_NAME, NULL, print_reference},
	[TYPE_POOL] = {"pool", "The name of a pool.", JSON_NAME, NULL, print_reference},
};

int value_parse(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	return types[key->type].parse(v, key, text, field, e);
}

void value_print(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out)
{
	types[key->type].print(c, key, field, out);
}

bool value_is_reference(enum value_type type)
{
	return type == TYPE_REGION || type == TYPE_CHECK || type == TYPE_POOL;
}

bool value_is_set(const struct schema_key *key, const void *field)
{
	const char *text;

	if (value_is_reference(key->type))
		return scalar_load(field, key->size) != CONF_NONE;
	if (key->type == TYPE_ADDRESS)
		return *(const uint8_t *)field != FAMILY_NONE;
	if (types[key->type].print != print_string && key->type != TYPE_TEXT)
		return true;
	memcpy(&text, field, sizeof text);
	return text != NULL;
}

const char *value_type_name(enum value_type type)
{
	return types[type].name;
}

const char *value_type_help(enum value_type type)
{
	return types[type].help;
}

void value_range(const struct schema_key *key, struct text *out)
{
	char low[DURATION_TEXT_MAX], high[DURATION_TEXT_MAX];

	if (key->type == TYPE_NUMBER || key->type == TYPE_WORKERS || key->type == TYPE_DEGREES)
		text_printf(out, "%" PRId64 " to %" PRId64, key->min, key->max);
	else if (key->type == TYPE_PERCENT)
		text_printf(out, "%" PRId64 "%% to %" PRId64 "%%", key->min, key->max);
	else if (key->type == TYPE_DURATION)
		text_printf(out, "%s to %s%s", duration_format((uint64_t)key->min, low),
			duration_format((uint64_t)key->max, high),
			key->unit_ms == 1000 ? ", whole seconds" : "");
	else if (key->max > 0)
		text_printf(out, "up to %" PRId64 " octets", key->max);
}

void value_json_schema(const struct schema_key *key, struct text *out)
{
	const char *comma = "";

	if (types[key->type].json != NULL) {
		text_puts(out, types[key->type].json);
	} else if (key->type == TYPE_WORD) {
		text_puts(out, "\"enum\": [");
		for (const struct schema_word *w = key->words; w->name != NULL; w++) {
			if (w->help == NULL)
				continue;
			text_printf(out, "%s\"%s\"", comma, w->name);
			comma = ", ";
		}
		text_puts(out, "]");
	} else {
		text_printf(out, "\"type\": %s, \"minimum\": %" PRId64 ", \"maximum\": %" PRId64,
			key->type == TYPE_WORKERS
				? "[\"integer\", \"string\"], \"pattern\": \"^auto$\""
				: "\"integer\"",
			key->min, key->max);
	}
}

/* Words that YAML 1.1 or 1.2 readers take for something other than text. */
static bool is_yaml_word(const char *word)
{
	static const char *const words[] = {
		"null", "true", "false", "yes", "no", "on", "off", "y", "n"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasecmp(words[i], word) == 0)
			return true;
	return false;
}

void value_quote(struct text *out, const char *word)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";

	if (*word != '\0' && *word != '-' && *word != '.' && word[strspn(word, plain)] == '\0' &&
		!is_yaml_word(word)) {
		text_puts(out, word);
		return;
	}
	text_puts(out, "\"");
	for (; *word != '\0'; word++) {
		if (*word == '"' || *word == '\\')
			text_puts(out, "\\");
		text_add(out, word, 1);
	}
	text_puts(out, "\"");
}

const char *value_shown(const char *text, char out[VALUE_SHOWN_MAX])
{
	size_t used = 0;

	out[used++] = '"';
	for (; *text != '\0' && used + sizeof "…\"" < VALUE_SHOWN_MAX; text++) {
		uint8_t octet = (uint8_t)*text;

		if (octet == 0xc2 && (uint8_t)text[1] < 0xa0) /* C1 controls steer terminals too */
			text++;
		else if (octet >= 0x20 && octet != 0x7f)
			octet = 0;
		out[used++] = octet == 0 ? *text : '?';
	}
	/* cut between characters, not within one */
	if (*text != '\0')
		while (used > 1 && ((uint8_t)*text & 0xc0u) == 0x80u) {
			text--;
			used--;
		}
	(void)snprintf(out + used, VALUE_SHOWN_MAX - used, "%s\"", *text != '\0' ? "…" : "");
	return out;
}
