/*
 * QSBR: when may memory that readers may still look at be freed?
 *
 * Readers (worker threads) are offline by default and online only while they work on a batch or
 * inside a callback. A writer publishes the new pointer first (release store), then waits here
 * until every reader that was online at that moment has been offline, or online anew, and frees the
 * old one. Readers pay two plain stores and one fence a batch. Why not liburcu: version 0.13 gives
 * false races under TSan.
 */
#ifndef BASE_QSBR_H
#define BASE_QSBR_H

#include <stdatomic.h>
#include <stdint.h>

#define QSBR_READERS_MAX 1024 /* threads of one role */

struct qsbr_reader {
	_Alignas(64) _Atomic uint64_t seen; /* epoch at going online; 0 = offline */
};

/* Zero-initialise. Readers get their numbers before the threads start. */
struct qsbr {
	_Alignas(64) _Atomic uint64_t epoch;
	unsigned readers;
	struct qsbr_reader reader[QSBR_READERS_MAX];
};

/* A new reader, or NULL when all are taken. Not thread-safe: call before threads start. */
struct qsbr_reader *qsbr_add_reader(struct qsbr *q);

static inline void qsbr_online(struct qsbr *q, struct qsbr_reader *r)
{
	/* +1: 0 means offline. Sequentially consistent, as the loads and the exchanges of the
	 * pointers must be: an acquire load may overtake this store, and then the writer would
	 * free what it found. */
	atomic_store(&r->seen, atomic_load(&q->epoch) + 1);
}

static inline void qsbr_offline(struct qsbr_reader *r)
{
	atomic_store_explicit(&r->seen, 0, memory_order_release);
}

/* Sleeps until a grace period has passed; call from a thread that is no online reader. */
void qsbr_wait(struct qsbr *q);

#endif
