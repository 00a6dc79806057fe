/*
 * One value: from text into its field and back, and what people and editors are told about its
 * form. Pure. The table in value.c has one row a type.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "conf/schema.h"

/* Where texts that stay go, and what relative paths are relative to ("" = leave them). */
struct value_context {
	struct arena *arena;
	const char *folder;
};

/* -1 with the reason in `e` (no place); `field` is then unchanged. References to regions, checks
 * and pools are no values: bind.c keeps them until all names are known. */
int value_parse(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e);

/* Does the field hold anything? No for an empty optional path, reference or address. */
bool value_is_set(const struct schema_key *key, const void *field);

/* The field as YAML that value_parse() reads back, quoted where needed. */
void value_print(
	const struct conf *c, const struct schema_key *key, const void *field, struct text *out);

/* One word as YAML, quoted where plain it might be read as something else. */
void value_quote(struct text *out, const char *word);

/* A reference's field: an index of a region, check or pool. */
bool value_is_reference(enum value_type type);

/* For the reference: the type's name, and a line on how it is written. */
const char *value_type_name(enum value_type type);
const char *value_type_help(enum value_type type);
/* "1 to 65535", "100ms to 1h", "" when the type has no range. */
void value_range(const struct schema_key *key, struct text *out);
/* The inside of a JSON Schema object for one value. */
void value_json_schema(const struct schema_key *key, struct text *out);

/* What the file says, fit to stand in a message: short, printable, in quotes. Returns `out`. */
#define VALUE_SHOWN_MAX 72
const char *value_shown(const char *text, char out[VALUE_SHOWN_MAX]);

#endif
