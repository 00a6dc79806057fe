/* A table of text: columns as wide as their widest cell, two blanks between them. */
#ifndef CONTROL_TABLE_H
#define CONTROL_TABLE_H

#include "base/arena.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS_MAX 12

struct table {
	struct arena arena; /* of the cells */
	size_t columns;
	const char **cell; /* rows × columns */
	size_t rows, capacity;
	size_t next; /* column of the next cell */
	bool failed;
};

/* The head, `columns` cells. table_free() when done. */
void table_init(struct table *t, const char *const *head, size_t columns);
/* The next cell, row by row; "" is shown as "-". */
void table_add(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* All rows, without blanks at the ends of lines. */
void table_print(const struct table *t, struct text *out);
void table_free(struct table *t);

#endif
