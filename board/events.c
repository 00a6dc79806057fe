/*
 * The event rings. `commit` of a slot is 0 before its first use, position + 1 when it holds the
 * event of that position, and position | BUSY while a writer fills it.
 *
 * Two writers can want one slot when one of them was stopped for a whole lap of the ring. The mark
 * tells them apart: the later one gives its own event up (control counts it as lost) and clears the
 * mark, in case the earlier one is dead, so that the slot works again a lap later; the earlier one
 * then finds its mark gone and does not commit.
 */
#include "board/events.h"

#include "base/clock.h"
#include "board/seqlock.h"

#include <string.h>

#define BUSY (UINT64_C(1) << 63)

_Static_assert((EVENT_RING_SIZE & (EVENT_RING_SIZE - 1)) == 0, "a ring's size is a power of two");
_Static_assert((EVENT_RING_MAX & (EVENT_RING_MAX - 1)) == 0, "a ring's size is a power of two");
_Static_assert(sizeof(struct event) % 4 == 0, "events are copied in 32-bit words");

const char *event_kind_name(enum event_kind k)
{
#define EVENT_NAME(id, name, help) name,
	static const char *const names[EVENT_KIND_COUNT] = {EVENT_KINDS(EVENT_NAME)};
#undef EVENT_NAME

	return (unsigned)k < EVENT_KIND_COUNT ? names[k] : "?";
}

uint32_t event_ring_size(const struct event_ring *ring)
{
	return ring->size == EVENT_RING_MAX ? EVENT_RING_MAX : EVENT_RING_SIZE;
}

void event_emit(struct event_ring *ring, const struct event *e)
{
	uint64_t position = atomic_fetch_add_explicit(&ring->claimed, 1, memory_order_relaxed);
	struct event_record *slot = &ring->slot[position % event_ring_size(ring)];
	uint64_t commit = atomic_load_explicit(&slot->commit, memory_order_relaxed);
	uint64_t mark = position | BUSY;
	struct event copy = *e;

	if (copy.real_ms == 0)
		copy.real_ms = clock_real_ms();
	if ((commit & BUSY) != 0) {
		(void)atomic_compare_exchange_strong(&slot->commit, &commit, 0);
		return;
	}
	if (commit > position || !atomic_compare_exchange_strong(&slot->commit, &commit, mark))
		return; /* overtaken by a whole lap */
	seqlock_store(&slot->event, &copy, sizeof copy);
	(void)atomic_compare_exchange_strong(&slot->commit, &mark, position + 1);
}

/* What another process wrote is no reason to read past a string or a table. */
static void event_tame(struct event *e)
{
	e->pool[sizeof e->pool - 1] = '\0';
	e->endpoint[sizeof e->endpoint - 1] = '\0';
	e->object[sizeof e->object - 1] = '\0';
	e->from[sizeof e->from - 1] = '\0';
	e->to[sizeof e->to - 1] = '\0';
	e->text[sizeof e->text - 1] = '\0';
	if (e->kind >= EVENT_KIND_COUNT)
		e->kind = EVENT_NOTICE;
}

int event_next(const struct event_ring *ring, struct event_cursor *cursor, uint64_t now_ms,
	struct event *out)
{
	uint64_t claimed = atomic_load_explicit(&ring->claimed, memory_order_acquire);
	uint32_t size = event_ring_size(ring);

	if (claimed < cursor->next) /* no sane writer takes a claim back */
		cursor->next = claimed;
	if (claimed - cursor->next > size) {
		cursor->lost += claimed - size - cursor->next;
		cursor->next = claimed - size;
		cursor->waiting_since_ms = 0;
	}
	for (; cursor->next < claimed; cursor->next++, cursor->waiting_since_ms = 0) {
		const struct event_record *slot = &ring->slot[cursor->next % size];
		uint64_t commit = atomic_load_explicit(&slot->commit, memory_order_acquire);

		if (commit == cursor->next + 1) {
			seqlock_load(out, &slot->event, sizeof *out);
			if (atomic_load_explicit(&slot->commit, memory_order_relaxed) == commit) {
				event_tame(out);
				cursor->next++;
				cursor->waiting_since_ms = 0;
				return 1;
			}
		} else if ((commit & ~BUSY) <= cursor->next) { /* claimed, not committed */
			if (cursor->waiting_since_ms == 0)
				cursor->waiting_since_ms = now_ms;
			if (now_ms - cursor->waiting_since_ms < EVENT_COMMIT_MS)
				return 0;
		}
		cursor->lost++;
	}
	return 0;
}
