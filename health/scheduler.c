#include "health/scheduler.h"

#include <stdlib.h>

#define NO_ENTRY UINT32_MAX

int scheduler_init(
	struct scheduler *s, uint32_t count, uint32_t running_max, uint64_t seed, struct err *e)
{
	*s = (struct scheduler){.count = count, .running_max = running_max};
	s->first_waiting = s->last_waiting = NO_ENTRY;
	rng_seed(&s->rng, seed);
	s->entries = calloc((size_t)count + 1, sizeof *s->entries);
	s->heap = calloc((size_t)count + 1, sizeof *s->heap);
	if (s->entries == NULL || s->heap == NULL) {
		scheduler_free(s);
		return err_set(e, "no memory to schedule %u probes", count);
	}
	return 0;
}

void scheduler_free(struct scheduler *s)
{
	free(s->heap);
	free(s->entries);
	*s = (struct scheduler){0};
}

void scheduler_set(struct scheduler *s, uint32_t entry, uint32_t interval_ms, uint32_t timeout_ms,
	uint8_t jitter_percent)
{
	struct schedule_entry *it = &s->entries[entry];

	it->interval_ms = interval_ms > 0 ? interval_ms : 1;
	it->timeout_ms = timeout_ms > 0 ? timeout_ms : 1;
	it->jitter_percent = jitter_percent;
}

/* ---- the heap ---- */

static void heap_put(struct scheduler *s, uint32_t index, uint32_t entry)
{
	s->heap[index] = entry;
	s->entries[entry].heap_index = index;
}

static bool is_before(const struct scheduler *s, uint32_t a, uint32_t b)
{
	return s->entries[a].at_ms < s->entries[b].at_ms;
}

static void sift_up(struct scheduler *s, uint32_t index)
{
	uint32_t entry = s->heap[index];

	while (index > 0) {
		uint32_t parent = (index - 1) / 2;

		if (!is_before(s, entry, s->heap[parent]))
			break;
		heap_put(s, index, s->heap[parent]);
		index = parent;
	}
	heap_put(s, index, entry);
}

static void sift_down(struct scheduler *s, uint32_t index)
{
	uint32_t entry = s->heap[index];

	for (;;) {
		uint32_t child = 2 * index + 1;

		if (child + 1 < s->heap_count && is_before(s, s->heap[child + 1], s->heap[child]))
			child++;
		if (child >= s->heap_count || !is_before(s, s->heap[child], entry))
			break;
		heap_put(s, index, s->heap[child]);
		index = child;
	}
	heap_put(s, index, entry);
}

static void heap_add(struct scheduler *s, uint32_t entry)
{
	heap_put(s, s->heap_count++, entry);
	sift_up(s, s->heap_count - 1);
}

static void heap_remove(struct scheduler *s, uint32_t entry)
{
	uint32_t index = s->entries[entry].heap_index;
	uint32_t last = s->heap[--s->heap_count];

	if (last == entry)
		return;
	heap_put(s, index, last);
	sift_up(s, index);
	sift_down(s, s->entries[last].heap_index);
}

/* ---- places in time ---- */

uint32_t scheduler_gap_ms(uint32_t interval_ms, uint8_t jitter_percent)
{
	return interval_ms - (uint32_t)((uint64_t)interval_ms * jitter_percent / 100);
}

/* The place after the one at `at_ms`. */
static uint64_t place_after(struct scheduler *s, const struct schedule_entry *it, uint64_t at_ms)
{
	uint32_t gap_ms = scheduler_gap_ms(it->interval_ms, it->jitter_percent);

	return at_ms + gap_ms + rng_below(&s->rng, 2 * (it->interval_ms - gap_ms) + 1);
}

/* Uniform in [0, below_ms). */
static uint64_t some_time(struct scheduler *s, uint64_t below_ms)
{
	return rng_below(&s->rng, below_ms < UINT32_MAX ? (uint32_t)below_ms : UINT32_MAX);
}

static void place_known(
	struct scheduler *s, struct schedule_entry *it, uint64_t now_ms, uint64_t checked_ms)
{
	uint64_t at_ms, late_ms;

