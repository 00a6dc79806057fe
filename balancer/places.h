/*
 * Places for connections: max_connections of each listener, and the pot that descriptors make of all.
 *
 * A listener whose max_connections fits has its places for itself, the small ones first; the others
 * share one pot, first come, first served (limits.h). A place is taken before an endpoint is sought
 * and given back when the connection has ended, exact over all workers of the process. Connections
 * that an older generation still drains count as well: they are summed up from the board each tick,
 * so they may be a twentieth of a second old. The pot is the process's own, as descriptors are.
 *
 * A worker that finds no place for a connection which may wait says so, looks once more, and is woken
 * when one is given back. Both sides do their two steps in one order for all (seq_cst), so none of
 * them can miss the other.
 */
#ifndef BALANCER_PLACES_H
#define BALANCER_PLACES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct balancer;
struct worker;

#define NOTICE_EVERY_MS 10000u /* one event per listener and kind at most so often */
enum notice { NOTICE_LIMIT, NOTICE_QUEUE, NOTICE_ACCEPT, NOTICE_CONNECT, NOTICE_COUNT };

/* The connections of one listener over all workers. */
struct admission {
	_Alignas(64) _Atomic uint32_t active;
	_Atomic uint32_t elsewhere; /* connections that other generations drain */
	uint32_t max;               /* max_connections; immutable once workers run */
	bool in_pot;                /* shares the pot; immutable as well */
	_Atomic uint64_t noticed_ms[NOTICE_COUNT];
};

struct pot {
	_Alignas(64) _Atomic uint32_t active;
	uint32_t max;
};

enum place { PLACE_TAKEN, PLACE_LISTENER_FULL, PLACE_POT_EMPTY };

/* A place for a connection of listener `index`. Any thread. */
enum place place_take(struct balancer *b, uint16_t index);
/* One more than there are, for a connection that was accepted and must not be lost. */
void place_force(struct balancer *b, uint16_t index);
/* Its connection has ended: wake the workers that wait. `w` looks by itself (worker->look_for_place). */
void place_give(struct worker *w, uint16_t index);
/* `w` waits; it must try to take a place once more after this. */
void place_wait(struct worker *w);
/* Sum up what other generations have. Any thread. */
void places_count_elsewhere(struct balancer *b);

#endif
