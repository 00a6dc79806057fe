#include "health/prober.h"

#include "base/clock.h"
#include "base/text.h"
#include "health/announce.h"
#include "health/connecting.h"
#include "health/scheduler.h"
#include "health/untested.h"
#include "health/verdict.h"

#include <stdio.h>
#include <stdlib.h>

struct target {
	const struct probe *probe;
	struct check_run *run; /* NULL while no probe runs */
	struct verdict_state state;
	struct verdict_limits limits;
	uint64_t checked_ms;
	uint32_t latency_us;
	bool untested; /* its last probe could not be run */
	bool hurried;  /* by a failed connect: again and again, until its verdict is settled */
	char reason[BOARD_REASON_MAX];
};

/* A bound of this machine that probes ran into: told at once, then at most every PROBER_NOTICE_MS. */
struct notice {
	uint64_t count, told; /* in all */
	uint64_t told_ms;     /* 0 = never */
};

struct prober {
	const struct generation *generation;
	struct board *board;
	struct event *timer;
	uint64_t wake_ms; /* when the timer fires; UINT64_MAX = it is not set */
	struct checks *checks;
	struct scheduler scheduler;
	struct target *targets; /* [generation->probe_count] */
	uint32_t count;
	struct notice waited, missed;
	struct untested untested[2];               /* IPv4, IPv6 */
	char untested_reason[2][BOARD_REASON_MAX]; /* the last one */
	void (*stopped)(void *arg);                /* set while stopping */
	void *stopped_arg;
};

static void count_up(struct prober *p, enum health_counter counter, uint64_t n)
{
	counter_add(&p->board->health->counter[counter], n);
}

/* ---- the cell ---- */

static void publish(struct prober *p, const struct target *t)
{
	struct board_probe cell = {.latency_us = t->latency_us, .checked_ms = t->checked_ms};

	verdict_store(&t->state, &cell);
	(void)snprintf(cell.reason, sizeof cell.reason, "%s", t->reason);
	board_write_probe(p->board, t->probe->slot, &cell);
}

static void adopt(struct prober *p, struct target *t, uint64_t now_ms)
{
	struct board_probe cell;
	bool whole = board_read_probe(p->board, t->probe->slot, &cell);

	t->state = verdict_restore(&cell, whole, now_ms);
	if (!whole)
		return;
	t->checked_ms = cell.checked_ms <= now_ms ? cell.checked_ms : now_ms;
	t->latency_us = cell.latency_us;
	(void)snprintf(t->reason, sizeof t->reason, "%s", cell.reason);
}

/* ---- evidence ---- */

#define SUPPRESSED_TEXT_MAX 120u

/* The reason of an event, and what damping has to do with it. */
static void tell_flapping(const struct target *t, const struct verdict_state *before,
	uint64_t now_ms, char *out, size_t size)
{
	uint64_t free_ms = flap_free_ms(&t->state.flap, &t->limits.flap);
	uint32_t points = flap_at(&t->state.flap, &t->limits.flap, now_ms) / FLAP_POINT;
	uint64_t left_ms = free_ms > now_ms ? (free_ms - now_ms + 999) / 1000 * 1000 : 0;
	char span[DURATION_TEXT_MAX];

	if (t->state.suppressed && !before->suppressed)
		(void)snprintf(out, size,
			"%s; suppressed for flapping: penalty %u is above %u; free in %s, if it is "
			"quiet until then",
			t->reason, points, t->limits.flap.suppress, duration_format(left_ms, span));
	else if (before->verdict == VERDICT_DOWN && before->good)
		(void)snprintf(out, size, "%s; no longer suppressed", t->reason);
	else
		(void)snprintf(out, size, "%s", t->reason);
}

/* Take evidence, publish it, and tell when the verdict changed. */
static void judge(struct prober *p, struct target *t, enum evidence evidence, uint64_t now_ms,
	uint64_t next_ms)
{
	const struct verdict_state before = t->state;
	char text[BOARD_REASON_MAX + SUPPRESSED_TEXT_MAX];

	(void)verdict_step(&t->state, evidence, &t->limits, now_ms, next_ms);
	publish(p, t);
	if (t->state.verdict != before.verdict)
		count_up(p, HEALTH_CHANGES, 1);
	else if (before.suppressed || !t->state.suppressed)
		return;
	tell_flapping(t, &before, now_ms, text, sizeof text);
	announce_verdict(p->board, p->generation, t->probe, before.verdict, t->state.verdict, text);
}

