#include "health/verdict.h"

static uint32_t gap_of(const struct verdict_limits *limits)
{
	return limits->gap_ms > 0 ? limits->gap_ms : 1;
}

/* ---- the penalty ---- */

static uint32_t change_penalty(const struct verdict_limits *limits)
{
	return limits->flap.penalty * FLAP_POINT;
}

static uint32_t dip_penalty(const struct verdict_limits *limits)
{
	uint64_t whole = change_penalty(limits), half_ms = limits->flap.half_life_ms;
	uint64_t interval_ms = (uint64_t)limits->interval_ms * VERDICT_DIP_LOOKS;

	return (uint32_t)(interval_ms < half_ms ? whole * interval_ms / half_ms : whole);
}

/* Add to the penalty; that may suppress. */
static void charge(struct verdict_state *s, const struct verdict_limits *limits, uint32_t amount,
	uint64_t now_ms)
{
	flap_add(&s->flap, &limits->flap, amount, now_ms);
	if (flap_suppresses(&s->flap, &limits->flap, now_ms))
		s->suppressed = true;
}

/* Free what has served its time, or is not damped any more after a reload. */
static void release(struct verdict_state *s, const struct verdict_limits *limits, uint64_t now_ms)
{
	if (limits->flap.penalty == 0 || now_ms >= flap_free_ms(&s->flap, &limits->flap))
		s->suppressed = false;
}

/* ---- doubt ---- */

/* When the probe that ends a streak of `have` at `want` runs at the earliest: at least the next. */
static uint64_t streak_end(
	const struct verdict_limits *limits, uint32_t want, uint32_t have, uint64_t next_ms)
{
	uint64_t more = want > have ? want - have - 1 : 0;

	return next_ms + more * gap_of(limits);
}

/* The first probe at `when_ms` or later. */
static uint64_t first_probe(const struct verdict_limits *limits, uint64_t when_ms, uint64_t next_ms)
{
	uint64_t gap_ms = gap_of(limits);

	if (when_ms <= next_ms)
		return next_ms;
	return next_ms + (when_ms - next_ms + gap_ms - 1) / gap_ms * gap_ms;
}

/* The earliest end of a rise: once good, which costs a change, it must be free as well. */
static uint64_t rise_end(
	const struct verdict_state *s, const struct verdict_limits *limits, uint64_t next_ms)
{
	struct verdict_state then = *s;
	uint64_t at_ms = next_ms;

	if (!s->good) {
		at_ms = streak_end(limits, limits->rise, s->successes, next_ms);
		release(&then, limits, at_ms);
		charge(&then, limits, change_penalty(limits), at_ms);
	}
	if (!then.suppressed)
		return at_ms;
	return first_probe(limits, flap_free_ms(&then.flap, &limits->flap), next_ms);
}

static uint64_t doubt(
	const struct verdict_state *s, const struct verdict_limits *limits, uint64_t next_ms)
{
	switch (s->verdict) {
	case VERDICT_UNKNOWN: return next_ms;
	case VERDICT_UP:
		if (s->failures == 0)
			return 0;
		return streak_end(limits, limits->fall, s->failures, next_ms);
	case VERDICT_DOWN: return s->successes > 0 ? rise_end(s, limits, next_ms) : 0;
	}
	return 0;
}

/* ---- steps ---- */

static void count_streak(struct verdict_state *s, bool success)
{
	uint16_t *grows = success ? &s->successes : &s->failures;
	uint16_t *ends = success ? &s->failures : &s->successes;

	*ends = 0;
	if (*grows < VERDICT_STREAK_MAX)
		(*grows)++;
}

/* Good or bad, and what that costs. `dipped`: failures came before this success. */
static void judge(struct verdict_state *s, bool success, bool dipped,
	const struct verdict_limits *limits, uint64_t now_ms)
{
	bool turns = s->good ? s->failures >= limits->fall : s->successes >= limits->rise;

	release(s, limits, now_ms);
	if (s->verdict == VERDICT_UNKNOWN) {
		s->good = success;
	} else if (turns) {
		s->good = success;
		charge(s, limits, change_penalty(limits), now_ms);
	} else if (s->good && dipped) {
		charge(s, limits, dip_penalty(limits), now_ms);
	}
}

bool verdict_step(struct verdict_state *s, enum evidence evidence,
	const struct verdict_limits *limits, uint64_t now_ms, uint64_t next_ms)
{
	bool success = evidence == EVIDENCE_SUCCESS;
	bool dipped = success && s->failures > 0;
	enum verdict before = s->verdict;

	count_streak(s, success);
	judge(s, success, dipped, limits, now_ms);
	if (!s->good || s->suppressed)
		s->verdict = VERDICT_DOWN;
	else if (success) /* a failure does not free, it only does not bring down yet */
		s->verdict = VERDICT_UP;
	if (s->verdict != before)
		s->since_ms = now_ms;
	s->doubt_until_ms = doubt(s, limits, next_ms);
	return s->verdict != before;
}

void verdict_reschedule(
	struct verdict_state *s, const struct verdict_limits *limits, uint64_t next_ms)
{
	s->doubt_until_ms = doubt(s, limits, next_ms);
}

/* ---- the cell ---- */

struct verdict_state verdict_restore(const struct board_probe *cell, bool whole, uint64_t now_ms)
{
	uint64_t word = atomic_load_explicit(&cell->word, memory_order_relaxed);
	struct verdict_state s = {.verdict = verdict_of_word(word)};

	if (s.verdict == VERDICT_UNKNOWN)
		return s;
	s.since_ms = now_ms;
	s.good = s.verdict == VERDICT_UP;
	if (!whole)
		return s;
	s.doubt_until_ms = doubt_of_word(word);
	if (cell->successes == 0 || cell->failures == 0) {
		s.successes = cell->successes;
		s.failures = cell->failures;
	}
	if (cell->since_ms > 0 && cell->since_ms <= now_ms)
		s.since_ms = cell->since_ms;
	s.flap.penalty = cell->penalty;
	s.flap.at_ms = cell->penalty_ms <= now_ms ? cell->penalty_ms : now_ms;
	if (s.verdict == VERDICT_DOWN) {
		s.suppressed = (cell->flags & PROBE_SUPPRESSED) != 0;
		s.good = (cell->flags & PROBE_GOOD) != 0;
	}
	return s;
}

void verdict_store(const struct verdict_state *s, struct board_probe *cell)
{
	atomic_init(&cell->word, VERDICT_WORD(s->verdict, s->doubt_until_ms));
	cell->successes = s->successes;
	cell->failures = s->failures;
	cell->since_ms = s->since_ms;
	cell->penalty = s->flap.penalty;
	cell->penalty_ms = s->flap.at_ms;
	cell->flags = (s->suppressed ? PROBE_SUPPRESSED : 0u) | (s->good ? PROBE_GOOD : 0u);
}
