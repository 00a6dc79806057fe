/*
 * One write() a line: lines are shorter than PIPE_BUF (4096), so they never mix with those of the
 * supervisor on the same pipe, and `logged` moves line by line.
 */
#include "control/log.h"

#include "base/clock.h"
#include "base/io.h"
#include "board/event_format.h"
#include "control/events.h"
#include "control/helper.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct log_writer {
	const struct board *board;
	int fd, wake;
	bool to_journal;
	enum log_format format;
	enum log_level level;
	atomic_bool stopping;
	struct helper helper;
};

/* A line, whole or not at all; waits while `fd` is a full non-blocking pipe. */
static bool write_line(int fd, const char *line, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, line, length);

		if (n > 0) {
			line += n;
			length -= (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			(void)poll(&p, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return false; /* nobody reads any more, a full disk: counted, and tried
					 again next time */
		}
	}
	return true;
}

static void count_lost(struct log_writer *w, uint64_t lost)
{
	counter_add(&w->board->control->counter[CONTROL_LOG_LOST], lost);
}

static void write_event(struct log_writer *w, const struct event *e, uint64_t sequence)
{
	char line[EVENT_LINE_MAX];
	size_t length;

	if (!event_passes(e, w->level))
		return;
	length = event_format_log(e, sequence, w->format, w->to_journal, line, sizeof line);
	if (length == 0 || !write_line(w->fd, line, length))
		count_lost(w, 1);
}

/* The gap is known to the log only, so its line has no number. */
static void write_gap(struct log_writer *w, uint64_t lost)
{
	struct event e = {.real_ms = clock_real_ms(),
		.kind = EVENT_NOTICE,
		.level = LEVEL_WARNING,
		.role = ROLE_CONTROL};

	(void)snprintf(e.text, sizeof e.text,
		"%" PRIu64 " events are missing here: standard error was blocked for too long",
		lost);
	count_lost(w, lost);
	write_event(w, &e, 0);
}

/* Everything that is there. */
static void write_all_events(struct log_writer *w)
{
	struct board_control *sheet = w->board->control;
	uint64_t at = atomic_load_explicit(&sheet->logged, memory_order_relaxed);

	while (at != events_next(w->board)) {
		uint64_t oldest = events_oldest(w->board);
		struct event e;

		if (at < oldest || at > events_next(w->board)) {
			uint64_t lost = at != 0 && at < oldest ? oldest - at : 0;

			at = oldest;
			if (lost > 0)
				write_gap(w, lost);
			continue;
		}
		if (events_read(w->board, at, &e))
			write_event(w, &e, at);
		else if (at >= events_oldest(w->board))
			count_lost(w, 1); /* a damaged slot */
		else
			continue; /* overwritten just now: see above */
		at++;
		atomic_store_explicit(&sheet->logged, at, memory_order_release);
	}
}

static void run(void *context)
{
	struct log_writer *w = context;

	for (;;) {
		bool last = atomic_load(&w->stopping);
		uint64_t n;

		write_all_events(w);
		if (last)
			return;
		while (read(w->wake, &n, sizeof n) < 0 && errno == EINTR)
			;
	}
}

int log_start(struct log_writer **out, const struct board *b, int fd, enum log_format format,
	enum log_level level, struct err *e)
{
	struct log_writer *w = calloc(1, sizeof *w);

	if (w == NULL)
		return err_set(e, "out of memory for the log");
	w->board = b;
	w->fd = fd;
	w->to_journal = fd_is_journal(fd);
	w->format = format;
	w->level = level;
	atomic_init(&w->stopping, false);
	w->wake = eventfd(0, EFD_CLOEXEC);
	if (w->wake < 0) {
		free(w);
		return err_set(e, "cannot start the log: eventfd: %s", strerror(errno));
	}
	if (helper_start(&w->helper, run, w, "the log", e) < 0) {
		(void)close(w->wake);
		free(w);
		return -1;
	}
	*out = w;
	return 0;
}

void log_wake(struct log_writer *w)
{
	uint64_t one = 1;

	(void)!write(w->wake, &one, sizeof one); /* blocks at 2^64 - 1 only */
}

bool log_stop(struct log_writer *w, uint64_t deadline_ms)
{
	atomic_store(&w->stopping, true);
	log_wake(w);
	if (!helper_join(&w->helper, deadline_ms))
		return false;
	(void)close(w->wake);
	free(w);
	return true;
}