static void wake_at(struct prober *p, uint64_t now_ms);

static unsigned family_of(const struct target *t)
{
	return t->probe->target.addr.family == FAMILY_IPV6 ? 1 : 0;
}

static void set_untested(struct prober *p, struct target *t, bool untested)
{
	uint32_t *now = &p->untested[family_of(t)].now;

	if (untested && !t->untested)
		(*now)++;
	if (!untested && t->untested)
		(*now)--;
	t->untested = untested;
}

/* A probe could not be run: the verdict and its streak stay, but what is shown says how old they are. */
static void keep(struct prober *p, uint32_t index, const char *reason, uint64_t now_ms)
{
	struct target *t = &p->targets[index];

	scheduler_retry(&p->scheduler, index, now_ms);
	count_up(p, HEALTH_PROBES_NOT_RUN, 1);
	set_untested(p, t, true);
	(void)snprintf(p->untested_reason[family_of(t)], BOARD_REASON_MAX, "%s", reason);
	(void)snprintf(t->reason, sizeof t->reason, "not tested: %.*s",
		(int)(sizeof t->reason - sizeof "not tested: "), reason);
	publish(p, t);
}

static bool hurry(struct prober *p, uint32_t index, uint64_t now_ms)
{
	if (!scheduler_hurry(&p->scheduler, index, now_ms))
		return false;
	count_up(p, HEALTH_PROBES_HURRIED, 1);
	return true;
}

/* A probe has ended with an outcome; returns when the next one starts. One that was run for a failed
 * connect and agrees with it is followed by the next one soon, else a target that is gone would have
 * to fail `fall` clients, or wait for `fall` intervals. */
static uint64_t place_next(struct prober *p, uint32_t index, bool passed, uint64_t now_ms)
{
	struct target *t = &p->targets[index];
	uint64_t next_ms = scheduler_finished(&p->scheduler, index, now_ms);
	bool settled = passed || t->state.verdict != VERDICT_UP ||
		       t->state.failures + 1u >= t->limits.fall;

	t->hurried = t->hurried && !settled;
	if (t->hurried && hurry(p, index, now_ms))
		next_ms = scheduler_start_ms(&p->scheduler, index);
	return next_ms;
}

/* A probe has ended. */
static void finish(
	struct prober *p, uint32_t index, const struct check_outcome *outcome, uint64_t now_ms)
{
	struct target *t = &p->targets[index];
	bool passed = outcome->result == CHECK_PASSED;
	uint64_t next_ms;

	t->run = NULL;
	if (outcome->result == CHECK_NOT_RUN) {
		keep(p, index, outcome->reason, now_ms);
	} else {
		next_ms = place_next(p, index, passed, now_ms);
		t->checked_ms = now_ms;
		set_untested(p, t, false);
		if (passed)
			t->latency_us = outcome->latency_us;
		(void)snprintf(t->reason, sizeof t->reason, "%s", outcome->reason);
		count_up(p, HEALTH_PROBES, 1);
		count_up(p, HEALTH_PROBES_FAILED, !passed);
		judge(p, t, passed ? EVIDENCE_SUCCESS : EVIDENCE_FAILURE, now_ms, next_ms);
	}
	if (p->stopped != NULL && p->scheduler.running == 0) {
		void (*stopped)(void *arg) = p->stopped;

		p->stopped = NULL;
		stopped(p->stopped_arg);
	}
}

/* check.h: a running probe reports. */
static void probe_done(void *owner, uint32_t tag, const struct check_outcome *outcome)
{
	struct prober *p = owner;
	uint64_t now_ms = clock_mono_ms();

	finish(p, tag, outcome, now_ms);
	wake_at(p, now_ms);
}

/* ---- turns ---- */

static void start_probe(struct prober *p, uint32_t index)
{
	struct target *t = &p->targets[index];
	struct check_outcome outcome;

	if (check_start(p->checks, t->probe->check, &t->probe->target, index, &t->run, &outcome) !=
		CHECK_RUNNING)
		finish(p, index, &outcome, clock_mono_ms());
}

