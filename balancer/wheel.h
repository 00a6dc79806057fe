/*
 * Deadlines of connections: a wheel of buckets, WHEEL_TICK_MS each.
 *
 * A connection enters once, and traffic never moves it: when its bucket comes up the owner looks at
 * the time of the last activity and enters it anew. That makes a packet cost one store, where a
 * heap costs a sift and an ordered list three cache lines. Deadlines beyond the horizon wait in the
 * last bucket and are looked at more than once. A deadline is never early and at most a tick late.
 */
#ifndef BALANCER_WHEEL_H
#define BALANCER_WHEEL_H

#include <stddef.h>
#include <stdint.h>

#define WHEEL_TICK_MS 50u
#define WHEEL_SLOTS   512u /* a power of two: a horizon of 25.6 s */

struct wheel_entry {
	struct wheel_entry *next;
	struct wheel_entry **link; /* what points here; NULL = in no bucket */
};

struct wheel {
	struct wheel_entry *slot[WHEEL_SLOTS];
	uint64_t tick; /* buckets up to this one (time / WHEEL_TICK_MS) have come up */
	size_t count;
};

void wheel_init(struct wheel *w, uint64_t now_ms);
/* `e` must be in no bucket. */
void wheel_add(struct wheel *w, struct wheel_entry *e, uint64_t now_ms, uint64_t due_ms);
void wheel_remove(struct wheel *w, struct wheel_entry *e);
/* Take out an entry whose bucket has come up, NULL when there is none: call until then. Entries
 * added in between come up in a later tick. */
struct wheel_entry *wheel_expire(struct wheel *w, uint64_t now_ms);
/* Take out any entry; NULL when empty. */
struct wheel_entry *wheel_take(struct wheel *w);

#endif
