/*
 * Errors are values.
 *
 * `struct err` is one message with the place it speaks of; a function that can fail takes one as
 * its last argument and returns 0 or -1. `struct report` collects many, for readers that go on
 * after the first mistake (configuration, zone files), and keeps errors and warnings apart.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERR_FILE_MAX 256 /* octets with the NUL; a longer path keeps its end */
#define ERR_TEXT_MAX 384 /* octets with the NUL; a longer text is cut */

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct err {
	enum severity severity;
	char file[ERR_FILE_MAX]; /* "" when the message is about no file */
	uint32_t line, column;   /* from 1; 0 when unknown */
	char text[ERR_TEXT_MAX];
};

/* Fill `e` (may be NULL) with a message that has no position. Always returns -1. */
int err_set(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with a position. `file` may be NULL. Always returns -1. */
int err_at(struct err *e, const char *file, uint32_t line, uint32_t column, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#define ERR_LINE_MAX (ERR_FILE_MAX + ERR_TEXT_MAX + 64) /* octets of err_format() at most */

/* "file:line:column: error: text" into `out`, always NUL-terminated; parts that are unknown are
 * left out. */
void err_format(const struct err *e, char *out, size_t size);

#define REPORT_MAX 1000 /* messages kept; more are counted only */

/* Zero-initialise; report_free() when done. Messages keep the order in which they were added. */
struct report {
	struct err *items;
	size_t count, capacity;
	size_t errors, warnings; /* all that were added, also those past REPORT_MAX */
};

void report_add(struct report *r, enum severity severity, const char *file, uint32_t line,
	uint32_t column, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Copy a finished error into the report with its own severity. */
void report_err(struct report *r, const struct err *e);
void report_free(struct report *r);

#endif
