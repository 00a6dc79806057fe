#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_file(struct err *e, const char *file)
{
	size_t length = file != NULL ? strlen(file) : 0;

	/* the end of a path says more than its beginning */
	if (length >= ERR_FILE_MAX) {
		file += length - (ERR_FILE_MAX - 1);
		length = ERR_FILE_MAX - 1;
	}
	if (length > 0)
		memcpy(e->file, file, length);
	e->file[length] = '\0';
}

static void fill(struct err *e, enum severity severity, const char *file, uint32_t line,
	uint32_t column, const char *format, va_list args)
{
	e->severity = severity;
	e->line = line;
	e->column = column;
	set_file(e, file);
	(void)vsnprintf(e->text, sizeof e->text, format, args);
}

int err_set(struct err *e, const char *format, ...)
{
	va_list args;

	if (e == NULL)
		return -1;
	va_start(args, format);
	fill(e, SEVERITY_ERROR, NULL, 0, 0, format, args);
	va_end(args);
	return -1;
}

int err_at(struct err *e, const char *file, uint32_t line, uint32_t column, const char *format, ...)
{
	va_list args;

	if (e == NULL)
		return -1;
	va_start(args, format);
	fill(e, SEVERITY_ERROR, file, line, column, format, args);
	va_end(args);
	return -1;
}

void err_format(const struct err *e, char *out, size_t size)
{
	const char *kind = e->severity == SEVERITY_WARNING ? "warning" : "error";

	if (e->file[0] == '\0')
		(void)snprintf(out, size, "%s: %s", kind, e->text);
	else if (e->line == 0)
		(void)snprintf(out, size, "%s: %s: %s", e->file, kind, e->text);
	else if (e->column == 0)
		(void)snprintf(out, size, "%s:%u: %s: %s", e->file, e->line, kind, e->text);
	else
		(void)snprintf(
			out, size, "%s:%u:%u: %s: %s", e->file, e->line, e->column, kind, e->text);
}

/* The next free message, or NULL when the report is full or memory is short. */
static struct err *next_item(struct report *r, enum severity severity)
{
	if (severity == SEVERITY_WARNING)
		r->warnings++;
	else
		r->errors++;
	if (r->count >= REPORT_MAX)
		return NULL;
	if (r->count == r->capacity) {
		size_t capacity = r->capacity > 0 ? r->capacity * 2 : 8;
		struct err *items = realloc(r->items, capacity * sizeof *items);

		if (items == NULL)
			return NULL;
		r->items = items;
		r->capacity = capacity;
	}
	return &r->items[r->count++];
}

void report_add(struct report *r, enum severity severity, const char *file, uint32_t line,
	uint32_t column, const char *format, ...)
{
	struct err *e = next_item(r, severity);
	va_list args;

	if (e == NULL)
		return;
	va_start(args, format);
	fill(e, severity, file, line, column, format, args);
	va_end(args);
}

void report_err(struct report *r, const struct err *e)
{
	struct err *copy = next_item(r, e->severity);

	if (copy != NULL)
		*copy = *e;
}

void report_free(struct report *r)
{
	free(r->items);
	*r = (struct report){0};
}
