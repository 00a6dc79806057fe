#include "conf/binder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void binder_out_of_memory(struct binder *b)
{
	if (!b->out_of_memory)
		report_add(b->report, SEVERITY_ERROR, b->file, 0, 0, "out of memory");
	b->out_of_memory = true;
}

static void add_path(const struct binder_frame *at, struct text *out)
{
	if (at->up != NULL)
		add_path(at->up, out);
	if (at->name == NULL) {
		text_printf(out, "[%zu]", at->index);
		return;
	}
	text_puts(out, at->up != NULL ? "." : "");
	for (size_t i = 0; i < CONF_NAME_MAX && at->name[i] != '\0'; i++)
		text_add(out, at->name[i] >= ' ' && at->name[i] <= '~' ? &at->name[i] : "?", 1);
}

static void add_message(struct binder *b, enum severity severity, struct conf_position at,
	const char *format, va_list args)
{
	struct text path = {0};
	char text[ERR_TEXT_MAX];

	(void)vsnprintf(text, sizeof text, format, args);
	if (b->at != NULL)
		add_path(b->at, &path);
	report_add(b->report, severity, b->file, at.line, at.column, "%s%s%s",
		path.data != NULL ? path.data : "", path.data != NULL ? ": " : "", text);
	text_free(&path);
}

void binder_error(struct binder *b, struct conf_position at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(b, SEVERITY_ERROR, at, format, args);
	va_end(args);
}

void binder_warning(struct binder *b, struct conf_position at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(b, SEVERITY_WARNING, at, format, args);
	va_end(args);
}

const char *binder_nearest(
	const struct binder *b, const char *wrong, const char *const *words, size_t count)
{
	return b->report->count < REPORT_MAX ? text_nearest(wrong, words, count) : NULL;
}

void binder_place(struct binder *b, const void *field, struct conf_position at, bool good)
{
	if (b->place_count == b->place_capacity) {
		size_t capacity = b->place_capacity > 0 ? b->place_capacity * 2 : 256;
		struct place *grown = realloc(b->places, capacity * sizeof *grown);

		if (grown == NULL) {
			binder_out_of_memory(b);
			return;
		}
		b->places = grown;
		b->place_capacity = capacity;
	}
	b->places[b->place_count++] = (struct place){field, at, good};
}

void binder_reference(struct binder *b, const struct schema_key *key, void *field, const char *name,
	struct conf_position at)
{
	if (b->reference_count == b->reference_capacity) {
		size_t capacity = b->reference_capacity > 0 ? b->reference_capacity * 2 : 256;
		struct reference *grown = realloc(b->references, capacity * sizeof *grown);

		if (grown == NULL) {
			binder_out_of_memory(b);
			return;
		}
		b->references = grown;
		b->reference_capacity = capacity;
	}
	b->references[b->reference_count++] = (struct reference){key, field, name, at};
}

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	return a->field < b->field ? -1 : a->field > b->field;
}

void binder_sort(struct binder *b)
{
	if (b->place_count > 0)
		qsort(b->places, b->place_count, sizeof *b->places, compare_places);
}

void binder_free(struct binder *b)
{
	free(b->places);
	free(b->references);
}

static const struct place *find_place(const struct binder *b, const void *field)
{
	const struct place key = {.field = field};

	if (b->place_count == 0)
		return NULL;
	return bsearch(&key, b->places, b->place_count, sizeof *b->places, compare_places);
}

bool binder_given(const struct binder *b, const void *field)
{
	const struct place *place = find_place(b, field);

	return place != NULL && place->good;
}

bool binder_spoilt(const struct binder *b, const void *field)
{
	const struct place *place = find_place(b, field);

	return place != NULL && !place->good;
}

struct conf_position binder_position(
	const struct binder *b, const void *field, struct conf_position otherwise)
{
	const struct place *place = find_place(b, field);

	return place != NULL ? place->position : otherwise;
}
