/*
 * Which targets a worker leaves alone for now: balancer/target.h at work on the board.
 *
 * A target is an address of an endpoint with the listener's port. Whether a pick must leave an
 * endpoint out is answered by a list that each worker keeps for each of its listeners, made anew
 * when the board's target_epoch has moved or a pause is over, at most once a millisecond. While
 * nothing is set aside the list is empty and costs a load and two comparisons a connection.
 */
#ifndef BALANCER_ASIDE_H
#define BALANCER_ASIDE_H

#include "board/generation.h"

struct connection;
struct worker;
struct listener;

/* Events about targets: so many a second over all workers, further ones are counted in the next. */
#define ASIDE_EVENTS_PER_S 10u

/* Of one listener in one worker. */
struct aside {
	uint32_t *endpoint; /* of those that no address of may be tried now; owned */
	size_t count, room;
	uint64_t epoch, made_ms; /* the board's, and when the list was made; 0 = never */
	uint64_t until_ms;       /* a pause in it is over: make it anew */
};

/* Bring the listener's list up to date; borrowed until the next call. */
const struct aside *aside_list(struct worker *w, const struct listener *l);
void aside_free(struct aside *a);

/* May the connection try its endpoint's address of `family` now? *trial: as the only one. */
bool aside_may_try(const struct connection *c, unsigned family, bool *trial);
/* How the attempt at c->endpoint and c->family ended. `error` is for the event. */
void aside_failed(struct connection *c, int error);
void aside_reached(struct connection *c);
/* The lease ended without an outcome. */
void aside_return(struct connection *c);

#endif