/* Why the silence of a probe that ran out of time says nothing of its target; NULL: it does. */
static const char *excuse(
	const struct prober *p, uint32_t index, const char *phase, uint64_t now_ms)
{
	if (scheduler_overdue_ms(&p->scheduler, index, now_ms) >= PROBER_HELD_UP_MS)
		return "this process was held up";
	return phase == NULL ? "memory is short" : NULL;
}

static void expire_probe(struct prober *p, uint32_t index, uint64_t now_ms)
{
	struct target *t = &p->targets[index];
	const char *phase = check_cancel(t->run);
	const char *why = excuse(p, index, phase, now_ms);
	struct check_outcome outcome = {0};
	char took[DURATION_TEXT_MAX];
	int error;

	if (why != NULL) {
		(void)check_outcome_failed(&outcome, "%s", why);
		outcome.result = CHECK_NOT_RUN;
		finish(p, index, &outcome, now_ms);
		return;
	}
	/* the route may have gone while the probe was waiting */
	error = connecting_route(&t->probe->target);
	if (error == 0 || check_outcome_call(&outcome, "connect", error) != CHECK_NOT_RUN)
		(void)check_outcome_failed(&outcome, "timeout after %s in %s",
			duration_format(t->probe->check->timeout_ms, took), phase);
	finish(p, index, &outcome, now_ms);
}

/* Keep the board's counters and the notices level with the scheduler's own. */
static void take_counts(struct prober *p)
{
	count_up(p, HEALTH_PROBES_WAITED, p->scheduler.waited - p->waited.count);
	p->waited.count = p->scheduler.waited;
	count_up(p, HEALTH_PROBES_MISSED, p->scheduler.missed - p->missed.count);
	p->missed.count = p->scheduler.missed;
}

static void turn(evutil_socket_t fd, short what, void *arg)
{
	struct prober *p = arg;
	uint64_t now_ms = clock_mono_ms();

	(void)fd;
	(void)what;
	p->wake_ms = UINT64_MAX;
	for (unsigned n = 0; n < PROBER_BATCH; n++) {
		enum schedule_action action;
		uint32_t index;

		action = scheduler_pop(&p->scheduler, now_ms, &index);
		if (action == SCHEDULE_NOTHING)
			break;
		if (action == SCHEDULE_START)
			start_probe(p, index);
		else
			expire_probe(p, index, now_ms);
	}
	take_counts(p);
	wake_at(p, now_ms);
}

/* Set the timer for the scheduler's next moment, unless it fires before that anyway. */
static void wake_at(struct prober *p, uint64_t now_ms)
{
	uint64_t next_ms = scheduler_next_ms(&p->scheduler);
	struct timeval after;
	uint64_t wait_ms;

	if (next_ms == UINT64_MAX)
		return;
	if (next_ms <= now_ms) /* the batch was full, or a place became free */
		wait_ms = 0;
	else
		wait_ms = next_ms - now_ms > PROBER_TICK_MS ? next_ms - now_ms : PROBER_TICK_MS;
	if (p->wake_ms <= now_ms + wait_ms)
		return;
	p->wake_ms = now_ms + wait_ms;
	after = (struct timeval){.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000)};
	(void)evtimer_add(p->timer, &after);
}

void prober_hurry(struct prober *p, uint32_t index, uint32_t failures, uint64_t now_ms)
{
	struct target *t = &p->targets[index];

	count_up(p, HEALTH_CONNECT_FAILURES, failures);
	t->hurried = true;
	if (!hurry(p, index, now_ms))
		return;
	if (t->state.doubt_until_ms != 0) {
		verdict_reschedule(&t->state, &t->limits, scheduler_start_ms(&p->scheduler, index));
		publish(p, t);
	}
	wake_at(p, now_ms);
}

/* ---- notices ---- */

/* How many to tell of now; 0 = none, or not yet. */
static uint64_t notice_due(struct notice *n, uint64_t now_ms)
{
	uint64_t fresh = n->count - n->told;

	if (fresh == 0 || (n->told_ms != 0 && now_ms - n->told_ms < PROBER_NOTICE_MS))
		return 0;
	n->told = n->count;
	n->told_ms = now_ms;
	return fresh;
}