	if (checked_ms > now_ms)
		checked_ms = now_ms;
	at_ms = place_after(s, it, checked_ms);
	if (at_ms < now_ms) {
		late_ms = now_ms - at_ms;
		at_ms = now_ms +
			some_time(s, late_ms < it->interval_ms ? late_ms : it->interval_ms);
	}
	it->at_ms = at_ms;
	it->next_ms = place_after(s, it, at_ms);
}

/* The `index`-th of `count` entries that were never probed. */
static void place_new(struct scheduler *s, struct schedule_entry *it, uint64_t now_ms,
	uint32_t index, uint32_t count)
{
	uint64_t spread_ms = (uint64_t)count * 1000 / SCHEDULER_FIRST_PER_S;
	uint64_t within_ms = it->timeout_ms < it->interval_ms ? it->timeout_ms : it->interval_ms;
	uint64_t share;

	if (count == 0)
		return;
	share = it->interval_ms / count + 1;
	if (spread_ms > it->interval_ms)
		spread_ms = it->interval_ms;
	it->at_ms = now_ms + spread_ms * index / count;
	/* no two of one entry come close */
	it->next_ms = now_ms + within_ms / 2 + (uint64_t)it->interval_ms * index / count +
		      some_time(s, share);
	if (it->next_ms <= it->at_ms)
		it->next_ms = it->at_ms + 1;
}

void scheduler_resume(struct scheduler *s, uint32_t entry, uint64_t checked_ms)
{
	s->entries[entry].at_ms = checked_ms;
}

void scheduler_begin(struct scheduler *s, uint64_t now_ms)
{
	uint32_t fresh = 0, index = 0;

	for (uint32_t i = 0; i < s->count; i++)
		fresh += s->entries[i].at_ms == 0;
	for (uint32_t i = 0; i < s->count; i++) {
		struct schedule_entry *it = &s->entries[i];

		if (it->at_ms == 0)
			place_new(s, it, now_ms, index++, fresh);
		else
			place_known(s, it, now_ms, it->at_ms);
		heap_add(s, i);
	}
}

/* ---- running ---- */

static void run_entry(struct scheduler *s, uint32_t entry, uint64_t now_ms)
{
	struct schedule_entry *it = &s->entries[entry];

	it->state = SCHEDULE_RUNNING;
	it->started_ms = now_ms;
	it->at_ms = now_ms + it->timeout_ms;
	s->running++;
	heap_add(s, entry);
}

static void wait_entry(struct scheduler *s, uint32_t entry)
{
	s->entries[entry].state = SCHEDULE_WAITING;
	s->entries[entry].next_waiting = NO_ENTRY;
	if (s->first_waiting == NO_ENTRY)
		s->first_waiting = entry;
	else
		s->entries[s->last_waiting].next_waiting = entry;
	s->last_waiting = entry;
	s->waiting++;
	s->waited++;
}

static uint32_t next_waiting(struct scheduler *s)
{
	uint32_t entry = s->first_waiting;

	s->first_waiting = s->entries[entry].next_waiting;
	if (s->first_waiting == NO_ENTRY)
		s->last_waiting = NO_ENTRY;
	s->waiting--;
	return entry;
}

/* More than an interval late: leave out the places that have passed, keep to the next one. */
static bool skip_missed(struct scheduler *s, struct schedule_entry *it, uint64_t now_ms)
{
	uint64_t places;

	if (now_ms < it->at_ms || now_ms - it->at_ms < it->interval_ms)
		return false;
	places = (now_ms - it->at_ms) / it->interval_ms + 1;
	s->missed += places;
	it->at_ms += places * it->interval_ms;
	it->next_ms = place_after(s, it, it->at_ms);
	return true;
}

