/* Readers of texts: paths, addresses, names, codes. Nothing that could break a line of a log, a
 * header of a probe or a command line gets through. */
#include "conf/scalar.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Control characters cannot be seen in a message or a path; UTF-8 beyond them is welcome. */
static bool has_control(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;

	for (; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) /* C0, DEL, C1 */
			return true;
		if (*p == 0xe2 && p[1] == 0x80 &&
			(p[2] == 0xa8 || p[2] == 0xa9)) /* line separators */
			return true;
		if (*p == 0xef &&
			((p[1] == 0xbb && p[2] == 0xbf) || (p[1] == 0xbf && p[2] >= 0xbe)))
			return true; /* byte order mark, non-characters */
	}
	return false;
}

/* Copy `text` into the arena as the string that `field` points to. */
static int keep(const struct value_context *v, const char *text, void *field, struct err *e)
{
	const char *copy = arena_strdup(v->arena, text);

	if (copy == NULL)
		return err_set(e, "out of memory");
	memcpy(field, &copy, sizeof copy);
	return 0;
}

static int check_length(const struct schema_key *key, const char *text, struct err *e)
{
	size_t length = strlen(text);

	if (length == 0)
		return err_set(e, "is empty");
	if (length > (size_t)key->max)
		return err_set(e, "is longer than %" PRId64 " octets", key->max);
	return 0;
}

int scalar_path(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	char path[CONF_PATH_MAX + 2];
	size_t folder = 0, length;

	if (check_length(key, text, e) < 0)
		return -1;
	if (has_control(text))
		return err_set(e, "a path with control characters");
	while (text[0] == '.' && (text[1] == '/' || text[1] == '\0'))
		text += 1 + strspn(text + 1, "/");
	if (text[0] != '/')
		folder = strlen(v->folder);
	length = strlen(text);
	if (folder > 0 && folder + 1 + length > (size_t)key->max)
		return err_set(e, "is longer than %" PRId64 " octets with its folder %s", key->max,
			v->folder);
	memcpy(path, v->folder, folder);
	if (folder > 0 && path[folder - 1] != '/')
		path[folder++] = '/';
	memcpy(path + folder, text, length);
	length += folder;
	while (length > 1 && path[length - 1] == '/')
		length--;
	path[length] = '\0';
	return keep(v, length == 0 ? "." : path, field, e);
}

int scalar_hostport(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	char shown[VALUE_SHOWN_MAX];
	struct hostport value;

	(void)v, (void)key;
	if (hostport_parse(text, false, &value) < 0)
		return err_set(e,
			"%s is no address with a port: write 192.0.2.1:53 or \"[2001:db8::1]:53\"",
			value_shown(text, shown));
	memcpy(field, &value, sizeof value);
	return 0;
}

int scalar_address(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	static const struct prefix multicast[] = {
		{{FAMILY_IPV4, {224}}, 3}, {{FAMILY_IPV6, {0xff}}, 8}};
	static const struct prefix link_local = {{FAMILY_IPV6, {0xfe, 0x80}}, 10};
	static const uint8_t zero[16];
	char shown[VALUE_SHOWN_MAX];
	struct addr value;

	(void)v, (void)key;
	value_shown(text, shown);
	if (addr_parse(text, &value) < 0)
		return err_set(e,
			"%s is no address: write 192.0.2.1 or \"2001:db8::1\", without a port",
			shown);
	if (memcmp(value.bytes, zero, sizeof zero) == 0)
		return err_set(e, "%s is no machine's address", shown);
	for (size_t i = 0; i < COUNT(multicast); i++)
		if (prefix_contains(&multicast[i], &value))
			return err_set(e,
				"%s is no machine's address but a multicast or reserved one",
				shown);
	if (prefix_contains(&link_local, &value))
		return err_set(e,
			"%s is a link-local address: it means nothing without an interface, and "
			"to clients elsewhere",
			shown);
	memcpy(field, &value, sizeof value);
	return 0;
}

int scalar_prefix(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	char shown[VALUE_SHOWN_MAX];
	struct prefix value;

	(void)v, (void)key;
	if (prefix_parse(text, &value) < 0)
		return err_set(e,
			"%s is no network: write 192.0.2.0/24 or 2001:db8::/32, with zeros after "
			"the prefix",
			value_shown(text, shown));
	memcpy(field, &value, sizeof value);
	return 0;
}

