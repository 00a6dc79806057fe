/*
 * Steering: which endpoints of a pool does this client get?
 *
 * steer_compile() turns the configuration's pools into what steer_pick() walks: per pool its tier
 * makers, its selector and its endpoints grouped by region and by tier. Compiled once per
 * generation and role, immutable. steer_pick() is a pure function of (pool, view, client, time,
 * cursors, random), the same for DNS, balancer and `ask`.
 */
#ifndef STEER_POOL_H
#define STEER_POOL_H

#include "base/arena.h"
#include "base/rng.h"
#include "base/text.h"
#include "conf/conf.h"
#include "geo/geo.h"
#include "steer/turns.h"
#include "steer/view.h"

#define PICK_MAX CONF_ANSWERS_MAX

struct steer_pool;

/* All pools of a configuration, compiled. Borrows `conf`. */
struct steering {
	struct arena arena;
	const struct conf *conf;
	struct steer_pool *pools;             /* [conf->pool_count] */
	size_t cursor_count;                  /* round robin's: see steer/turns.h */
	uint32_t cell_count, member_count[3]; /* what a view has room for: steer/layout.h */
};

int steer_compile(const struct conf *conf, struct steering **out, struct err *e);
void steer_free(struct steering *s);

/* Who asks. `geo` is geo_lookup() of `address`. */
struct client {
	struct addr address;
	struct geo_answer geo;
};

struct pick_request {
	uint16_t pool;
	uint16_t region; /* only endpoints of this region (`region=london`), or CONF_NONE */
	uint8_t family;  /* FAMILY_IPV4, FAMILY_IPV6; FAMILY_NONE: either (balancer) */
	uint16_t want;   /* endpoints wanted: 1..PICK_MAX; 0 = the pool's `answers` */
	/* endpoints already tried, may be NULL (balancer): a retry, which takes nobody's turn */
	const uint32_t *exclude;
	size_t exclude_count;
};

enum pick_kind {
	PICK_OK,      /* endpoint[0..count), best first, count >= 1 */
	PICK_NO_DATA, /* no endpoint of this family exists here, or when_all_down: nodata */
	PICK_REFUSE,  /* when_all_down: refuse */
};

struct pick {
	enum pick_kind kind;
	bool degraded; /* nothing served: when_all_down decided */
	bool fixed;    /* PICK_NO_DATA for everyone, always: no endpoint of this family here */
	uint16_t pool; /* the pool that answered: differs from the request's after {pool: NAME} */
	uint16_t count;
	uint32_t endpoint[PICK_MAX]; /* conf->endpoints indexes, all different */
	/* The pool's ttl (with {pool: NAME}: the lowest of the chain), or less while a verdict
	 * used here is in doubt, at least ttl_min. An answer without endpoints that
	 * is not `fixed`: at most ttl_min. */
	uint32_t ttl_s;
	uint8_t scope; /* client-subnet prefix length; 0: no step used the client. No verdict counts */
};

/*
 * Choose endpoints for one client, best first. An endpoint that an operator has taken out is never
 * among them.
 * view     from view_new_laid_out() of the same steering, for this family
 * cursors  of steering->cursor_count; one is advanced by one when the pool that answers takes turns
 * Pure     no I/O, no clock; `rng` is the caller's.
 */
void steer_pick(const struct steering *s, const struct view *view,
	const struct pick_request *request, const struct client *client, uint64_t now_ms,
	const struct cursors *cursors, struct rng *rng, struct pick *out);

/*
 * At a cold start: must this client wait, because the nearest of its tiers that could answer has no
 * address with the verdict `up` yet, but one whose first check still runs? Others are not waited for.
 * Only while !view->all_ready is there anything to ask.
 */
bool steer_must_wait(const struct steering *s, const struct view *view,
	const struct pick_request *request, const struct client *client);
/* Would no client of this pool (of the balancer) have to wait? */
bool steer_is_settled(const struct steering *s, const struct view *view, uint16_t pool);

/* Does the pool (within `region`, or CONF_NONE) own any endpoint with an address of `family`? */
bool steer_has_family(const struct steering *s, uint16_t pool, uint16_t region, uint8_t family);

#endif
