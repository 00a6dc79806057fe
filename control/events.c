/*
 * Order of stores for one event (one writer: the serving control):
 *
 *   copying = role, position      says what is going on, for whoever comes after a kill
 *   slot.commit = 0               readers of the old event in this slot stop trusting it
 *   slot.event = …
 *   slot.commit = sequence + 1    from here on the event counts
 *   copied[role] = position + 1
 *   next_sequence = sequence + 1
 *
 * Killed before the commit: the next control copies the event again, into the same slot. Killed after it:
 * the commit of slot `next_sequence` shows that the event counts, and the last two stores are made up for.
 */
#include "control/events.h"

#include "base/clock.h"
#include "board/seqlock.h"
#include "conf/conf.h"

#include <inttypes.h>
#include <stdio.h>

#define POSITION_BITS 60
#define POSITION_MASK ((UINT64_C(1) << POSITION_BITS) - 1)

_Static_assert(
	(EVENT_PUBLIC_SIZE & (EVENT_PUBLIC_SIZE - 1)) == 0, "a ring's size is a power of two");

static struct event_record *slot_of(const struct board *b, uint64_t sequence)
{
	return &b->control->events[sequence % EVENT_PUBLIC_SIZE];
}

uint64_t events_first(const struct board *b)
{
	return event_first_sequence(b->supervisor->created_real_ms);
}

uint64_t events_next(const struct board *b)
{
	return atomic_load_explicit(&b->control->next_sequence, memory_order_acquire);
}

uint64_t events_oldest(const struct board *b)
{
	uint64_t next = events_next(b), first = events_first(b);

	return next - first > EVENT_PUBLIC_SIZE ? next - EVENT_PUBLIC_SIZE : first;
}

bool events_read(const struct board *b, uint64_t sequence, struct event *out)
{
	const struct event_record *slot = slot_of(b, sequence);

	if (atomic_load_explicit(&slot->commit, memory_order_acquire) != sequence + 1)
		return false;
	seqlock_load(out, &slot->event, sizeof *out);
	return atomic_load_explicit(&slot->commit, memory_order_relaxed) == sequence + 1;
}

/* ---- writing ---- */

static void finish(
	struct board_control *sheet, enum role source, uint64_t position, uint64_t sequence)
{
	atomic_store_explicit(&sheet->copied[source], position + 1, memory_order_release);
	atomic_store_explicit(&sheet->next_sequence, sequence + 1, memory_order_release);
}

static void publish(struct copier *c, const struct event *e, enum role source, uint64_t position)
{
	struct board_control *sheet = c->board->control;
	uint64_t sequence = atomic_load_explicit(&sheet->next_sequence, memory_order_relaxed);
	struct event_record *slot = slot_of(c->board, sequence);

	atomic_store_explicit(&sheet->copying,
		((uint64_t)source + 1) << POSITION_BITS | (position & POSITION_MASK),
		memory_order_release);
	atomic_store_explicit(&slot->commit, 0, memory_order_release);
	seqlock_store(&slot->event, e, sizeof *e);
	atomic_store_explicit(&slot->commit, sequence + 1, memory_order_release);
	finish(sheet, source, position, sequence);
	counter_add(&sheet->counter[CONTROL_EVENTS], 1);
}

void events_publish(struct copier *c, const struct event *e)
{
	uint64_t position = atomic_load_explicit(
		&c->board->control->copied[ROLE_CONTROL], memory_order_relaxed);
	struct event copy = *e;

	copy.real_ms = clock_real_ms();
	copy.role = ROLE_CONTROL;
	copy.generation =
		atomic_load_explicit(&c->board->supervisor->generation, memory_order_relaxed);
	publish(c, &copy, ROLE_CONTROL, position);
}

/* ---- opening and repair ---- */

static void repair(const struct board *b)
{
	struct board_control *sheet = b->control;
	uint64_t copying = atomic_load(&sheet->copying), next = atomic_load(&sheet->next_sequence);
	uint64_t source = copying >> POSITION_BITS;

	if (next < events_first(b)) {
		next = events_first(b);
		atomic_store(&sheet->next_sequence, next);
	}
	if (source >= 1 && source <= ROLE_COUNT &&
		atomic_load(&slot_of(b, next)->commit) == next + 1)
		finish(sheet, (enum role)(source - 1), copying & POSITION_MASK, next);
	atomic_store(&sheet->copying, 0);
}

void events_open(struct copier *c, const struct board *b)
{
	*c = (struct copier){.board = b};
	repair(b);
	for (int r = 0; r < ROLE_COUNT; r++)
		c->cursor[r].next = atomic_load(&b->control->copied[r]);
}

/* ---- copying ---- */

/* The ring whose first event is the oldest; ROLE_COUNT when all are empty. */
static enum role oldest_head(struct copier *c, uint64_t now_ms)
{
	enum role best = ROLE_COUNT;

	for (int i = 0; i < ROLE_COUNT; i++) {
		enum role r = (enum role)i;
		const struct event_ring *ring = board_ring(c->board, r);

		if (ring == NULL)
			continue;
		if (!c->has_head[r])
			c->has_head[r] = event_next(ring, &c->cursor[r], now_ms, &c->head[r]) == 1;
		if (c->has_head[r] &&
			(best == ROLE_COUNT || c->head[r].real_ms < c->head[best].real_ms))
			best = r;
	}
	return best;
}

static void report_lost(struct copier *c, enum role r)
{
	struct event e = {.kind = EVENT_NOTICE, .level = LEVEL_WARNING};
	uint64_t lost = c->cursor[r].lost - c->lost[r];

	c->lost[r] = c->cursor[r].lost;
	counter_add(&c->board->control->counter[CONTROL_EVENTS_LOST], lost);
	(void)snprintf(e.object, sizeof e.object, "%s", role_name(r));
	(void)snprintf(e.text, sizeof e.text,
		"%" PRIu64
		" events of %s are lost: more than %u came at once, or their writer was killed",
		lost, role_name(r), event_ring_size(board_ring(c->board, r)));
	events_publish(c, &e);
}

size_t events_copy(struct copier *c, uint64_t now_ms)
{
	size_t count = 0;

	while (count < EVENTS_BATCH_MAX) {
		enum role r = oldest_head(c, now_ms);

		if (r == ROLE_COUNT)
			break;
		publish(c, &c->head[r], r, c->cursor[r].next - 1);
		c->has_head[r] = false;
		count++;
	}
	for (int i = 0; i < ROLE_COUNT; i++) {
		enum role r = (enum role)i;

		if (r != ROLE_CONTROL && !c->has_head[r])
			atomic_store_explicit(&c->board->control->copied[r], c->cursor[r].next,
				memory_order_release);
		if (c->cursor[r].lost > c->lost[r]) {
			report_lost(c, r);
			count++;
		}
	}
	return count;
}