enum schedule_action scheduler_pop(struct scheduler *s, uint64_t now_ms, uint32_t *entry)
{
	if (s->first_waiting != NO_ENTRY && s->running < s->running_max) {
		*entry = next_waiting(s);
		run_entry(s, *entry, now_ms);
		return SCHEDULE_START;
	}
	while (s->heap_count > 0) {
		uint32_t first = s->heap[0];
		struct schedule_entry *it = &s->entries[first];

		if (it->at_ms > now_ms)
			break;
		if (it->state == SCHEDULE_RUNNING) {
			*entry = first;
			return SCHEDULE_EXPIRE;
		}
		if (skip_missed(s, it, now_ms)) {
			sift_down(s, 0);
			continue;
		}
		heap_remove(s, first);
		if (s->running < s->running_max) {
			*entry = first;
			run_entry(s, first, now_ms);
			return SCHEDULE_START;
		}
		wait_entry(s, first);
	}
	return SCHEDULE_NOTHING;
}

static void idle_entry(struct scheduler *s, uint32_t entry)
{
	s->entries[entry].state = SCHEDULE_IDLE;
	s->running--;
	if (!s->stopping)
		heap_add(s, entry);
}

uint64_t scheduler_finished(struct scheduler *s, uint32_t entry, uint64_t now_ms)
{
	struct schedule_entry *it = &s->entries[entry];

	heap_remove(s, entry);
	if (it->hurry_ms != 0 && it->hurry_ms < it->next_ms) {
		it->at_ms = it->hurry_ms;
	} else {
		it->at_ms = it->next_ms;
		if (!skip_missed(s, it, now_ms))
			it->next_ms = place_after(s, it, it->at_ms);
	}
	it->hurry_ms = 0;
	idle_entry(s, entry);
	return it->at_ms;
}

bool scheduler_hurry(struct scheduler *s, uint32_t entry, uint64_t now_ms)
{
	struct schedule_entry *it = &s->entries[entry];
	uint64_t at_ms = now_ms;

	if (s->stopping || it->state == SCHEDULE_WAITING)
		return false;
	if (it->started_ms != 0 && at_ms < it->started_ms + SCHEDULER_HURRY_MS)
		at_ms = it->started_ms + SCHEDULER_HURRY_MS;
	if (it->state == SCHEDULE_RUNNING) {
		if (it->hurry_ms != 0 || at_ms >= it->next_ms)
			return false;
		it->hurry_ms = at_ms;
		return true;
	}
	if (at_ms >= it->at_ms)
		return false;
	it->next_ms = it->at_ms;
	it->at_ms = at_ms;
	sift_up(s, it->heap_index);
	return true;
}

void scheduler_retry(struct scheduler *s, uint32_t entry, uint64_t now_ms)
{
	struct schedule_entry *it = &s->entries[entry];
	uint32_t pause_ms =
		it->interval_ms < SCHEDULER_RETRY_MS ? it->interval_ms : SCHEDULER_RETRY_MS;

	heap_remove(s, entry);
	it->hurry_ms = 0;
	it->at_ms = now_ms + pause_ms;
	if (it->next_ms <= it->at_ms)
		it->next_ms = place_after(s, it, it->at_ms);
	idle_entry(s, entry);
}

uint64_t scheduler_next_ms(const struct scheduler *s)
{
	if (s->first_waiting != NO_ENTRY && s->running < s->running_max)
		return 0;
	return s->heap_count > 0 ? s->entries[s->heap[0]].at_ms : UINT64_MAX;
}

uint64_t scheduler_start_ms(const struct scheduler *s, uint32_t entry)
{
	const struct schedule_entry *it = &s->entries[entry];

	if (it->state != SCHEDULE_RUNNING)
		return it->at_ms;
	return it->hurry_ms != 0 && it->hurry_ms < it->next_ms ? it->hurry_ms : it->next_ms;
}

uint64_t scheduler_overdue_ms(const struct scheduler *s, uint32_t entry, uint64_t now_ms)
{
	uint64_t at_ms = s->entries[entry].at_ms;

	return now_ms > at_ms ? now_ms - at_ms : 0;
}

void scheduler_stop(struct scheduler *s)
{
	uint32_t count = s->heap_count;

	s->stopping = true;
	s->first_waiting = s->last_waiting = NO_ENTRY;
	s->waiting = 0;
	s->heap_count = 0;
	/* what is added has been read: heap_count never overtakes i */
	for (uint32_t i = 0; i < count; i++) {
		if (s->entries[s->heap[i]].state == SCHEDULE_RUNNING)
			heap_add(s, s->heap[i]);
	}
}
