#include "balancer/wheel.h"

_Static_assert((WHEEL_SLOTS & (WHEEL_SLOTS - 1)) == 0, "slots are found by a mask");

void wheel_init(struct wheel *w, uint64_t now_ms)
{
	*w = (struct wheel){.tick = now_ms / WHEEL_TICK_MS};
}

void wheel_add(struct wheel *w, struct wheel_entry *e, uint64_t now_ms, uint64_t due_ms)
{
	struct wheel_entry **slot;
	uint64_t now = now_ms / WHEEL_TICK_MS;
	uint64_t tick = due_ms / WHEEL_TICK_MS + 1; /* the first tick that is not early */

	if (now < w->tick)
		now = w->tick;
	if (w->count == 0)
		w->tick = now; /* nothing to come up in between */
	if (tick <= now)
		tick = now + 1;
	if (tick >= w->tick + WHEEL_SLOTS)
		tick = w->tick + WHEEL_SLOTS - 1;
	slot = &w->slot[tick & (WHEEL_SLOTS - 1)];
	e->next = *slot;
	e->link = slot;
	if (e->next != NULL)
		e->next->link = &e->next;
	*slot = e;
	w->count++;
}

void wheel_remove(struct wheel *w, struct wheel_entry *e)
{
	if (e->link == NULL)
		return;
	*e->link = e->next;
	if (e->next != NULL)
		e->next->link = e->link;
	e->link = NULL;
	w->count--;
}

struct wheel_entry *wheel_expire(struct wheel *w, uint64_t now_ms)
{
	uint64_t now = now_ms / WHEEL_TICK_MS;
	struct wheel_entry *e;

	if (w->count == 0) {
		if (now > w->tick)
			w->tick = now;
		return NULL;
	}
	for (;;) {
		e = w->slot[w->tick & (WHEEL_SLOTS - 1)];
		if (e != NULL) {
			wheel_remove(w, e);
			return e;
		}
		if (w->tick >= now)
			return NULL;
		w->tick++;
	}
}

struct wheel_entry *wheel_take(struct wheel *w)
{
	for (size_t i = 0; w->count > 0 && i < WHEEL_SLOTS; i++) {
		struct wheel_entry *e = w->slot[i];

		if (e != NULL) {
			wheel_remove(w, e);
			return e;
		}
	}
	return NULL;
}
