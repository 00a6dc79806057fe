#include "balancer/places.h"

#include "balancer/worker.h"

static bool take(_Atomic uint32_t *active, uint32_t max)
{
	uint32_t now = atomic_load(active);

	do {
		if (now >= max)
			return false;
	} while (!atomic_compare_exchange_weak(active, &now, now + 1));
	return true;
}

enum place place_take(struct balancer *b, uint16_t index)
{
	struct admission *a = &b->admission[index];
	uint32_t elsewhere = atomic_load_explicit(&a->elsewhere, memory_order_relaxed);

	if (elsewhere >= a->max || !take(&a->active, a->max - elsewhere))
		return PLACE_LISTENER_FULL;
	if (!a->in_pot || take(&b->pot.active, b->pot.max))
		return PLACE_TAKEN;
	atomic_fetch_sub(&a->active, 1);
	return PLACE_POT_EMPTY;
}

void place_force(struct balancer *b, uint16_t index)
{
	struct admission *a = &b->admission[index];

	atomic_fetch_add(&a->active, 1);
	if (a->in_pot)
		atomic_fetch_add(&b->pot.active, 1);
}

void place_wait(struct worker *w)
{
	if (!atomic_exchange(&w->waits_for_place, true))
		atomic_fetch_add(&w->balancer->waiting, 1);
}

/* Each is woken once for each time it began to wait. */
static void wake_waiting(struct balancer *b, const struct worker *itself)
{
	for (uint32_t i = 0; i < b->worker_count; i++) {
		struct worker *w = &b->workers[i];

		if (!atomic_exchange(&w->waits_for_place, false))
			continue;
		atomic_fetch_sub(&b->waiting, 1);
		if (w == itself)
			w->look_for_place = true;
		else
			worker_wake(w);
	}
}

void place_give(struct worker *w, uint16_t index)
{
	struct balancer *b = w->balancer;
	struct admission *a = &b->admission[index];

	if (a->in_pot)
		atomic_fetch_sub(&b->pot.active, 1);
	atomic_fetch_sub(&a->active, 1);
	if (atomic_load(&b->waiting) > 0)
		wake_waiting(b, w);
}

/* Rows are given out from the lowest on, at most CONF_WORKERS_MAX at a time: so many that never beat
 * in a row are the end of those in use. */
void places_count_elsewhere(struct balancer *b)
{
	const struct role_start *start = b->start;
	uint32_t sum[CONF_BALANCERS_MAX] = {0}, unused = 0;

	for (uint32_t r = 0; r < BOARD_WORKERS_MAX && unused <= CONF_WORKERS_MAX; r++) {
		const struct board_balancer_row *row = &b->board->balancer->row[r];

		if (r >= start->first_row && r < start->first_row + start->row_count)
			continue;
		if (atomic_load_explicit(&row->beat_ms, memory_order_relaxed) == 0) {
			unused++;
			continue;
		}
		unused = 0;
		for (size_t i = 0; i < b->conf->balancer_count; i++)
			sum[i] += atomic_load_explicit(
				&row->listener_active[b->generation->listener_slot[i]],
				memory_order_relaxed);
	}
	for (size_t i = 0; i < b->conf->balancer_count; i++)
		atomic_store_explicit(&b->admission[i].elsewhere, sum[i], memory_order_relaxed);
}
