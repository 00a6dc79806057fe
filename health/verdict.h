/*
 * Verdicts: what a row of outcomes says of a target. A pure state machine, no clock, no I/O.
 *
 *             first outcome decides
 *   unknown ───────────────────────────▶ up or down
 *        up ── `fall` failures in a row ─▶ down
 *      down ── `rise` successes in a row ─▶ up          (2 × rise while the target is damped)
 *
 * Flap damping. Changes that follow one another within VERDICT_FLAP_WINDOW_MS make a run; from the
 * VERDICT_FLAP_CHANGES-th change of a run on, and until the window has passed without another, a
 * rise takes VERDICT_FLAP_FACTOR times as many successes. Going down is never delayed. The first
 * verdict after `unknown` is no change. A run needs only the time of the last change and a count,
 * so the whole state fits the probe's cell on the board and a new process goes on with it.
 *
 * Doubt. While a streak has begun that could end in another verdict, doubt_until_ms is the earliest
 * moment at which it can: DNS gives answers that rest on it no longer TTL. Passive evidence (the
 * balancer's failed connections) moves the streak but starts no doubt: it comes at no known time.
 */
#ifndef HEALTH_VERDICT_H
#define HEALTH_VERDICT_H

#include "board/board.h"

#define VERDICT_FLAP_CHANGES   4u      /* two ways down and back */
#define VERDICT_FLAP_WINDOW_MS 300000u /* 5 minutes: longer than a restart, shorter than a shift */
#define VERDICT_FLAP_FACTOR    2u
#define VERDICT_STREAK_MAX     UINT16_MAX /* a streak stays there; thresholds never exceed it */

enum evidence {
	EVIDENCE_SUCCESS,         /* a probe passed */
	EVIDENCE_FAILURE,         /* a probe failed */
	EVIDENCE_PASSIVE_FAILURE, /* a client's connection through the balancer failed */
};

struct verdict_state {
	enum verdict verdict;
	uint16_t successes, failures; /* the streak; one of them is 0 */
	uint32_t flaps;               /* changes in the present run */
	uint64_t since_ms;            /* when the verdict became what it is; 0 = never set */
	uint64_t flap_ms;             /* damped before this moment; 0 = not damped */
	uint64_t doubt_until_ms;      /* 0 = not in doubt */
};

struct verdict_limits {
	uint16_t fall, rise; /* >= 1 */
	uint32_t gap_ms;     /* the shortest time between two probes; 0 counts as 1 */
};

/* Take one piece of evidence, seen at now_ms; the next probe starts at next_ms. True when the
 * verdict changed. */
bool verdict_step(struct verdict_state *s, enum evidence evidence,
	const struct verdict_limits *limits, uint64_t now_ms, uint64_t next_ms);

/* Work out the doubt anew because the next probe moved to next_ms (a new process took over). A
 * streak of passive evidence alone, known by having had no doubt, still has none. */
void verdict_reschedule(
	struct verdict_state *s, const struct verdict_limits *limits, uint64_t next_ms);

/* From the cell of a predecessor; `whole` is false when only its word could be read. What no sane
 * writer leaves (two streaks at once, times after now_ms) is put right. */
struct verdict_state verdict_restore(const struct board_probe *cell, bool whole, uint64_t now_ms);

#endif
