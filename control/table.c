#include "control/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX 512 /* octets of a cell with its NUL; more is cut */

void table_init(struct table *t, const char *const *head, size_t columns)
{
	*t = (struct table){.columns = columns};
	for (size_t i = 0; i < columns; i++)
		table_add(t, "%s", head[i]);
}

static bool reserve_row(struct table *t)
{
	size_t capacity = t->capacity > 0 ? t->capacity * 2 : 64;
	const char **cell;

	if (t->next > 0 || t->rows < t->capacity)
		return !t->failed;
	cell = reallocarray(t->cell, capacity * t->columns, sizeof *cell);
	if (cell == NULL) {
		t->failed = true;
		return false;
	}
	t->cell = cell;
	t->capacity = capacity;
	return !t->failed;
}

void table_add(struct table *t, const char *format, ...)
{
	char text[CELL_MAX];
	const char *copy;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	copy = arena_strdup(&t->arena, text[0] != '\0' ? text : "-");
	if (copy == NULL)
		t->failed = true;
	if (!reserve_row(t) || copy == NULL)
		return;
	t->cell[t->rows * t->columns + t->next] = copy;
	t->next = (t->next + 1) % t->columns;
	t->rows += t->next == 0 ? 1u : 0u;
}

void table_print(const struct table *t, struct text *out)
{
	size_t width[TABLE_COLUMNS_MAX] = {0};

	for (size_t i = 0; i < t->rows * t->columns; i++) {
		size_t length = strlen(t->cell[i]);

		if (length > width[i % t->columns])
			width[i % t->columns] = length;
	}
	for (size_t i = 0; i < t->rows * t->columns; i++) {
		bool last = i % t->columns == t->columns - 1;

		if (last)
			text_printf(out, "%s\n", t->cell[i]);
		else
			text_printf(out, "%-*s  ", (int)width[i % t->columns], t->cell[i]);
	}
	if (t->failed)
		text_puts(out, "(out of memory: the table is not whole)\n");
}

void table_free(struct table *t)
{
	arena_free(&t->arena);
	free(t->cell);
	*t = (struct table){0};
}
