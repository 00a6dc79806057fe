/*
 * View: an immutable copy of every endpoint's serving state, made per worker when the board has
 * moved.
 *
 * Steering never reads moving atomics: a worker builds its view between batches, at most once a
 * millisecond, and a whole batch is answered from one picture of the world. What counts is the
 * serving state = override, else verdict, else the pool's policy for `unknown`.
 */
#ifndef STEER_VIEW_H
#define STEER_VIEW_H

#include "board/generation.h"

/* One address of one endpoint. */
struct view_state {
	bool exists; /* the endpoint has an address of this family */
	bool serving;
	uint8_t verdict;         /* enum verdict; VERDICT_UP when the pool has no check */
	uint8_t override;        /* enum override, expired ones are NONE */
	uint16_t weight;         /* override, else configuration */
	uint64_t doubt_until_ms; /* earliest end of a streak that has begun; 0 = not in doubt,
				    overridden or unchecked */
};

struct view_endpoint {
	struct view_state family[2]; /* [0] IPv4, [1] IPv6 */
	uint32_t load;               /* active connections over all balancer workers */
};

struct view_seen;
struct view_cell;
struct view_member;
struct steering;

struct view {
	const struct conf *conf;
	const struct steering *steering; /* NULL: not laid out for picks */
	uint64_t epoch;                  /* board_epoch() it was built from */
	uint64_t built_ms;
	uint64_t expires_ms; /* build anew then: the earliest override expiry in it, or the end of a
				pool's wait while not all_ready; UINT64_MAX = none */
	struct view_endpoint *endpoint; /* [conf->endpoint_count] */
	bool *pool_ready; /* [conf->pool_count]: every probe of the pool has a verdict, or its
			     check's timeout has passed since the server began. Until then
			     addresses without a verdict are waited for, whatever the pool's
			     policy: see steer_must_wait() */
	bool all_ready;
	uint8_t (*last_good)[2]; /* [conf->endpoint_count][family], LAST_GOOD_* of board.h; of
				    pools with last_good only */
	struct view_seen *seen;  /* [conf->endpoint_count]: the board's words at the last build */
	/* For picks, by family: IPv4, IPv6, either; NULL where not asked for. See steer/layout.h. */
	struct view_cell *cell[3];
	struct view_member *member[3];
};

/* Memory for a view of `conf`; nothing serves, nothing is ready. NULL without memory. */
struct view *view_new(const struct conf *conf);

/* Which picks a view is laid out for. */
enum view_use {
	VIEW_FOR_DNS = 3,      /* FAMILY_IPV4 and FAMILY_IPV6 */
	VIEW_FOR_BALANCER = 4, /* FAMILY_NONE */
	VIEW_FOR_ALL = 7
};
/* The same for steer_pick(); borrows the steering. */
struct view *view_new_laid_out(const struct steering *s, enum view_use use);
/* After the states were changed otherwise than by view_build(). */
void view_lay_out(struct view *v);
void view_free(struct view *v);

/* Fill from the board: what has changed there since the last time is judged anew, and the pools that
 * it belongs to are laid out anew. */
void view_build(struct view *v, const struct generation *g, const struct board *b, uint64_t now_ms);

/* Health only, after view_build(): where a pool with last_good, or a region of it, has an endpoint
 * serving, put on the board which; elsewhere what is there stays. One writer, so that all threads
 * of all roles, and their successors, fall back to the same endpoints. Moves health's epoch when
 * something changed. 0, or -1 without memory: nothing changed. */
int view_keep_last_good(const struct view *v, const struct generation *g, struct board *b);

/* True when the view must be built anew: the board has moved at least 1 ms after the last build, or
 * an override has expired. A few loads. */
bool view_stale(const struct view *v, const struct board *b, uint64_t now_ms);

#endif
