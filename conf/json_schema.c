/* JSON Schema (2020-12) from the rows, for editors: completion, help while typing, the coarse
 * mistakes. What spans keys is waymark's own business. */
#include "conf/print.h"
#include "conf/schema.h"
#include "conf/value.h"

#include <string.h>

static void print_row(const struct schema_key *key, size_t depth, struct text *out);

static void new_line(struct text *out, size_t depth)
{
	text_puts(out, "\n");
	while (depth-- > 0)
		text_add(out, "  ", 2);
}

static void print_string(struct text *out, const char *s)
{
	text_puts(out, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			text_puts(out, "\\");
		text_add(out, s, 1);
	}
	text_puts(out, "\"");
}

/* "properties" and what goes with it: the inside of an object with the keys below `parent`. */
static void print_object(const struct schema_key *parent, size_t depth, struct text *out)
{
	const struct schema_key *key = NULL;
	const char *comma = "";

	text_puts(out, "\"type\": \"object\", \"additionalProperties\": false,");
	new_line(out, depth);
	text_puts(out, "\"properties\": {");
	while ((key = schema_next(parent, key)) != NULL) {
		if (key->unbuilt)
			continue;
		text_puts(out, comma);
		new_line(out, depth + 1);
		print_string(out, schema_name(key));
		text_puts(out, ": {");
		print_row(key, depth + 2, out);
		text_puts(out, "}");
		comma = ",";
	}
	text_puts(out, "}");
	comma = "";
	while ((key = schema_next(parent, key)) != NULL) {
		if (!key->required)
			continue;
		text_puts(out, *comma == '\0' ? ", \"required\": [" : comma);
		print_string(out, schema_name(key));
		comma = ", ";
	}
	text_puts(out, *comma != '\0' ? "]" : "");
	comma = "";
	while ((key = schema_next(parent, key)) != NULL) {
		if (!key->choice)
			continue;
		text_puts(out, *comma == '\0' ? ", \"oneOf\": [" : comma);
		text_puts(out, "{\"required\": [");
		print_string(out, schema_name(key));
		text_puts(out, "]}");
		comma = ", ";
	}
	text_puts(out, *comma != '\0' ? "]" : "");
}

static void print_names(const struct schema_key *key, size_t depth, struct text *out)
{
	text_puts(out, "\"type\": \"object\", \"propertyNames\": {");
	value_json_schema(key, out);
	text_printf(out, "}, \"minProperties\": %zu, \"maxProperties\": %zu,", key->at_least,
		key->at_most);
	new_line(out, depth);
	text_puts(out, "\"additionalProperties\": {");
	print_row(schema_find(key, "*"), depth + 1, out);
	text_puts(out, "}");
}

/* One value, or a list of them; only a list where one is not enough. */
static void print_list(const struct schema_key *key, struct text *out)
{
	if (key->at_least <= 1) {
		text_puts(out, "\"anyOf\": [{");
		value_json_schema(key, out);
		text_puts(out, "}, {");
	}
	text_puts(out, "\"type\": \"array\", \"items\": {");
	value_json_schema(key, out);
	text_printf(out, "}, \"minItems\": %zu, \"maxItems\": %zu", key->at_least, key->at_most);
	if (key->at_least <= 1)
		text_puts(out, "}]");
}

static void print_row(const struct schema_key *key, size_t depth, struct text *out)
{
	text_puts(out, "\"description\": ");
	print_string(out, key->help);
	text_puts(out, ",");
	new_line(out, depth);
	switch (key->shape) {
	case SHAPE_VALUE:
		if (schema_next(key, NULL) == NULL) {
			value_json_schema(key, out);
			break;
		}
		text_puts(out, "\"anyOf\": [{");
		value_json_schema(key, out);
		text_puts(out, "}, {");
		print_object(key, depth, out);
		text_puts(out, "}]");
		break;
	case SHAPE_LIST: print_list(key, out); break;
	case SHAPE_MAP: print_object(key, depth, out); break;
	case SHAPE_NAMES: print_names(key, depth, out); break;
	case SHAPE_ITEMS:
		text_printf(out, "\"type\": \"array\", \"minItems\": %zu, \"maxItems\": %zu,",
			key->at_least, key->at_most);
		new_line(out, depth);
		text_puts(out, "\"items\": {");
		print_row(schema_find(key, "*"), depth + 1, out);
		text_puts(out, "}");
		break;
	}
	if (key->fallback != NULL) {
		text_puts(out, ", \"default\": ");
		if (key->type == TYPE_NUMBER)
			text_puts(out, key->fallback);
		else
			print_string(out, key->fallback);
	}
}

void conf_print_json_schema(struct text *out)
{
	text_puts(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
		       "  \"title\": \"waymark.yaml\",\n  ");
	print_object(NULL, 1, out);
	text_puts(out, "\n}\n");
}