/* Letters, digits, - and _, with `dots` also inner dots; begins with a letter, a digit or _. */
static bool is_name(const char *text, bool dots)
{
	if (*text == '-' || *text == '\0')
		return false;
	for (const char *p = text; *p != '\0'; p++) {
		if (isalnum((unsigned char)*p) || *p == '-' || *p == '_')
			continue;
		if (!dots || *p != '.' || p == text || p[-1] == '.' || p[1] == '\0')
			return false;
	}
	return true;
}

int scalar_name(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	char shown[VALUE_SHOWN_MAX];

	(void)key;
	value_shown(text, shown);
	if (strlen(text) > CONF_NAME_MAX)
		return err_set(e, "the name %s is longer than %u octets", shown, CONF_NAME_MAX);
	if (!is_name(text, true))
		return err_set(
			e, "%s is no name: use letters, digits, - and _, and dots inside", shown);
	return keep(v, text, field, e);
}

int scalar_user(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	char shown[VALUE_SHOWN_MAX];

	if (check_length(key, text, e) < 0)
		return -1;
	if (!is_name(text, false) || isdigit((unsigned char)*text))
		return err_set(e, "%s is no account's name", value_shown(text, shown));
	return keep(v, text, field, e);
}

/* Only what may stand in a request line or header: no blanks, no line ends, no octets above
 * 0x7e. */
static bool is_visible_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((uint8_t)*text <= ' ' || (uint8_t)*text > '~')
			return false;
	return true;
}

int scalar_url_path(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	char shown[VALUE_SHOWN_MAX];

	if (check_length(key, text, e) < 0)
		return -1;
	value_shown(text, shown);
	if (*text != '/')
		return err_set(e, "%s does not start with /", shown);
	if (!is_visible_ascii(text) || strchr(text, '#') != NULL)
		return err_set(e, "%s has characters that need percent-encoding", shown);
	return keep(v, text, field, e);
}

/* Does `text` go on with nothing, or with ":" and a port? */
static bool is_port_or_end(const char *text)
{
	unsigned long port;
	char *end;

	if (*text == '\0')
		return true;
	if (*text != ':' || !isdigit((unsigned char)text[1]) || strlen(text) > 6)
		return false;
	port = strtoul(text + 1, &end, 10);
	return *end == '\0' && port >= 1 && port <= UINT16_MAX;
}

/* RFC 9110, 7.2, less what no server is named: a name, an IPv4 address, or [an IPv6 address]. */
static bool is_host(const char *text)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-._";
	size_t length = strspn(text, name);
	char address[ADDR_TEXT_MAX];
	const char *end = strchr(text, ']');
	struct addr value;

	if (text[0] != '[')
		return length > 0 && text[0] != '.' && strstr(text, "..") == NULL &&
		       is_port_or_end(text + length);
	if (end == NULL || (size_t)(end - text - 1) >= sizeof address)
		return false;
	(void)snprintf(address, sizeof address, "%.*s", (int)(end - text - 1), text + 1);
	return addr_parse(address, &value) == 0 && value.family == FAMILY_IPV6 &&
	       is_port_or_end(end + 1);
}

int scalar_host(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	char shown[VALUE_SHOWN_MAX];

	if (check_length(key, text, e) < 0)
		return -1;
	if (!is_host(text))
		return err_set(e,
			"%s is no host: write a name such as www.example.com, with :port if need "
			"be",
			value_shown(text, shown));
	return keep(v, text, field, e);
}

int scalar_text(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	char shown[VALUE_SHOWN_MAX];

	if (check_length(key, text, e) < 0)
		return -1;
	for (const char *p = text; *p != '\0'; p++)
		if ((uint8_t)*p < ' ' || (uint8_t)*p > '~')
			return err_set(e, "%s has characters other than visible ASCII and blanks",
				value_shown(text, shown));
	return keep(v, strcmp(text, SCALAR_NO_TEXT) == 0 ? "" : text, field, e);
}

/* The secret itself never stands in a message: logs are read by many. */
int scalar_secret(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	static const char digits[] = "0123456789abcdef";
	struct conf_secret secret = {{0}};
	size_t length = strlen(text);

	(void)v, (void)key;
	if (length != 2 * sizeof secret.octets)
		return err_set(
			e, "is no secret: write 32 hexadecimal digits, not %zu characters", length);
	for (size_t i = 0; i < length; i++) {
		const char *digit = strchr(digits, tolower((unsigned char)text[i]));

		if (digit == NULL)
			return err_set(e,
				"is no secret: character %zu of it is no hexadecimal digit", i + 1);
		secret.octets[i / 2] =
			(uint8_t)(secret.octets[i / 2] << 4 | (uint8_t)(digit - digits));
	}
	memcpy(field, &secret, sizeof secret);
	explicit_bzero(&secret, sizeof secret);
	return 0;
}

