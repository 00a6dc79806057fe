#include "health/rows.h"

#include <stdlib.h>

/* A counter that grew by more since the last fold did not grow: it is not what it was. */
#define ROWS_GROWTH_MAX (UINT32_C(1) << 31)

struct rows {
	const struct generation *generation;
	struct board *board;
	uint32_t probe_count;
	/* [BOARD_WORKERS_MAX][probe_count]: the counters as they were. Only the pages of rows in
	 * use are touched. */
	uint32_t *seen;
	uint32_t *growth;                  /* [probe_count], all 0 between folds */
	uint16_t known[BOARD_WORKERS_MAX]; /* rows in use */
	size_t known_count;
	bool is_known[BOARD_WORKERS_MAX];
};

int rows_new(struct rows **out, const struct generation *g, struct board *b, struct err *e)
{
	struct rows *r = calloc(1, sizeof *r);

	if (r != NULL) {
		r->generation = g;
		r->board = b;
		r->probe_count = (uint32_t)g->probe_count;
		r->seen = calloc(BOARD_WORKERS_MAX, (g->probe_count + 1) * sizeof *r->seen);
		r->growth = calloc(g->probe_count + 1, sizeof *r->growth);
	}
	if (r == NULL || r->seen == NULL || r->growth == NULL) {
		rows_free(r);
		return err_set(e, "no memory to follow the balancer's rows for %zu probes",
			g->probe_count);
	}
	*out = r;
	return 0;
}

void rows_free(struct rows *r)
{
	if (r == NULL)
		return;
	free(r->growth);
	free(r->seen);
	free(r);
}

static uint32_t failures_of(const struct rows *r, uint16_t row, uint32_t probe)
{
	const struct board_balancer_row *it = &r->board->balancer->row[row];

	return atomic_load_explicit(
		&it->connect_failures[r->generation->probes[probe].slot], memory_order_relaxed);
}

static uint32_t *seen_of(struct rows *r, uint16_t row)
{
	return r->seen + (size_t)row * r->probe_count;
}

/* Look for rows that have come into use. */
static void discover(struct rows *r)
{
	for (uint16_t row = 0; row < BOARD_WORKERS_MAX; row++) {
		const struct board_balancer_row *it = &r->board->balancer->row[row];

		if (r->is_known[row] ||
			atomic_load_explicit(&it->beat_ms, memory_order_acquire) == 0)
			continue;
		r->is_known[row] = true;
		r->known[r->known_count++] = row;
		for (uint32_t i = 0; i < r->probe_count; i++)
			seen_of(r, row)[i] = failures_of(r, row, i);
	}
}

void rows_begin(struct rows *r)
{
	discover(r);
}

static void add_growth(uint32_t *sum, uint32_t was, uint32_t is)
{
	uint32_t growth = is - was; /* counters wrap */

	if (growth < ROWS_GROWTH_MAX - *sum)
		*sum += growth;
}

void rows_fold(
	struct rows *r, void (*found)(void *owner, uint32_t probe, uint32_t failures), void *owner)
{
	discover(r);
	for (size_t k = 0; k < r->known_count; k++) {
		uint32_t *seen = seen_of(r, r->known[k]);

		for (uint32_t i = 0; i < r->probe_count; i++) {
			uint32_t now = failures_of(r, r->known[k], i);

			add_growth(&r->growth[i], seen[i], now);
			seen[i] = now;
		}
	}
	for (uint32_t i = 0; i < r->probe_count; i++) {
		uint32_t growth = r->growth[i];

		r->growth[i] = 0;
		if (growth > 0)
			found(owner, i, growth);
	}
}

void rows_sum_load(struct rows *r)
{
	const struct generation *g = r->generation;

	for (size_t i = 0; i < g->conf->endpoint_count; i++) {
		uint32_t slot = g->endpoint_slot[i];
		_Atomic uint32_t *load = &r->board->health->load[slot];
		uint64_t sum = 0;

		for (size_t k = 0; k < r->known_count; k++)
			sum += atomic_load_explicit(
				&r->board->balancer->row[r->known[k]].active[slot],
				memory_order_relaxed);
		if (sum > UINT32_MAX)
			sum = UINT32_MAX;
		if (atomic_load_explicit(load, memory_order_relaxed) != sum)
			atomic_store_explicit(load, (uint32_t)sum, memory_order_relaxed);
	}
}
