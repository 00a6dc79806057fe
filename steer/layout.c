#include "steer/layout.h"

#include "board/serving.h"
#include "steer/turns.h"

/* What is being laid out. */
struct laying {
	struct view *view;
	const struct steer_pool *pool;
	const struct steer_plan *plan;
	enum lane lane;
	bool spares;      /* when_all_down lets others answer when nothing serves */
	uint8_t good_bit; /* only those with this LAST_GOOD_* bit are spare; 0: all are */
};

/* The two families of an endpoint, one after the other, as far as the lane has them. */
static unsigned first_family(enum lane lane)
{
	return lane == LANE_IPV6 ? 1 : 0;
}

static unsigned last_family(enum lane lane)
{
	return lane == LANE_IPV4 ? 0 : 1;
}

static bool serves(const struct laying *l, uint32_t endpoint)
{
	const struct view_endpoint *e = &l->view->endpoint[endpoint];

	switch (l->lane) {
	case LANE_IPV4: return e->family[0].serving;
	case LANE_IPV6: return e->family[1].serving;
	case LANE_EITHER:
	case LANE_COUNT: break;
	}
	return e->family[0].serving || e->family[1].serving;
}

static uint16_t weight_of(const struct laying *l, uint32_t endpoint)
{
	const struct view_endpoint *e = &l->view->endpoint[endpoint];
	bool ipv6 = l->lane == LANE_IPV6 || (l->lane == LANE_EITHER && !e->family[0].exists);

	return e->family[ipv6 ? 1 : 0].weight; /* of one endpoint both are the same */
}

/* May it answer when nothing serves? `good_bit` as in struct laying. */
static bool is_spare(const struct laying *l, uint32_t endpoint, uint8_t good_bit)
{
	for (unsigned f = first_family(l->lane); f <= last_family(l->lane); f++) {
		const struct view_state *state = &l->view->endpoint[endpoint].family[f];

		if (state->exists && !override_takes_out((enum override)state->override) &&
			(good_bit == 0 || (l->view->last_good[endpoint][f] & good_bit) != 0))
			return true;
	}
	return false;
}

static void note_doubt(const struct laying *l, uint32_t endpoint, uint64_t *doubt_until_ms)
{
	for (unsigned f = first_family(l->lane); f <= last_family(l->lane); f++) {
		uint64_t at_ms = l->view->endpoint[endpoint].family[f].doubt_until_ms;

		if (at_ms != 0 && at_ms < *doubt_until_ms)
			*doubt_until_ms = at_ms;
	}
}

static void append(
	struct view_set *set, struct view_member *list, uint32_t endpoint, uint16_t weight)
{
	set->weight += weight;
	list[set->count++] = (struct view_member){.endpoint = endpoint, .weight_end = set->weight};
	if (weight == 0)
		return;
	set->weighted++;
	if (set->unit == 0)
		set->each = set->unit = weight;
	if (weight == set->unit)
		return;
	set->each = 0;
	if (weight % set->unit != 0)
		set->unit = turns_divisor(weight, set->unit);
}

/* place / count of all weights lies before the end of `list[at]`: place * weight < end * count. */
static void fill_guide(const struct view_set *set, struct view_member *list)
{
	uint64_t begin = 0; /* place * weight */
	uint32_t place = 0;

	for (uint32_t at = 0; at < set->count; at++) {
		uint64_t end = (uint64_t)list[at].weight_end * set->count;

		for (; place < set->count && begin < end; place++, begin += set->weight)
			list[place].guide = at;
	}
}

static void finish_set(const struct laying *l, const struct view_set *before, struct view_set *set,
	struct view_member *list)
{
	if (set->weighted != set->count)
		set->each = 0;
	if (set->weighted > 0 && set->each == 0 && l->pool->selector->by_weight)
		fill_guide(set, list);
	set->stride = 1;
	if (!l->pool->selector->takes_turns || set->unit == 0 ||
		set->weight == set->weighted * set->unit)
		return;
	if (before->stride != 0 && before->unit != 0 &&
		before->weight / before->unit == set->weight / set->unit)
		set->stride = before->stride;
	else
		set->stride = turns_stride(set->weight / set->unit, TURNS_SMOOTH);
}

static void lay_cell(const struct laying *l, uint32_t index)
{
	const uint32_t *first = l->plan->first[l->lane];
	const uint32_t *member = l->plan->member[l->lane];
	uint32_t begin = first[index], end = first[index + 1];
	struct view_cell *cell = &l->view->cell[l->lane][l->plan->first_cell + index];
	struct view_member *list =
		l->view->member[l->lane] + l->plan->first_member[l->lane] + begin;
	struct view_cell now = {.doubt_until_ms = UINT64_MAX};

	for (uint32_t i = begin; i < end; i++) {
		note_doubt(l, member[i], &now.doubt_until_ms);
		if (serves(l, member[i]))
			append(&now.set[VIEW_SERVING], list, member[i], weight_of(l, member[i]));
	}
	finish_set(l, &cell->set[VIEW_SERVING], &now.set[VIEW_SERVING], list);
	list += now.set[VIEW_SERVING].count;
	for (uint32_t i = begin; l->spares && i < end; i++) {
		if (!serves(l, member[i]) && is_spare(l, member[i], l->good_bit))
			append(&now.set[VIEW_SPARE], list, member[i], weight_of(l, member[i]));
	}
	finish_set(l, &cell->set[VIEW_SPARE], &now.set[VIEW_SPARE], list);
	*cell = now;
}

/* Cells that one request can see together. Nobody ever served: all are as good as any. */
static void lay_group(struct laying *l, uint32_t begin, uint32_t end, uint8_t good_bit)
{
	const uint32_t *first = l->plan->first[l->lane];

	l->good_bit = 0;
	for (uint32_t i = first[begin]; good_bit != 0 && i < first[end]; i++) {
		if (is_spare(l, l->plan->member[l->lane][i], good_bit))
			l->good_bit = good_bit;
	}
	for (uint32_t cell = begin; cell < end; cell++)
		lay_cell(l, cell);
}

void layout_pool(struct view *v, size_t pool)
{
	const struct steer_pool *p = &v->steering->pools[pool];
	enum all_down_kind then = p->conf->when_all_down;
	uint8_t good = then == ALL_DOWN_LAST_GOOD ? UINT8_MAX : 0;
	struct laying l = {.view = v,
		.pool = p,
		.spares = then == ALL_DOWN_LAST_GOOD || then == ALL_DOWN_SERVE_ALL};

	for (l.lane = LANE_IPV4; l.lane < LANE_COUNT; l.lane++) {
		if (v->cell[l.lane] == NULL)
			continue;
		l.plan = &p->all;
		lay_group(&l, 0, p->all.cell_count, good & LAST_GOOD_POOL);
		l.plan = &p->region;
		for (uint32_t begin = 0, end; begin < p->region.cell_count; begin = end) {
			for (end = begin + 1; end < p->region.cell_count; end++) {
				if (p->region.cell_region[end] != p->region.cell_region[begin])
					break;
			}
			if (p->region.cell_region[begin] != CONF_NONE) /* nobody can ask for it */
				lay_group(&l, begin, end, good & LAST_GOOD_REGION);
		}
	}
}