/* ISO 3166-1 alpha-2 as of 2024, and XK, which databases use for Kosovo. */
static const char countries[] =
	"AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
	"BR BS "
	"BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ "
	"EC EE "
	"EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY "
	"HK HM "
	"HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA "
	"LB LC "
	"LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY "
	"MZ NA "
	"NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS "
	"RU RW "
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
	"TN TO "
	"TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";
static const char continents[] = "AF AN AS EU NA OC SA";

/* Is the two-letter `code` one of the list's? */
static bool is_listed(const char *list, const char *code)
{
	for (; *list != '\0'; list += list[2] == ' ' ? 3 : 2)
		if (list[0] == code[0] && list[1] == code[1])
			return true;
	return false;
}

/* Two ASCII letters, upper-cased into `code`. */
static bool read_code(const char *text, char code[3])
{
	if (!isalpha((unsigned char)text[0]) || !isalpha((unsigned char)text[1]) || text[2] != '\0')
		return false;
	code[0] = (char)toupper((unsigned char)text[0]);
	code[1] = (char)toupper((unsigned char)text[1]);
	code[2] = '\0';
	return true;
}

/* Why two letters are no country: what people write instead of the code they mean. */
static int unknown_country(const char *code, struct err *e)
{
	static const char *const mistaken[][2] = {
		{"UK", "GB"}, {"EL", "GR"}, {"FX", "FR"}, {"SU", "RU"}, {"TP", "TL"}, {"YU", "RS"}};

	for (size_t i = 0; i < COUNT(mistaken); i++)
		if (strcmp(mistaken[i][0], code) == 0)
			return err_set(e,
				"\"%s\" is no ISO 3166-1 country code; did you mean \"%s\"?", code,
				mistaken[i][1]);
	if (is_listed(continents, code))
		return err_set(e,
			"\"%s\" is no ISO 3166-1 country code; did you mean \"continent:%s\"?",
			code, code);
	return err_set(e, "\"%s\" is no ISO 3166-1 country code", code);
}

int scalar_rule(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	static const char *const words[] = {"default", "continent:"};
	struct conf_rule rule = {.kind = RULE_COUNTRY};
	char shown[VALUE_SHOWN_MAX];
	const char *nearest;

	(void)v, (void)key;
	value_shown(text, shown);
	if (strncmp(text, "city:", 5) == 0 || strncmp(text, "subdivision:", 12) == 0)
		return err_set(e,
			"%s: cities and subdivisions are known, but not built in this version",
			shown);
	if (strncmp(text, "continent:", 10) == 0) {
		rule.kind = RULE_CONTINENT;
		if (!read_code(text + 10, rule.code) || !is_listed(continents, rule.code))
			return err_set(e,
				"%s is no continent: they are AF, AN, AS, EU, NA, OC and SA",
				shown);
	} else if (strcmp(text, "default") == 0) {
		rule.kind = RULE_DEFAULT;
	} else if (!read_code(text, rule.code)) {
		nearest = text_nearest(text, words, COUNT(words));
		return nearest != NULL ? err_set(e, "%s is not known here; did you mean \"%s\"?",
						 shown, nearest)
				       : err_set(e,
						 "%s is no rule: write GB (a country), "
						 "continent:EU or default",
						 shown);
	} else if (!is_listed(countries, rule.code)) {
		return unknown_country(rule.code, e);
	}
	memcpy(field, &rule, sizeof rule);
	return 0;
}

/* Three digits from 100 to 599 at *at, which moves past them. */
static bool read_status(const char **at, uint16_t *out)
{
	const char *p = *at;

	if (p[0] < '1' || p[0] > '5' || !isdigit((unsigned char)p[1]) ||
		!isdigit((unsigned char)p[2]))
		return false;
	*out = (uint16_t)((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
	*at = p + 3;
	return true;
}

int scalar_status(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	struct conf_status_range range = {0};
	char shown[VALUE_SHOWN_MAX];
	const char *p = text;
	bool good = read_status(&p, &range.low);

	(void)v, (void)key;
	range.high = range.low;
	if (good && *p == '-') {
		p++;
		good = read_status(&p, &range.high);
	}
	value_shown(text, shown);
	if (!good || *p != '\0')
		return err_set(e, "%s is no status: write 200 or 200-299, from 100 to 599", shown);
	if (range.low > range.high)
		return err_set(e, "%s is the wrong way round", shown);
	if (range.high < 200)
		return err_set(e,
			"%s never ends a response: 1xx is interim, and what follows it counts",
			shown);
	memcpy(field, &range, sizeof range);
	return 0;
}
