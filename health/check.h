/*
 * Checks: one probe of one target, on a libevent loop. One row of the table and one file a kind.
 *
 * A probe ends in one of three ways: it passed, it failed, or it could not be run for want of
 * something on this machine (a route, ports, descriptors, memory), which says nothing about the
 * target. Time
 * is the caller's: it cancels what takes too long (health/scheduler.h) and learns in which phase
 * the probe was. All connections are new ones and are closed by a reset: a prober that closes in
 * order keeps a TIME_WAIT for each, 120,000 of them at 2,000 probes a second.
 */
#ifndef HEALTH_CHECK_H
#define HEALTH_CHECK_H

#include "base/addr.h"
#include "base/err.h"
#include "board/board.h"
#include "conf/conf.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

enum check_result {
	CHECK_RUNNING,
	CHECK_PASSED,
	CHECK_FAILED,
	CHECK_NOT_RUN, /* nothing is known of the target: try again later */
};

struct check_outcome {
	enum check_result result; /* never CHECK_RUNNING */
	uint32_t latency_us;      /* from the start; of CHECK_PASSED */
	char reason
		[BOARD_REASON_MAX]; /* one line: "connected", "status 503", "connect: connection refused" */
};

/* The end of a probe that was running. Never called from inside check_start() or check_cancel(). */
typedef void check_done(void *owner, uint32_t tag, const struct check_outcome *outcome);

struct checks;    /* what all probes of one loop share */
struct check_run; /* one probe under way */

int checks_open(
	struct checks **out, struct event_base *base, check_done *done, void *owner, struct err *e);
/* No probe may be running. NULL is fine. */
void checks_close(struct checks *c);

/* Start one probe. CHECK_RUNNING: *run is set and done(owner, tag, …) follows, unless cancelled.
 * Anything else: it is over already, *outcome says how. `check` and `target` are borrowed until
 * then. */
enum check_result check_start(struct checks *c, const struct conf_check *check,
	const struct hostport *target, uint32_t tag, struct check_run **run,
	struct check_outcome *outcome);

/* End a running probe without an outcome. Returns its phase: "connect", "response headers" …; NULL
 * when it could not be carried out on this machine, so that its silence says nothing. */
const char *check_cancel(struct check_run *run);

/* ---- for the kinds ---- */

/* Begins every kind's own run. */
struct check_run {
	struct checks *checks;
	const struct check_type *type;
	uint32_t tag;
};

struct check_type {
	/* What all runs of the kind share; both NULL when there is nothing. */
	int (*open)(struct event_base *base, void **shared, struct err *e);
	void (*close)(void *shared);
	/* As check_start(); fills all but `run` of the new run itself. */
	enum check_result (*start)(void *shared, struct event_base *base,
		const struct conf_check *check, const struct hostport *target,
		struct check_run **run, struct check_outcome *outcome);
	const char *(*cancel)(struct check_run *run);
};

extern const struct check_type check_tcp, check_http;

/* Report the end of `run`, which its kind has freed already. */
void check_report(struct checks *c, uint32_t tag, const struct check_outcome *outcome);

/* Fill `o` for an errno, reason "connect: connection refused"; base/connect_blame.h decides between
 * CHECK_NOT_RUN and CHECK_FAILED. `call`: a function returned it at once; `later`: it came back. */
enum check_result check_outcome_call(struct check_outcome *o, const char *what, int error);
enum check_result check_outcome_later(struct check_outcome *o, const char *what, int error);
enum check_result check_outcome_failed(struct check_outcome *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
