#include "health/verdict.h"

/* Successes that a rise takes at a given moment. */
static uint32_t rise_at(
	const struct verdict_state *s, const struct verdict_limits *limits, uint64_t when_ms)
{
	uint32_t rise = limits->rise;

	if (when_ms < s->flap_ms)
		rise *= VERDICT_FLAP_FACTOR;
	return rise < VERDICT_STREAK_MAX ? rise : VERDICT_STREAK_MAX;
}

/* Probes that a streak of `have` still needs for `want`: at least the next one. */
static uint64_t probes_left(uint32_t want, uint32_t have)
{
	return want > have ? want - have : 1;
}

/* The k-th probe from now, k = 1 being the next one, runs at next + (k - 1) * gap at the earliest.
 */
static uint64_t probe_time(uint64_t next_ms, uint64_t k, uint32_t gap_ms)
{
	return next_ms + (k - 1) * gap_ms;
}

/* The earliest end of a rise. Damping may end before the streak does: then the first probe after
 * its end that already has the ordinary number is enough. */
static uint64_t rise_end(
	const struct verdict_state *s, const struct verdict_limits *limits, uint64_t next_ms)
{
	uint32_t gap_ms = limits->gap_ms > 0 ? limits->gap_ms : 1;
	uint64_t plain = probes_left(limits->rise, s->successes);
	uint64_t damped, after;

	if (s->flap_ms <= probe_time(next_ms, plain, gap_ms))
		return probe_time(next_ms, plain, gap_ms);
	damped = probes_left(rise_at(s, limits, next_ms), s->successes);
	after = 1 + (s->flap_ms - next_ms + gap_ms - 1) / gap_ms;
	return probe_time(next_ms, after < damped ? after : damped, gap_ms);
}

/* The doubt that probes alone cause. */
static uint64_t doubt(
	const struct verdict_state *s, const struct verdict_limits *limits, uint64_t next_ms)
{
	uint32_t gap_ms = limits->gap_ms > 0 ? limits->gap_ms : 1;

	switch (s->verdict) {
	case VERDICT_UNKNOWN: return next_ms;
	case VERDICT_UP:
		if (s->failures == 0)
			return 0;
		return probe_time(next_ms, probes_left(limits->fall, s->failures), gap_ms);
	case VERDICT_DOWN:
		if (s->successes == 0)
			return 0;
		return rise_end(s, limits, next_ms);
	}
	return 0;
}

static void count_streak(struct verdict_state *s, bool success)
{
	uint16_t *grows = success ? &s->successes : &s->failures;
	uint16_t *ends = success ? &s->failures : &s->successes;

	*ends = 0;
	if (*grows < VERDICT_STREAK_MAX)
		(*grows)++;
}

static void change(struct verdict_state *s, enum verdict to, uint64_t now_ms)
{
	if (s->verdict != VERDICT_UNKNOWN) {
		uint64_t quiet_ms = now_ms > s->since_ms ? now_ms - s->since_ms : 0;

		if (quiet_ms >= VERDICT_FLAP_WINDOW_MS)
			s->flaps = 0;
		s->flaps++;
		s->flap_ms = s->flaps >= VERDICT_FLAP_CHANGES ? now_ms + VERDICT_FLAP_WINDOW_MS : 0;
	}
	s->verdict = to;
	s->since_ms = now_ms;
}

bool verdict_step(struct verdict_state *s, enum evidence evidence,
	const struct verdict_limits *limits, uint64_t now_ms, uint64_t next_ms)
{
	bool success = evidence == EVIDENCE_SUCCESS;
	enum verdict before = s->verdict;

	count_streak(s, success);
	switch (before) {
	case VERDICT_UNKNOWN: change(s, success ? VERDICT_UP : VERDICT_DOWN, now_ms); break;
	case VERDICT_UP:
		if (!success && s->failures >= limits->fall)
			change(s, VERDICT_DOWN, now_ms);
		break;
	case VERDICT_DOWN:
		if (success && s->successes >= rise_at(s, limits, now_ms))
			change(s, VERDICT_UP, now_ms);
		break;
	}
	if (evidence != EVIDENCE_PASSIVE_FAILURE)
		s->doubt_until_ms = doubt(s, limits, next_ms);
	else if (s->verdict == VERDICT_DOWN)
		s->doubt_until_ms = 0; /* no rise is under way any more */
	return s->verdict != before;
}

void verdict_reschedule(
	struct verdict_state *s, const struct verdict_limits *limits, uint64_t next_ms)
{
	if (s->verdict == VERDICT_UNKNOWN || s->doubt_until_ms != 0)
		s->doubt_until_ms = doubt(s, limits, next_ms);
}

struct verdict_state verdict_restore(const struct board_probe *cell, bool whole, uint64_t now_ms)
{
	uint64_t word = atomic_load_explicit(&cell->word, memory_order_relaxed);
	struct verdict_state s = {.verdict = verdict_of_word(word)};

	if (s.verdict == VERDICT_UNKNOWN)
		return s;
	s.since_ms = now_ms;
	if (!whole)
		return s;
	s.doubt_until_ms = doubt_of_word(word);
	if (cell->successes == 0 || cell->failures == 0) {
		s.successes = cell->successes;
		s.failures = cell->failures;
	}
	if (cell->since_ms > 0 && cell->since_ms <= now_ms)
		s.since_ms = cell->since_ms;
	s.flaps = cell->flaps;
	if (cell->flap_ms <= now_ms + VERDICT_FLAP_WINDOW_MS)
		s.flap_ms = cell->flap_ms;
	return s;
}
