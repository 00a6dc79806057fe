/*
 * Which probe starts when. Pure: times and the seed come from the caller, who does the work.
 *
 * Every entry has its own place in time, `interval` apart with jitter, which moves on from place to
 * place and not from the moment a probe happened to end: a late loop delays probes but never draws
 * them together. An entry runs once at a time. One binary heap holds the next moment of each entry
 * (its start while it is idle, its deadline while it runs), so one timer of the event loop serves
 * all (a libevent timer for each probe costs 3 to 14.5 µs).
 *
 *        scheduler_begin
 *              │
 *              ▼  pop: START             pop: EXPIRE or the outcome came
 *   heap ─▶ idle ────────────▶ running ──────────────────────────────▶ scheduler_finished ─▶ idle
 *              │ running_max reached ▲
 *              └──▶ waiting (FIFO) ──┘   counted; no probe is skipped for it
 *
 * Where a predecessor left off: an entry continues at checked + interval. One that is late already
 * starts within as much time as it is late (at most an interval), so that a gap in service is not
 * followed by a burst. Entries never probed first start quickly, in order, SCHEDULER_FIRST_PER_S at
 * most, and then take places spread evenly over their interval. (However many there are: a round
 * that had to end within half a timeout made bursts that the machine was not up to, and lost
 * places.)
 */
#ifndef HEALTH_SCHEDULER_H
#define HEALTH_SCHEDULER_H

#include "base/err.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULER_FIRST_PER_S 10000u /* first probes a second at a cold start */
#define SCHEDULER_RETRY_MS    1000u  /* after a probe that could not be run on this machine */
#define SCHEDULER_HURRY_MS    1000u  /* from an entry's last start to one that is out of turn */

enum schedule_action {
	SCHEDULE_NOTHING, /* until scheduler_next_ms() */
	SCHEDULE_START,   /* start the probe; it counts as running */
	SCHEDULE_EXPIRE,  /* its time is over: cancel it, then scheduler_finished() */
};

enum schedule_state { SCHEDULE_IDLE, SCHEDULE_WAITING, SCHEDULE_RUNNING };

struct schedule_entry {
	uint64_t at_ms;      /* idle: when it starts; running: its deadline */
	uint64_t next_ms;    /* its place in time after this one */
	uint64_t started_ms; /* the last time; 0 = not in this process */
	uint64_t hurry_ms;   /* running: it starts once more, out of turn, from then on; 0 = no */
	uint32_t interval_ms, timeout_ms;
	uint32_t heap_index;
	uint32_t next_waiting;
	uint8_t jitter_percent;
	uint8_t state; /* enum schedule_state */
};

struct scheduler {
	struct schedule_entry *entries;
	uint32_t *heap; /* entry numbers, the earliest at_ms first */
	uint32_t count, heap_count;
	uint32_t running, running_max;
	uint32_t waiting, first_waiting, last_waiting;
	uint64_t waited; /* starts that had to wait for running_max, in all */
	uint64_t missed; /* places in time that passed while the process was held up, in all */
	bool stopping;
	struct rng rng;
};

/* `count` entries of which at most running_max (>= 1) run at once. -1 without memory. */
int scheduler_init(
	struct scheduler *s, uint32_t count, uint32_t running_max, uint64_t seed, struct err *e);
void scheduler_free(struct scheduler *s);

/* Before scheduler_begin(), once for each entry: interval_ms >= 1, timeout_ms >= 1. */
void scheduler_set(struct scheduler *s, uint32_t entry, uint32_t interval_ms, uint32_t timeout_ms,
	uint8_t jitter_percent);

/* Before scheduler_begin(): the entry's last probe ended at checked_ms. Without it: never probed. */
void scheduler_resume(struct scheduler *s, uint32_t entry, uint64_t checked_ms);

/* Give every entry its place. */
void scheduler_begin(struct scheduler *s, uint64_t now_ms);

/* What is due. Call until SCHEDULE_NOTHING. */
enum schedule_action scheduler_pop(struct scheduler *s, uint64_t now_ms, uint32_t *entry);

/* A running entry ended. Returns when it starts next (in the past when it is late). */
uint64_t scheduler_finished(struct scheduler *s, uint32_t entry, uint64_t now_ms);
/* A running entry could not be run: again in SCHEDULER_RETRY_MS, or an interval if that is less. */
void scheduler_retry(struct scheduler *s, uint32_t entry, uint64_t now_ms);

/* Start an entry out of turn: at once, but not within SCHEDULER_HURRY_MS of its last start. One that
 * runs already starts once more then, for what has happened since. Its places in time stay as they
 * are. False when that changes nothing. */
bool scheduler_hurry(struct scheduler *s, uint32_t entry, uint64_t now_ms);

/* When there is something to pop: in the past when there is now, UINT64_MAX when nothing is left. */
uint64_t scheduler_next_ms(const struct scheduler *s);

/* When an entry starts next; for one that runs, its place after this one. */
uint64_t scheduler_start_ms(const struct scheduler *s, uint32_t entry);
/* How much later than its moment (start or deadline) it is; 0 = not late. */
uint64_t scheduler_overdue_ms(const struct scheduler *s, uint32_t entry, uint64_t now_ms);

/* Start nothing any more; what runs goes on to its end. */
void scheduler_stop(struct scheduler *s);

/* The shortest time between two starts of an entry: what `interval` less jitter can be. */
uint32_t scheduler_gap_ms(uint32_t interval_ms, uint8_t jitter_percent);

#endif
