#include "steer/tier.h"

#include "steer/layout.h"
#include "steer/turns.h"

static const struct view_set *set_of(const struct tier *t, uint32_t index)
{
	return &t->cell[tier_cell(t, index)].set[t->kind];
}

static const struct view_member *list_of(const struct tier *t, uint32_t index)
{
	uint32_t cell = tier_cell(t, index);
	const struct view_member *list = t->member + t->first[cell];

	return t->kind == VIEW_SPARE ? list + t->cell[cell].set[VIEW_SERVING].count : list;
}

static uint32_t length_of(const struct tier *t, const struct view_set *set)
{
	return t->by_count ? set->count : set->weight;
}

static struct span span_of(const struct tier *t, const struct view_member *list, uint32_t at)
{
	uint32_t start = at > 0 ? list[at - 1].weight_end : 0;

	return t->by_count ? (struct span){at, 1}
			   : (struct span){start, list[at].weight_end - start};
}

/* Who stands at `point` of the whole line, and from where to where. */
static uint32_t find(const struct tier *t, uint32_t point, struct span *span)
{
	uint32_t index = t->from, offset = 0, at;
	const struct view_set *set = set_of(t, index);
	const struct view_member *list;

	while (point - offset >= length_of(t, set) && index + 1 < t->end) {
		offset += length_of(t, set);
		set = set_of(t, ++index);
	}
	point -= offset;
	list = list_of(t, index);
	at = t->by_count ? point : view_find(set, list, point);
	*span = span_of(t, list, at);
	span->start += offset;
	return list[at].endpoint;
}

/* A new gap, number `gap` of them. */
static void insert(struct tier *t, uint32_t gap, struct span span)
{
	for (uint32_t i = t->taken_count++; i > gap; i--) /* a few: not worth a call */
		t->taken[i] = t->taken[i - 1];
	t->taken[gap] = span;
	t->left -= span.length;
	t->count--;
}

/* `gap` is how many gaps lie before `point`. */
static uint32_t take(struct tier *t, uint32_t point, uint32_t gap)
{
	struct span span;
	uint32_t endpoint = find(t, point, &span);

	insert(t, gap, span);
	return endpoint;
}

uint32_t tier_take(struct tier *t, uint32_t place)
{
	uint32_t gap = 0;

	while (gap < t->taken_count && t->taken[gap].start <= place)
		place += t->taken[gap++].length;
	return take(t, place, gap);
}

uint32_t tier_take_from(struct tier *t, uint32_t point)
{
	uint32_t gap = 0;

	for (;;) {
		while (gap < t->taken_count && t->taken[gap].start <= point) {
			uint32_t end = t->taken[gap].start + t->taken[gap].length;

			point = point < end ? end : point;
			gap++;
		}
		if (point < t->whole)
			return take(t, point, gap);
		point = 0;
		gap = 0;
	}
}

bool tier_exclude(struct tier *t, uint32_t index, uint32_t offset, uint32_t endpoint)
{
	const struct view_set *set = set_of(t, index);
	const struct view_member *list = list_of(t, index);
	uint32_t low = 0, high = set->count, gap = t->taken_count;
	struct span span;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (list[middle].endpoint < endpoint)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == set->count || list[low].endpoint != endpoint)
		return false;
	span = span_of(t, list, low);
	span.start += offset;
	while (gap > 0 && t->taken[gap - 1].start > span.start)
		gap--;
	if (span.length == 0 || (gap > 0 && t->taken[gap - 1].start == span.start))
		return false;
	insert(t, gap, span);
	return true;
}

struct tier_turns tier_turns(const struct tier *t)
{
	const struct view_set *set = set_of(t, t->from);
	struct tier_turns turns = {.unit = set->unit, .stride = set->stride};

	if (t->by_count)
		return (struct tier_turns){1, t->left, 1};
	if (!t->alone || t->taken_count > 0) {
		for (uint32_t i = t->from + 1; i < t->end; i++)
			turns.unit = turns_divisor(set_of(t, i)->unit, turns.unit);
		turns.stride = t->left == turns.unit * t->count
				       ? 1
				       : turns_stride(t->left / turns.unit, 1);
	}
	turns.count = t->left / turns.unit;
	return turns;
}
