/*
 * The tokens of a master file (RFC 1035, 5.1), one entry at a time: a record or a directive, with
 * what parentheses and quotes carry over lines.
 *
 * The text comes through a window that is refilled only between entries, so every token of an entry
 * is a plain pointer into one buffer, and a file of any size costs a quarter of a megabyte.
 */
#ifndef ZONES_SCAN_H
#define ZONES_SCAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_WINDOW         (256u << 10) /* octets read at a time */
#define SCAN_ENTRY_MAX      (1u << 20) /* octets of one entry; 64 KiB of RDATA in \DDD fit three times */
#define SCAN_RECOVERIES_MAX 16 /* entries without an end; then the rest of the file is given up */

struct token {
	const char *text; /* without the quotes, escapes as written; no NUL behind it */
	uint32_t length;
	uint32_t line, column; /* from 1 */
	bool quoted;
	bool glued; /* quoted, right behind a word: key="value" */
};

struct scan {
	/* where text comes from */
	int fd;            /* -1: all of it is in memory */
	const char *shown; /* in messages */
	struct report *report;
	char *window; /* NULL for text in memory */
	size_t capacity;
	bool begun;      /* something of the file has been read */
	uint64_t *limit; /* octets that may still be read, of this file and others */
	const char *at, *end;
	bool eof;
	bool skip_line; /* what is left of this line had a mistake */
	uint32_t line;  /* of `at` */
	unsigned recoveries;
	/* the entry */
	struct token *tokens;
	size_t count, token_capacity;
	bool blank;       /* it starts with white space: the owner is the last one */
	struct token cut; /* a comment that begins right behind a word; line 0: there is none */
};

void scan_memory(
	struct scan *s, const char *text, size_t length, const char *shown, struct report *report);
/* Reads `fd`, which stays the caller's, up to *limit octets, which are taken off it: files that
 * include each other share it. */
void scan_file(struct scan *s, int fd, uint64_t *limit, const char *shown, struct report *report);
/* The next entry that has at least one token; its tokens are valid until the next call. False at
 * the end. Mistakes are reported and skipped. */
bool scan_next(struct scan *s);
void scan_close(struct scan *s);

/* Report an error or warning at a token. */
void scan_error(struct scan *s, const struct token *t, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void scan_warn(struct scan *s, const struct token *t, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define TOKEN_SHOWN_MAX 68 /* a token in a message, cut and with control characters replaced */
/* Returns `out`. */
const char *token_show(const struct token *t, char out[TOKEN_SHOWN_MAX]);
/* Equal to the word, without regard to case? */
bool token_is(const struct token *t, const char *word);

#endif
