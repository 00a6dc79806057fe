/*
 * The text snapshot: the board as one JSON object, for `status`, `ask`, the state file and an
 * upgrade.
 *
 * Keyed by names, never by slots, so that it can be read by another generation, another process or
 * a binary with another board layout. All times in it are unix milliseconds (`*_ms`); the clock
 * pair under "clock" is the moment at which the monotonic times of the board were converted.
 * docs/control.md describes every field.
 */
#ifndef BOARD_SNAPSHOT_H
#define BOARD_SNAPSHOT_H

#include "base/err.h"
#include "board/generation.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_VERSION 1
#define SNAPSHOT_FILE    "state.json"        /* in the state folder */
#define SNAPSHOT_BROKEN  "state.json.broken" /* where an unreadable one is put */
#define SNAPSHOT_MAX     ((size_t)64 << 20)  /* octets of a snapshot as text */
/* A saved verdict whose probe ended longer ago counts as unknown. */
#define SNAPSHOT_VERDICT_AGE_MAX_MS UINT64_C(300000)

/* What `g`'s endpoints and probes look like on `b` now, as a new reference; NULL without memory.
 * Reads every sheet with bounds checked; safe while their writers write. */
json_t *snapshot_take(
	const struct board *b, const struct generation *g, uint64_t now_ms, uint64_t real_ms);

/* The words of a snapshot back to values; anything else, NULL too, is NONE and UNKNOWN. */
enum override override_from_name(const char *word);
enum verdict verdict_from_name(const char *word);
/* LAST_GOOD_* of an array of words; 0 for anything else. */
uint8_t last_good_from_words(const json_t *words);

#define SNAPSHOT_NAME_MAX (2 * CONF_NAME_MAX + 2) /* octets of "pool/name" with its NUL */

/* A new object with the endpoints of a snapshot by "pool/name"; what is malformed is left out. NULL without
 * memory. */
json_t *snapshot_endpoints(const json_t *snapshot);

struct snapshot_counts {
	size_t overrides;      /* put on the board (endpoint states and weights) */
	size_t overrides_gone; /* expired meanwhile, or their endpoint is no longer configured */
	size_t verdicts;       /* put on the board */
	size_t verdicts_old; /* older than SNAPSHOT_VERDICT_AGE_MAX_MS, or their probe is gone: stay
				unknown */
};

/*
 * Put overrides (by pool/name, with what is left of their wall-clock time) and young verdicts (by
 * probe key) of `snapshot` on the board. For the supervisor, before it forks: writes control's and
 * health's sheets. Nothing in `snapshot` is trusted; an entry that makes no sense is passed over.
 * -1 when it is no snapshot of SNAPSHOT_VERSION: nothing was changed then. `counts` may be NULL.
 */
int snapshot_restore(struct board *b, const struct generation *g, const json_t *snapshot,
	uint64_t now_ms, uint64_t real_ms, struct snapshot_counts *counts, struct err *e);

/*
 * snapshot_restore() from SNAPSHOT_FILE in the folder `dirfd`. 1 restored; 0 there is none (a first
 * start); -1 it is broken: it was renamed to SNAPSHOT_BROKEN, `e` says so, and the board is as it
 * was. Never a reason not to start.
 */
int snapshot_load(int dirfd, struct board *b, const struct generation *g, uint64_t now_ms,
	uint64_t real_ms, struct snapshot_counts *counts, struct err *e);

#endif
