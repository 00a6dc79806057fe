#include "app/journal.h"

#include "base/clock.h"
#include "base/io.h"
#include "board/event_format.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void journal_event(const struct journal *j, struct event *e, bool direct)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	char line[EVENT_LINE_MAX];

	e->role = ROLE_SUPERVISOR;
	e->generation = j->generation;
	e->real_ms = clock_real_ms();
	event_emit(j->ring, e);
	/* never wait for a full pipe: a line is at most PIPE_BUF, which fits when there is any
	 * room */
	if (direct && poll(&out, 1, 0) == 1) {
		size_t length = event_format_log(
			e, 0, j->format, fd_is_journal(STDERR_FILENO), line, sizeof line);

		(void)write_all(STDERR_FILENO, line, length);
	}
}

void journal_text(struct event *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	for (size_t end = strlen(e->text); end > 0 && e->text[end - 1] == '\n'; end--)
		e->text[end - 1] = '\0';
	for (char *p = e->text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ')
			*p = ' ';
	}
}

void journal_report(const struct journal *j, const struct report *r)
{
	size_t told = r->count < JOURNAL_REPORT_MAX ? r->count : JOURNAL_REPORT_MAX;

	for (size_t i = 0; i < told; i++) {
		bool warning = r->items[i].severity == SEVERITY_WARNING;
		struct event e = {.kind = EVENT_NOTICE,
			.level = (uint8_t)(warning ? LEVEL_WARNING : LEVEL_ERROR)};
		char line[ERR_LINE_MAX];

		err_format(&r->items[i], line, sizeof line);
		journal_text(&e, "%s", line);
		journal_event(j, &e, false);
	}
	if (r->errors + r->warnings > told) {
		struct event e = {.kind = EVENT_NOTICE, .level = LEVEL_WARNING};

		journal_text(&e, "%zu more messages: see `waymark check`",
			r->errors + r->warnings - told);
		journal_event(j, &e, false);
	}
}

void report_print(const struct report *r)
{
	bool marked = fd_is_journal(STDERR_FILENO);

	for (size_t i = 0; i < r->count; i++) {
		bool warning = r->items[i].severity == SEVERITY_WARNING;
		const char *mark = level_mark(warning ? LEVEL_WARNING : LEVEL_ERROR);
		char line[ERR_LINE_MAX];

		err_format(&r->items[i], line, sizeof line);
		(void)fprintf(stderr, "%s%s\n", marked ? mark : "", line);
	}
	if (r->errors + r->warnings > r->count)
		(void)fprintf(
			stderr, "(and %zu more messages)\n", r->errors + r->warnings - r->count);
}

void report_text(const struct report *r, char *out, size_t size)
{
	const size_t tail = 40; /* "(and N more messages)" */
	size_t used = 0, i;

	out[0] = '\0';
	for (i = 0; i < r->count; i++) {
		char line[ERR_LINE_MAX];
		size_t length;

		err_format(&r->items[i], line, sizeof line);
		length = strlen(line);
		if (used + length + 1 + tail > size)
			break;
		memcpy(out + used, line, length);
		used += length;
		out[used++] = '\n';
		out[used] = '\0';
	}
	if (r->errors + r->warnings > i)
		(void)snprintf(out + used, size - used, "(and %zu more messages)\n",
			r->errors + r->warnings - i);
}
