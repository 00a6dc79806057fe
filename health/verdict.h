/*
 * Verdicts: what a row of outcomes says of a target. A pure state machine, no clock, no I/O.
 *
 *               first outcome decides
 *     unknown ───────────────────────────▶ good or bad
 *        good ── `fall` failures in a row ─▶ bad
 *         bad ── `rise` successes in a row ─▶ good
 *
 *     verdict:  up while it is good and not suppressed, else down
 *
 * Flap damping (base/flap.h). Each change between good and bad adds the penalty. So does, in part,
 * a dip: failures that ended before they were `fall`. Else an endpoint that fails every second probe
 * would stay up for ever. A dip counts in proportion to the interval: what matters is the share of
 * dips among the probes, not how often one looks. With the default limits an endpoint is suppressed
 * when about 29 dips come on a hundred probes; one whose probes are VERDICT_DIP_LOOKS in a
 * half-life or fewer pays the whole penalty for each. The first verdict costs nothing.
 *
 * A suppressed target is down whatever its probes say; their changes go on being counted. It comes
 * up with the first success that finds it good and free. Going down is never delayed.
 *
 * Doubt. While a streak has begun that could end in another verdict, doubt_until_ms is the earliest
 * moment at which it can: DNS gives answers that rest on it no longer TTL. A check that is run out of
 * turn can end it sooner: it comes at no known time.
 */
#ifndef HEALTH_VERDICT_H
#define HEALTH_VERDICT_H

#include "base/flap.h"
#include "board/board.h"

#define VERDICT_STREAK_MAX UINT16_MAX /* a streak stays there; thresholds never exceed it */
#define VERDICT_DIP_LOOKS  6u         /* probes in a half-life, or fewer: a dip costs all */

enum evidence {
	EVIDENCE_SUCCESS, /* a probe passed */
	EVIDENCE_FAILURE, /* a probe failed */
};

struct verdict_state {
	enum verdict verdict;
	bool good;                    /* what the verdict is without damping */
	bool suppressed;              /* down until free; never with VERDICT_UP */
	uint16_t successes, failures; /* the streak; one of them is 0 */
	struct flap flap;
	uint64_t since_ms;       /* when the verdict became what it is; 0 = never set */
	uint64_t doubt_until_ms; /* 0 = not in doubt */
};

struct verdict_limits {
	uint16_t fall, rise;  /* >= 1 */
	uint32_t gap_ms;      /* the shortest time between two probes; 0 counts as 1 */
	uint32_t interval_ms; /* the usual one */
	struct flap_limits flap;
};

/* Take one piece of evidence, seen at now_ms; the next probe starts at next_ms. True when the
 * verdict changed. */
bool verdict_step(struct verdict_state *s, enum evidence evidence,
	const struct verdict_limits *limits, uint64_t now_ms, uint64_t next_ms);

/* Work out the doubt anew because the next probe moved to next_ms. */
void verdict_reschedule(
	struct verdict_state *s, const struct verdict_limits *limits, uint64_t next_ms);

/* From the cell of a predecessor; `whole` is false when only its word could be read. What no sane
 * writer leaves (two streaks at once, times after now_ms) is put right. */
struct verdict_state verdict_restore(const struct board_probe *cell, bool whole, uint64_t now_ms);

/* To the cell: all of it but what the prober adds of its own. */
void verdict_store(const struct verdict_state *s, struct board_probe *cell);

#endif