static void notice_untested(struct prober *p, unsigned family, uint64_t now_ms)
{
	static const char *const names[] = {"IPv4", "IPv6"};
	struct untested *u = &p->untested[family];

	switch (untested_look(u, now_ms)) {
	case UNTESTED_NOTHING: break;
	case UNTESTED_SOME:
		announce_notice(p->board, p->generation, LEVEL_WARNING,
			"%u of %u %s targets cannot be tested from here (%s): their verdicts stay "
			"as they are, and they are tried again",
			u->now, u->targets, names[family], p->untested_reason[family]);
		break;
	case UNTESTED_OVER:
		announce_notice(p->board, p->generation, LEVEL_INFO,
			"all %u %s targets are tested again", u->targets, names[family]);
		break;
	}
}

void prober_notice(struct prober *p, uint64_t now_ms)
{
	uint64_t n;

	for (unsigned f = 0; f < 2; f++)
		notice_untested(p, f, now_ms);
	n = notice_due(&p->waited, now_ms);
	if (n > 0)
		announce_notice(p->board, p->generation, LEVEL_WARNING,
			"%llu probes had to wait: %u run at once, which is the limit of "
			"descriptors "
			"or of the program",
			(unsigned long long)n, p->scheduler.running_max);
	n = notice_due(&p->missed, now_ms);
	if (n > 0)
		announce_notice(p->board, p->generation, LEVEL_WARNING,
			"%llu probes were left out: this process was held up for an interval or "
			"more",
			(unsigned long long)n);
}

/* ---- life ---- */

int prober_new(struct prober **out, const struct generation *g, struct board *b,
	struct event_base *base, uint32_t running_max, struct err *e)
{
	struct prober *p = calloc(1, sizeof *p);
	struct rng rng;

	if (p == NULL)
		return err_set(e, "no memory for the prober");
	p->generation = g;
	p->board = b;
	p->wake_ms = UINT64_MAX;
	p->count = (uint32_t)g->probe_count;
	p->timer = evtimer_new(base, turn, p);
	p->targets = calloc((size_t)p->count + 1, sizeof *p->targets);
	if (p->timer == NULL || p->targets == NULL) {
		err_set(e, "no memory for %u probes", p->count);
		goto failed;
	}
	rng_seed_random(&rng);
	if (scheduler_init(&p->scheduler, p->count, running_max, rng_next(&rng), e) < 0 ||
		checks_open(&p->checks, base, probe_done, p, e) < 0)
		goto failed;
	for (uint32_t i = 0; i < p->count; i++) {
		const struct conf_check *c = g->probes[i].check;
		struct target *t = &p->targets[i];

		t->probe = &g->probes[i];
		p->untested[family_of(t)].targets++;
		t->limits = (struct verdict_limits){.fall = c->fall,
			.rise = c->rise,
			.gap_ms = scheduler_gap_ms(c->interval_ms, c->jitter_percent),
			.interval_ms = c->interval_ms,
			.flap = c->flap};
		scheduler_set(&p->scheduler, i, c->interval_ms, c->timeout_ms, c->jitter_percent);
	}
	*out = p;
	return 0;
failed:
	prober_free(p);
	return -1;
}

void prober_free(struct prober *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; p->targets != NULL && i < p->count; i++) {
		if (p->targets[i].run != NULL)
			(void)check_cancel(p->targets[i].run);
	}
	checks_close(p->checks);
	scheduler_free(&p->scheduler);
	free(p->targets);
	if (p->timer != NULL)
		event_free(p->timer);
	free(p);
}

void prober_go(struct prober *p, uint64_t now_ms)
{
	for (uint32_t i = 0; i < p->count; i++) {
		adopt(p, &p->targets[i], now_ms);
		scheduler_resume(&p->scheduler, i, p->targets[i].checked_ms);
	}
	scheduler_begin(&p->scheduler, now_ms);
	for (uint32_t i = 0; i < p->count; i++) {
		struct target *t = &p->targets[i];

		verdict_reschedule(&t->state, &t->limits, scheduler_start_ms(&p->scheduler, i));
		publish(p, t); /* repairs what a killed predecessor left half written */
	}
	wake_at(p, now_ms);
}

void prober_stop(struct prober *p, void (*done)(void *arg), void *arg)
{
	scheduler_stop(&p->scheduler);
	if (p->scheduler.running == 0) {
		done(arg);
		return;
	}
	p->stopped = done;
	p->stopped_arg = arg;
	wake_at(p, clock_mono_ms());
}
