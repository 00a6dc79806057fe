/*
 * How a view is laid out for picks: what each cell of each plan (steer/plan.h) holds at the moment.
 *
 *   cell    serving: 3 endpoints, weight 9      spare: 1 endpoint, weight 2
 *   member  [e0 |5][e2 |8][e3 |9]               [e1 |2]                         weight_end
 *
 * Spare are those that may answer when nothing serves: with `serve_all` all others that no operator
 * has taken out, with `last_good` those of them that served last, else nobody. Both lists keep the
 * order of the file. So a pick finds the tier that wins by looking at counts, and an endpoint in it by
 * looking for a point in `weight_end`; it never walks over endpoints. Each list has the room of its
 * cell's members in the plan.
 */
#ifndef STEER_LAYOUT_H
#define STEER_LAYOUT_H

#include "steer/plan.h"
#include "steer/view.h"

enum view_kind { VIEW_SERVING, VIEW_SPARE };

struct view_set {
	uint32_t count;    /* endpoints */
	uint32_t weighted; /* of them with a weight above 0 */
	uint32_t weight;   /* of all together; < 2^32: see policy.h */
	uint32_t each;     /* the weight of every one; 0 when they differ or are 0 */
	uint32_t unit;     /* greatest common divisor of the weights; 0 when all are 0 */
	uint32_t stride;   /* of round robin, for weight / unit places */
};

struct view_cell {
	struct view_set set[2]; /* enum view_kind */
	/* the earliest of all its members, serving or not; UINT64_MAX without any doubt */
	uint64_t doubt_until_ms;
};

struct view_member {
	uint32_t endpoint;
	uint32_t weight_end; /* its weight and those of all before it in this list */
	/* Place i of n: the first of the list whose weight ends behind i / n of all weights. Only where
	 * weights differ. */
	uint32_t guide;
};

/*
 * Where in the list of a set is the one whose weights cover `point`, 0..weight - 1? Two looks on
 * average, whatever the size (a guide table; Chen and Asau 1974): a search by halves costs a branch
 * that nobody can predict for every doubling of the pool.
 */
static inline uint32_t view_find(
	const struct view_set *set, const struct view_member *list, uint32_t point)
{
	uint32_t at;

	if (set->each != 0)
		return point / set->each;
	at = list[(uint64_t)point * set->count / set->weight].guide;
	while (list[at].weight_end <= point)
		at++;
	return at;
}

/* The lists of one pool, after its states have changed. Only of the view's lanes. */
void layout_pool(struct view *v, size_t pool);

#endif
