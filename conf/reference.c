/* docs/configuration.md from the rows: an example, how values are written, all keys at a glance,
 * then each one. */
#include "conf/print.h"
#include "conf/schema.h"
#include "conf/value.h"

#include <ctype.h>
#include <string.h>

static const char introduction[] =
	"# Configuration: waymark.yaml\n\n"
	"<!-- Made from the schema table by `waymark check --print-reference`. Do not edit. -->\n\n"
	"One YAML file says everything. `waymark check -c FILE` checks it (and the zones and "
	"databases it\n"
	"names) without touching a running server; `waymark check -c FILE --print` prints what is "
	"in force,\n"
	"defaults included; `waymark reload` puts a changed file into force. A file with any "
	"mistake changes\n"
	"nothing: the running server goes on with what it has.\n\n"
	"All mistakes are reported in one run, each with its place and, for a misspelt word, the "
	"nearest\n"
	"known one:\n\n"
	"```\n"
	"waymark.yaml:12:5: error: checks.home: unknown key \"intervall\"; did you mean "
	"\"interval\"?\n"
	"```\n\n"
	"An unknown key, a key given twice and a value of the wrong kind are mistakes; nothing is "
	"ignored.\n"
	"YAML anchors, aliases, tags and several documents in one file are not supported. Put "
	"quotes around\n"
	"IPv6 addresses. `docs/waymark.schema.json` lets editors complete and check the file while "
	"you type:\n"
	"put `# yaml-language-server: $schema=…/waymark.schema.json` in its first line.\n\n"
	"## A full example\n\n";

const char conf_example[] =
	"listen: [127.0.0.1:5353, \"[::1]:5353\"]       # DNS over UDP and TCP\n"
	"zones: zones/                                # master.com.zone in this folder serves "
	"master.com\n"
	"geo:\n"
	"  databases: [GeoLite2-Country.mmdb]         # any MaxMind-format file\n"
	"  networks:                                  # your own knowledge wins over any database\n"
	"    10.20.0.0/16: london\n"
	"regions:\n"
	"  london:    {serves: [GB, IE, continent:EU], at: [51.51, -0.13]}\n"
	"  newyork:   {serves: [continent:NA, continent:SA], at: [40.71, -74.01]}\n"
	"  singapore: {serves: [default], at: [1.35, 103.82]}\n"
	"checks:\n"
	"  home:\n"
	"    http: {port: 8080, path: /healthz, host: www.master.com, expect: [200-299]}\n"
	"    interval: 5s\n"
	"    timeout: 2s\n"
	"    fall: 2                                  # failures in a row to go down\n"
	"    rise: 3                                  # successes in a row to come up\n"
	"  port:\n"
	"    tcp: {port: 8443}\n"
	"pools:\n"
	"  web:\n"
	"    check: home\n"
	"    steer: [geo, weighted]                   # nearest region that serves, then by "
	"weight\n"
	"    answers: 2                               # addresses in one DNS answer\n"
	"    ttl: 30s\n"
	"    when_all_down: {pool: sorry}             # or serve_all, last_good, nodata, refuse\n"
	"    endpoints:\n"
	"      lon1: {address: [192.0.2.11, \"2001:db8:1::11\"], region: london, weight: 10}\n"
	"      lon2: {address: 192.0.2.12, region: london, weight: 5}\n"
	"      nyc1: {address: 192.0.2.21, region: newyork}\n"
	"      sin1: {address: 192.0.2.31, region: singapore}\n"
	"  sorry:\n"
	"    check: port\n"
	"    steer: failover                          # tier 1, and tier 2 when tier 1 is down\n"
	"    endpoints:\n"
	"      main:  {address: 198.51.100.1}\n"
	"      spare: {address: 198.51.100.2, tier: 2}\n"
	"balancer:\n"
	"  - {name: https, listen: \"0.0.0.0:443\", pool: web, port: 8443}\n"
	"control: {socket: /run/waymark/control.sock}\n"
	"workers: auto                                # threads for each address\n"
	"state: /var/lib/waymark                      # overrides, verdicts, last good zones\n"
	"user: waymark                                # when started as root\n"
	"log: {format: text, level: info}\n";

/* "a | b" would end a table's cell. */
static void add_cell(struct text *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '|')
			text_puts(out, "\\");
		text_add(out, s, 1);
	}
}

static void add_type(const struct schema_key *key, struct text *out)
{
	switch (key->shape) {
	case SHAPE_VALUE: text_puts(out, value_type_name(key->type)); break;
	case SHAPE_LIST:
		if (key->at_least == key->at_most)
			text_printf(
				out, "list of %zu %s", key->at_least, value_type_name(key->type));
		else
			text_printf(out, "%s, or a list of them", value_type_name(key->type));
		break;
	case SHAPE_MAP: text_puts(out, "keys"); break;
	case SHAPE_NAMES: text_printf(out, "%s → …", value_type_name(key->type)); break;
	case SHAPE_ITEMS: text_puts(out, "list of keys"); break;
	}
}

static void add_default(const struct schema_key *key, struct text *out)
{
	if (key->required)
		text_puts(out, "required");
	else if (key->fallback != NULL)
		text_printf(out, "`%s`", key->fallback);
	else if (key->computed != NULL)
		text_puts(out, key->computed);
	else
		text_puts(out, "none");
}

