/* The supervisor's events: into its ring, from where control logs and streams them. */
#ifndef APP_JOURNAL_H
#define APP_JOURNAL_H

#include "base/err.h"
#include "board/events.h"
#include "conf/conf.h"

struct journal {
	struct event_ring *ring;
	enum log_format format;
	uint32_t generation; /* the one that serves */
};

/*
 * Emit an event; real time, role and generation are filled in. `direct`: write it to standard
 * error as well, because there is no control to do it now (its death is the one thing that it
 * cannot log).
 */
void journal_event(const struct journal *j, struct event *e, bool direct);

/* Fill `text` (one line: control characters become blanks; a longer one is cut). */
void journal_text(struct event *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each message of a report as one notice, at most JOURNAL_REPORT_MAX of them. */
#define JOURNAL_REPORT_MAX 50
void journal_report(const struct journal *j, const struct report *r);

/* Messages on standard error, one a line in err_format()'s form: what a failed start says. */
void report_print(const struct report *r);
/* The same as text for an answer, at most `size` octets with the NUL; what does not fit is
 * counted. */
void report_text(const struct report *r, char *out, size_t size);

#endif
