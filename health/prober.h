/*
 * The prober: every target of a generation, from the outcome of its probes to its cell on the board.
 *
 *   scheduler ─START─▶ check_start() ──outcome──▶ verdict_step() ──▶ cell on the board ──▶ event
 *       ▲  └──EXPIRE─▶ check_cancel() ─timeout──▲      │
 *       └───────────────── next start ─────────────────┘
 *
 * The cells are the whole state: a process that takes over goes on from them.
 */
#ifndef HEALTH_PROBER_H
#define HEALTH_PROBER_H

#include "board/generation.h"

#include <event2/event.h>

/* Probes under way at once: one descriptor each. More wait and are counted (probes_waited). */
#define PROBER_RUNNING_MAX 16384u
/* Starts and deadlines served in one turn of the loop, so that other events get theirs. */
#define PROBER_BATCH 64u
/* Wake for starts and deadlines at most this often; they are that much late at most. */
#define PROBER_TICK_MS 10u
/* A deadline seen this late says that this process was stopped, not that the target was slow. */
#define PROBER_HELD_UP_MS 500u
/* Between two notices of one kind. */
#define PROBER_NOTICE_MS 60000u

struct prober;

/* At most running_max (1..PROBER_RUNNING_MAX) probes at once. */
int prober_new(struct prober **out, const struct generation *g, struct board *b,
	struct event_base *base, uint32_t running_max, struct err *e);
/* Cancels what runs. NULL is fine. */
void prober_free(struct prober *p);

/* Read the cells, repair them, start. */
void prober_go(struct prober *p, uint64_t now_ms);

/* Start nothing any more; `done` is called once, as soon as nothing runs (maybe at once). */
void prober_stop(struct prober *p, void (*done)(void *arg), void *arg);

/* `failures` connects of clients to the address of probes[index] have failed, seen at now_ms: its
 * check is run at once, and as long as it fails and its verdict is still up once a second. They are
 * no evidence themselves, whatever port they went to: nobody outside may switch off what a check says
 * is up. */
void prober_hurry(struct prober *p, uint32_t index, uint32_t failures, uint64_t now_ms);

/* Tell of bounds that were reached; call about once a second. */
void prober_notice(struct prober *p, uint64_t now_ms);

#endif
