/*
 * One event as one line of text, or as one JSON object.
 *
 * Text, fields separated by one blank, parts that do not apply left out:
 *
 *   2026-11-23T09:01:02.345Z warning verdict web/lon1 192.0.2.11:8080 up -> down: connection
 * refused [1806...] time                     level   kind    pool/endpoint object     from -> to:
 * text               [sequence]
 *
 * Everything that can come from outside (reasons, zone names, paths) is escaped: control
 * characters, backslash and octets above 0x7e become \xNN, so a line is always one line of ASCII.
 */
#ifndef BOARD_EVENT_FORMAT_H
#define BOARD_EVENT_FORMAT_H

#include "base/text.h"
#include "board/board.h"
#include "board/events.h"
#include "conf/conf.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_LINE_MAX 4096 /* octets of a line in either format, with newline and NUL */

const char *level_name(enum log_level l); /* "debug", "info", "warning", "error" */

/* Does a log of level `threshold` show this event? */
bool event_passes(const struct event *e, enum log_level threshold);

/* Append `s` up to its NUL or `max` octets, escaped as above. */
void text_add_escaped(struct text *t, const char *s, size_t max);
/* The same as a new JSON string, but a backslash stays (JSON quotes it itself, and escaping twice
 * must not change a text that was read back); NULL without memory. */
json_t *json_escaped(const char *s, size_t max);

/* One line with its newline into out[0..size); returns its length (cut at size, newline kept).
 * `sequence` 0: not numbered (the supervisor's own lines before control serves). `size` >= 2. */
size_t event_format_text(const struct event *e, uint64_t sequence, char *out, size_t size);
/* The event as a new JSON object; fields are in docs/control.md. NULL without memory. */
json_t *event_to_json(const struct event *e, uint64_t sequence);
/* That object as one line with its newline; like event_format_text(). 0 without memory. */
size_t event_format_json(const struct event *e, uint64_t sequence, char *out, size_t size);
/* Either of them. */
size_t event_format(
	const struct event *e, uint64_t sequence, enum log_format format, char *out, size_t size);

/* A line of the log: event_format(), and for the system journal the level in front of it as
 * "<3>" to "<7>" (sd-daemon(3)), which the journal takes off. `size` >= 5. */
size_t event_format_log(const struct event *e, uint64_t sequence, enum log_format format,
	bool to_journal, char *out, size_t size);
/* The same mark for a line of another origin. */
const char *level_mark(enum log_level l);

#endif