/* The range of the value and the number of entries; "" without either. */
static void add_range(const struct schema_key *key, struct text *out)
{
	size_t before = out->length;

	if (key->type != TYPE_NONE)
		value_range(key, out);
	if (key->at_most == 0 || key->at_least == key->at_most)
		return;
	text_puts(out, out->length > before ? "; " : "");
	if (key->at_least > 0)
		text_printf(out, "%zu to %zu entries", key->at_least, key->at_most);
	else
		text_printf(out, "at most %zu entries", key->at_most);
}

/* Rows that say something of their own: not the `*` between a container and its keys. */
static bool is_shown(const struct schema_key *key)
{
	return !key->unbuilt && (strcmp(schema_name(key), "*") != 0 || key->shape == SHAPE_VALUE);
}

/* Does anything built stand below a mapping? */
static bool is_empty(const struct schema_key *key)
{
	const struct schema_key *child = NULL;

	if (key->shape != SHAPE_MAP)
		return false;
	while ((child = schema_next(key, child)) != NULL)
		if (!child->unbuilt)
			return false;
	return true;
}

static void print_types(struct text *out)
{
	text_puts(out, "\n## How values are written\n\n| type | form |\n|---|---|\n");
	for (int type = TYPE_NONE + 1; type < VALUE_TYPES; type++) {
		text_printf(out, "| %s | ", value_type_name((enum value_type)type));
		add_cell(out, value_type_help((enum value_type)type));
		text_puts(out, " |\n");
	}
	text_puts(
		out, "\nWhere a list is taken, one value needs no brackets: `steer: weighted`.\n");
}

/* A link to the key's section, whose anchor is its heading in lower case without punctuation. */
static void add_link(const struct schema_key *key, struct text *out)
{
	struct text path = {0};

	schema_path(key, &path);
	text_printf(out, "[`%s`](#", path.data != NULL ? path.data : "");
	for (size_t i = 0; path.data != NULL && i < path.length; i++) {
		char c = (char)tolower((unsigned char)path.data[i]);

		if (isalnum((unsigned char)c) || c == '_')
			text_add(out, &c, 1);
	}
	text_puts(out, ")");
	text_free(&path);
}

static void print_table(struct text *out)
{
	text_puts(out, "\n## All keys\n\n`NAME` and `NETWORK` stand for what you write there, `[]` "
		       "for each "
		       "entry of a list.\n\n| key | type | default |\n|---|---|---|\n");
	for (size_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];

		if (!is_shown(key) || is_empty(key) || key->shape == SHAPE_MAP)
			continue;
		text_puts(out, "| ");
		add_link(key, out);
		text_puts(out, " | ");
		add_type(key, out);
		text_puts(out, " | ");
		add_default(key, out);
		text_puts(out, " |\n");
	}
}

static void print_words(const struct schema_key *key, struct text *out)
{
	text_puts(out, "- Words:\n");
	for (const struct schema_word *w = key->words; w->name != NULL; w++)
		if (w->help != NULL)
			text_printf(out, "  - `%s`: %s\n", w->name, w->help);
}

static void print_key(const struct schema_key *key, struct text *out)
{
	bool top = strchr(key->path, '.') == NULL;
	struct text range = {0};

	text_puts(out, top ? "\n## `" : "\n### `");
	schema_path(key, out);
	text_printf(out, "`\n\n%s\n", key->help);
	if (key->shape == SHAPE_MAP)
		return;
	text_puts(out, "\n- Type: ");
	add_type(key, out);
	add_range(key, &range);
	if (range.length > 0)
		text_printf(out, "\n- Range: %s", range.data);
	text_puts(out, "\n- Default: ");
	add_default(key, out);
	text_puts(out, "\n");
	if (key->type == TYPE_WORD)
		print_words(key, out);
	text_free(&range);
}

static void print_unbuilt(struct text *out)
{
	text_puts(out,
		"\n## Known, but not built in this version\n\nThese are refused by name, so that "
		"nothing is taken for working that is not.\n\n");
	for (size_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];

		if (key->unbuilt) {
			text_puts(out, "- `");
			schema_path(key, out);
			text_printf(out, "`: %s\n", key->help);
		}
		if (key->type != TYPE_WORD)
			continue;
		for (const struct schema_word *w = key->words; w->name != NULL; w++) {
			if (w->help != NULL)
				continue;
			text_puts(out, "- `");
			schema_path(key, out);
			text_printf(out, ": %s`\n", w->name);
		}
	}
	text_puts(out, "- `regions.NAME.serves: city:…` and `subdivision:…`\n");
}

void conf_print_reference(struct text *out)
{
	text_puts(out, introduction);
	text_puts(out, "```yaml\n");
	text_puts(out, conf_example);
	text_puts(out, "```\n");
	print_types(out);
	print_table(out);
	for (size_t i = 0; i < schema_key_count; i++)
		if (is_shown(&schema_keys[i]) && !is_empty(&schema_keys[i]))
			print_key(&schema_keys[i], out);
	print_unbuilt(out);
}
