/*
 * What steer_compile() makes of a pool, and steer_pick() walks. Internal to steer/.
 *
 * A cell is a set of endpoints that no tier maker of the pool can tell apart: the same region (when
 * it matters) and the same tier (when `failover` is used). For every home region the plan has the
 * cells sorted, nearest first:
 *
 *   order   home 0:  [london/1] [newyork/1] [singapore/1]     a row of cell numbers per home
 *           home 1:  [newyork/1] [london/1] [singapore/1]     region, and one for "no home"
 *                        |
 *   member[lane][first[lane][cell] ...]                         its endpoints, in file order
 *
 * so that picking is a scan of a short array of cells. What is in a cell at the moment is laid out by
 * the view (steer/layout.h), in the same places. A lane is a family: 0 IPv4, 1 IPv6, 2 either (the
 * balancer). A worst-case configuration (every endpoint in its own cell, CONF_REGIONS_MAX regions)
 * needs 34 MB for `order`; usual ones kilobytes.
 */
#ifndef STEER_PLAN_H
#define STEER_PLAN_H

#include "steer/policy.h"
#include "steer/pool.h"

enum lane { LANE_IPV4, LANE_IPV6, LANE_EITHER, LANE_COUNT };

struct steer_plan {
	uint32_t cell_count;
	const uint16_t *cell_region; /* [cell_count]; CONF_NONE when regions are not told apart */
	const uint32_t *first[LANE_COUNT];  /* [cell_count + 1] into member[lane] */
	const uint32_t *member[LANE_COUNT]; /* conf->endpoints indexes, rising within a cell */
	/* [cell_count]: members that can help to win a tier, for `min_serving` */
	const uint16_t *able[LANE_COUNT];
	const uint16_t *order; /* [rows][cell_count] */
	uint32_t rows;         /* region_count + 1 when the client matters, else 1 */
	/* where a view (steer/layout.h) keeps what it lays out for this plan */
	uint32_t first_cell, first_member[LANE_COUNT];
};

#define RETRY_CURSORS 1024u /* the first ones of all cursors: see steer/pick.c */

struct steer_pool {
	const struct conf_pool *conf;
	const struct policy *selector;
	struct steer_plan all;    /* for the whole pool */
	struct steer_plan region; /* for one region: cells sorted by region and tier; no `order` */
	bool has[LANE_COUNT];     /* owns an endpoint with an address of this family */
	/* The client's place can change what this pool, or a pool it falls back to, answers. */
	bool client_matters[LANE_COUNT];
	/*
	 * Its cursors: `cursors` of them for each lane, from first_cursor on, when the selector takes
	 * turns. One for each cell that wins alone, one for each row whose winner is several cells, one
	 * for each region asked for by name.
	 */
	size_t first_cursor;
	uint32_t cursors;
};

/* The cells of one region in pool->region: first and one past the last; an empty range when
 * there is none. */
struct cell_range {
	uint32_t first, end;
};
struct cell_range plan_find_region(const struct steer_plan *plan, uint16_t region);

static inline enum lane lane_of_family(uint8_t family)
{
	return family == FAMILY_IPV4 ? LANE_IPV4 : family == FAMILY_IPV6 ? LANE_IPV6 : LANE_EITHER;
}

#endif
