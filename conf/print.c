/*
 * The effective configuration: the schema rows once more, now beside the struct. What the file left
 * out is printed with its default, what has none is left out, so the text loads to an equal struct.
 */
#include "conf/print.h"

#include "conf/scalar.h"
#include "conf/schema.h"
#include "conf/value.h"

#include <string.h>

#define INDENT 2u

static void print_level(const struct conf *c, const struct schema_key *parent, const char *level,
	size_t indent, struct text *out);

static void add_indent(struct text *out, size_t indent)
{
	while (indent-- > 0)
		text_add(out, " ", 1);
}

/* Forget what was added after the first `length` octets. */
static void cut(struct text *out, size_t length)
{
	out->length = length;
	if (out->data != NULL)
		out->data[length] = '\0';
}

static void print_list(
	const struct conf *c, const struct schema_key *key, const char *level, struct text *out)
{
	size_t count, printed = 0;
	const char *array = schema_elements(key, c, level, &count);

	text_puts(out, " [");
	for (size_t i = 0; i < count; i++) {
		if (!value_is_set(key, array + i * key->size))
			continue;
		text_puts(out, printed++ > 0 ? ", " : "");
		value_print(c, key, array + i * key->size, out);
	}
	text_puts(out, "]\n");
}

/* "NAME: value", or "NAME:" with the keys of the element below it. */
static void print_names(const struct conf *c, const struct schema_key *key, const char *level,
	size_t indent, struct text *out)
{
	const struct schema_key *row = schema_find(key, "*");
	size_t count;
	const char *array = schema_elements(key, c, level, &count);

	text_puts(out, "\n");
	for (size_t i = 0; i < count; i++) {
		const char *element = array + i * key->size;
		size_t before;

		add_indent(out, indent);
		value_print(c, key, element, out);
		text_puts(out, ":");
		if (row->shape == SHAPE_VALUE) {
			text_puts(out, " ");
			value_print(c, row, element + row->offset, out);
			text_puts(out, "\n");
			continue;
		}
		text_puts(out, "\n");
		before = out->length;
		print_level(c, row, element, indent + INDENT, out);
		if (out->length == before) {
			cut(out, before - 1);
			text_puts(out, " {}\n");
		}
	}
}

/* The keys of an element, "- " before the first. */
static void print_items(const struct conf *c, const struct schema_key *key, const char *level,
	size_t indent, struct text *out)
{
	const struct schema_key *row = schema_find(key, "*");
	size_t count;
	const char *array = schema_elements(key, c, level, &count);

	text_puts(out, "\n");
	for (size_t i = 0; i < count; i++) {
		size_t before = out->length;

		print_level(c, row, array + i * key->size, indent + INDENT, out);
		if (out->length > before + indent)
			out->data[before + indent] = '-';
	}
}

/* Is there anything to say about the key? */
static bool is_given(const struct conf *c, const struct schema_key *key, const char *level)
{
	size_t count;

	if (key->unbuilt || (key->applies != NULL && !key->applies(c, level)))
		return false;
	switch (key->shape) {
	case SHAPE_VALUE: return value_is_set(key, level + key->offset);
	case SHAPE_MAP:
		return !key->choice || scalar_load(level + key->offset, key->size) == key->variant;
	case SHAPE_LIST:
	case SHAPE_NAMES:
	case SHAPE_ITEMS: break;
	}
	if (key->flag != 0)
		return *(const bool *)(level + key->flag);
	(void)schema_elements(key, c, level, &count);
	return count > 0;
}

static void print_key(const struct conf *c, const struct schema_key *key, const char *level,
	size_t indent, struct text *out)
{
	const struct schema_key *child = schema_next(key, NULL);
	size_t start = out->length, head;

	if (!is_given(c, key, level))
		return;
	add_indent(out, indent);
	text_printf(out, "%s:", schema_name(key));
	head = out->length + 1;
	switch (key->shape) {
	case SHAPE_VALUE:
		if (child == NULL || !is_given(c, child, level)) {
			text_puts(out, " ");
			value_print(c, key, level + key->offset, out);
			text_puts(out, "\n");
			return;
		}
		/* fall through */
	case SHAPE_MAP:
		text_puts(out, "\n");
		print_level(c, key, level, indent + INDENT, out);
		if (out->length == head)
			cut(out, start);
		return;
	case SHAPE_LIST: print_list(c, key, level, out); return;
	case SHAPE_NAMES: print_names(c, key, level, indent + INDENT, out); return;
	case SHAPE_ITEMS: print_items(c, key, level, indent + INDENT, out); return;
	}
}

static void print_level(const struct conf *c, const struct schema_key *parent, const char *level,
	size_t indent, struct text *out)
{
	const struct schema_key *key = NULL;

	while ((key = schema_next(parent, key)) != NULL)
		print_key(c, key, level, indent, out);
}

void conf_print(const struct conf *c, struct text *out)
{
	print_level(c, NULL, (const char *)c, 0, out);
}
