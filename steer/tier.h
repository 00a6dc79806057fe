/*
 * Tier: the endpoints that one pick may choose from, as a line of them end to end.
 *
 *   cell london          cell newyork               Each is as long as its weight, or 1 each where
 *   [a     |b   |c]      [d       |e ]              weights do not count. Drawing by weight is picking
 *   0      5    8        9        15 17 = whole     a point; the order is that of the cells, nearest
 *                                                   first, and of the file within a cell.
 *
 * What is taken leaves a gap. tier_take() counts places over what is left, so that a draw among the
 * rest is exact at the first try; tier_take_from() counts over the whole line and goes on to the next
 * one behind a gap. Endpoints that must not be chosen are gaps from the beginning.
 */
#ifndef STEER_TIER_H
#define STEER_TIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view_cell;
struct view_member;

/* A gap, or an endpoint's part of the line. */
struct span {
	uint32_t start, length;
};

struct tier {
	/* the lane's part of the view that belongs to the plan */
	const struct view_cell *cell;
	const struct view_member *member;
	const uint32_t *first; /* [cell + 1] into member */
	/* the cells to look at, nearest first: list[0..cells), or list_first, + 1, ... without it */
	const uint16_t *list;
	uint32_t list_first, cells;
	uint32_t from,
		end;    /* of those, the ones that make the line; the one at `from` is not empty */
	bool alone;     /* only the one at `from` is not empty */
	uint8_t kind;   /* enum view_kind */
	bool by_count;  /* weights do not count */
	uint32_t whole; /* the line */
	uint32_t left;  /* of it, without gaps */
	uint32_t count; /* endpoints in what is left; none of length 0 */
	struct span *taken; /* the gaps, in order */
	uint32_t taken_count;
};

static inline uint32_t tier_cell(const struct tier *t, uint32_t index)
{
	return t->list != NULL ? t->list[index] : t->list_first + index;
}

/* The endpoint at `place` of what is left, 0..left - 1. There must be one. */
uint32_t tier_take(struct tier *t, uint32_t place);
/* The endpoint at `point` of the whole line, 0..whole - 1, or the first behind it that is there. */
uint32_t tier_take_from(struct tier *t, uint32_t point);
/* A gap for an endpoint that is in one of the cells; `offset`: where the cell begins. False when it
 * is not there, has one already, or is of length 0. */
bool tier_exclude(struct tier *t, uint32_t index, uint32_t offset, uint32_t endpoint);

/* How the line is shared out in turns: `count` places of `unit` each (steer/turns.h). Before anything
 * is taken but what was excluded. */
struct tier_turns {
	uint32_t unit, count, stride;
};
struct tier_turns tier_turns(const struct tier *t);

#endif
