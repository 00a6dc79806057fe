/*
 * What health reads of the balancer's rows: connects that failed by probe, load by endpoint.
 *
 * A row counts from the moment its first beat is seen, whichever generation it belongs to. Its
 * counters are only ever compared with what they were: they are never reset, and what was counted
 * before this process started (or, for a row never used before, before its first beat was seen:
 * at most one fold late) belongs to another time. Rows without a beat are not touched, which keeps
 * the sheet sparse.
 */
#ifndef HEALTH_ROWS_H
#define HEALTH_ROWS_H

#include "board/generation.h"

struct rows;

int rows_new(struct rows **out, const struct generation *g, struct board *b, struct err *e);
void rows_free(struct rows *r);

/* Take the counters as they are now for the beginning. */
void rows_begin(struct rows *r);

/* Calls found(owner, probe index, failures) for every probe to whose address connects have failed
 * since the last fold. */
void rows_fold(
	struct rows *r, void (*found)(void *owner, uint32_t probe, uint32_t failures), void *owner);

/* Sum every endpoint's load over all rows into health's sheet. */
void rows_sum_load(struct rows *r);

#endif
