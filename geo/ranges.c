#include "geo/ranges.h"

#include <stdlib.h>

static bool grow(struct ranges *r)
{
	size_t capacity = r->capacity > 0 ? r->capacity + r->capacity / 2 : 64;
	uint128 *start = realloc(r->start, capacity * sizeof *start);
	uint16_t *value;

	if (start == NULL)
		return false;
	r->start = start;
	value = realloc(r->value, capacity * sizeof *value);
	if (value == NULL)
		return false;
	r->value = value;
	r->capacity = capacity;
	return true;
}

void ranges_append(struct ranges *r, uint128 start, uint16_t value)
{
	if (r->count > 0 && r->start[r->count - 1] == start)
		r->count--; /* the one before turned out to be empty */
	if (r->count > 0 && r->value[r->count - 1] == value)
		return;
	if (r->failed)
		return;
	if (r->count == r->capacity && !grow(r)) {
		r->failed = true;
		return;
	}
	r->start[r->count] = start;
	r->value[r->count++] = value;
}

void ranges_free(struct ranges *r)
{
	free(r->start);
	free(r->value);
	*r = (struct ranges){0};
}

/* Outer prefixes before the ones inside them. */
static int compare_rules(const void *left, const void *right)
{
	const struct range_rule *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->end > b->end ? -1 : a->end < b->end;
}

#define NESTING_MAX 129 /* prefix lengths there are */

void ranges_from_rules(struct ranges *out, struct range_rule *rules, size_t count, uint128 last)
{
	const struct range_rule *open[NESTING_MAX] = {NULL}; /* prefixes around the current place */
	size_t depth = 0;

	qsort(rules, count, sizeof *rules, compare_rules);
	ranges_append(out, 0, RANGE_HOLE);
	for (size_t i = 0; i <= count; i++) {
		const struct range_rule *rule = i < count ? &rules[i] : NULL;

		while (depth > 0 && (rule == NULL || open[depth - 1]->end < rule->start)) {
			uint128 end = open[--depth]->end;

			if (end < last)
				ranges_append(out, end + 1,
					depth > 0 ? open[depth - 1]->value : RANGE_HOLE);
		}
		if (rule == NULL || depth == NESTING_MAX)
			continue;
		ranges_append(out, rule->start, rule->value);
		open[depth++] = rule;
	}
}

static uint16_t lay_value(uint16_t top, uint16_t bottom)
{
	if (top == RANGE_HOLE)
		return bottom;
	return top == RANGE_MARK ? bottom | RANGE_EMBEDDED : top;
}

void ranges_overlay(struct ranges *out, const struct ranges *top, const struct ranges *bottom)
{
	size_t t = 0, b = 0;
	uint128 at = 0;

	if (top->failed || bottom->failed || top->count == 0 || bottom->count == 0) {
		out->failed = true;
		return;
	}
	for (;;) {
		bool more_top = t + 1 < top->count, more_bottom = b + 1 < bottom->count;

		ranges_append(out, at, lay_value(top->value[t], bottom->value[b]));
		if (!more_top && !more_bottom)
			return;
		if (!more_bottom || (more_top && top->start[t + 1] <= bottom->start[b + 1]))
			at = top->start[t + 1];
		else
			at = bottom->start[b + 1];
		if (more_top && top->start[t + 1] == at)
			t++;
		if (more_bottom && bottom->start[b + 1] == at)
			b++;
	}
}

uint128 addr_number(const struct addr *a)
{
	size_t size = addr_size(a);
	uint128 n = 0;

	for (size_t i = 0; i < size; i++)
		n = n << 8 | a->bytes[i];
	return n;
}
