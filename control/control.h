/* What the files of the control role share. One event loop, one thread; the log and the state file
 * have threads of their own that touch none of this. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/link.h"
#include "board/generation.h"
#include "control/events.h"
#include "control/log.h"
#include "control/overrides.h"
#include "control/saver.h"

#include <event2/event.h>

#define CONTROL_TICK_MS 20 /* how often rings are looked at */
#define CONTROL_STOP_MS                                                                            \
	1500u /* for everything between STOP and STOPPED; the supervisor kills after 2 s */

enum phase {
	PHASE_LOADED, /* READY is sent; waits for GO */
	PHASE_SERVING,
	PHASE_STOPPING, /* accepts nothing; gives out what is left */
};

/* When the state file was written and why it must be again. */
struct keeper {
	uint64_t submitted_ms;  /* the last time a snapshot was handed to the saver */
	uint64_t health_epoch;  /* of that snapshot */
	bool failing;           /* the last save failed; told once */
	uint64_t saved, failed; /* of the saver's numbers: counted on the board already */
};

struct control {
	const struct role_start *start;
	const struct generation *generation;
	struct board *board;
	struct event_base *base;
	struct event *tick, *beat, *link, *saved;
	enum phase phase;
	bool orphaned;                /* the supervisor is gone */
	bool failed;                  /* cannot serve */
	uint64_t seen;                /* next event's number at the last tick */
	struct link_message *message; /* being received: too large for the stack */
	uint64_t stop_by_ms;
	struct copier copier;
	struct overrides overrides;
	struct log_writer *log; /* from GO on */
	struct saver *saver;    /* from GO on; NULL without a state folder */
	struct keeper keeper;
	struct server *server; /* from GO on */
};

/* Number an event of control's own, and let log and watchers see it. */
void control_publish(struct control *c, const struct event *e);
/* Take over the events of all roles: what a reply shows, a `watch` asked for after it shows too. */
void control_take_events(struct control *c, uint64_t now_ms);
/* See to clocks and ends of overrides, before anything that reads or sets them. */
void control_settle_time(struct control *c, uint64_t now_ms);

/* control/state.c: hand the board to the saver; its ticket, or 0 when there is nothing to save to,
 * with `why` (a word on it for the operator, "" when no folder is configured). */
uint64_t state_submit(struct control *c, uint64_t now_ms, const char **why);
/* Save when verdicts have changed or the file has grown old. */
void state_tick(struct control *c, uint64_t now_ms);
/* The saver has finished something: count it, tell of a change for the worse or better. */
void state_finished(struct control *c, struct saver_result *out);

#endif
