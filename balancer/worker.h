/*
 * A worker: one thread, one epoll set, one row on the board, its share of every listener's sockets.
 *
 * Workers share nothing but what struct balancer holds: read-only tables, the geo table (QSBR), the
 * atomic counts of places.h that make max_connections exact over all of them, and the cursors of round
 * robin.
 */
#ifndef BALANCER_WORKER_H
#define BALANCER_WORKER_H

#include "balancer/aside.h"
#include "balancer/connection.h"
#include "balancer/listener.h"
#include "balancer/places.h"
#include "balancer/poller.h"
#include "base/qsbr.h"
#include "base/rng.h"
#include "board/generation.h"
#include "steer/pool.h"

#include <pthread.h>
#include <stdatomic.h>

#define WORKER_BUFFER (32u << 10) /* octets one recv() takes at most while copying */

/* What the main thread wants of the workers; only ever moves forward. */
enum order {
	ORDER_WAIT, /* loaded; do not accept yet */
	ORDER_SERVE,
	ORDER_DRAIN,  /* accept no more; connections go on until drain_timeout */
	ORDER_CLOSE,  /* a second STOP: close what is left, spread over DRAIN_SPREAD_MS */
	ORDER_ORPHAN, /* the supervisor is gone: be gone within 2 s, too */
};

/* Closing many connections at once makes their clients all come back at once: each gets its own
 * moment in a span of DRAIN_EACH_MS a connection, at most DRAIN_SPREAD_MS. */
#define DRAIN_EACH_MS    10u
#define DRAIN_SPREAD_MS  10000u
#define ORPHAN_DRAIN_MS  1000u /* connections of an orphan may go on for this long */
#define ORPHAN_SPREAD_MS 500u  /* in place of DRAIN_SPREAD_MS */

struct balancer {
	const struct role_start *start;
	const struct generation *generation;
	const struct conf *conf;
	struct board *board;
	struct steering *steering;
	struct cursors cursors; /* of round robin: one rotation over all workers and listeners */
	_Atomic(struct geo_table *) geo; /* swapped by geo_watch.c; read online only */
	struct qsbr qsbr;
	_Atomic uint32_t order;      /* enum order */
	int done;                    /* eventfd: each worker adds 1 when it ends */
	struct admission *admission; /* [conf->balancer_count] */
	struct pot pot;
	_Atomic uint32_t waiting; /* workers that wait for a place */
	struct worker *workers;   /* [worker_count] */
	uint32_t worker_count;
	_Atomic uint64_t aside_told;   /* events about targets this second, aside.c */
	_Atomic uint32_t aside_untold; /* further ones since the last one */
};

struct worker {
	struct balancer *balancer;
	struct board_balancer_row *row;
	struct poller poller;
	struct poller_watch wake;
	int wake_fd;      /* eventfd: the order has changed */
	uint64_t turn;    /* number of the current one */
	uint64_t now_ms;  /* when the current turn began */
	uint64_t tick_ms; /* when the next tick is due */
	bool ticking;     /* in WHEEL_TICK_MS, not in WORKER_REST_MS */
	struct view *view;
	struct rng rng;
	struct qsbr_reader *reader;
	struct pipe_pool pipes;
	char *buffer; /* WORKER_BUFFER octets, for one copy at a time */
	struct wheel wheel;
	struct connection *free_connections;
	uint32_t active;              /* connections */
	_Atomic bool waits_for_place; /* set here, taken back by who wakes it */
	bool look_for_place;          /* one was given back in this turn, or we were woken */
	struct listener *listeners;
	size_t listener_count;
	struct aside *aside; /* [conf->balancer_count] */
	uint32_t *exclude;   /* [2 * conf->endpoint_count]: what a pick leaves out */
	enum order order;
	uint64_t ordered_ms; /* since when `order` is what it is */
	uint32_t spread_ms;  /* of closing what is left */
	pthread_t thread;
};

/* Everything a worker needs, so that nothing can fail after READY. `index` is 0.. in start->tcp. */
int worker_open(
	struct worker *w, struct balancer *b, uint16_t index, uint32_t pipes_max, struct err *e);
/* Frees what worker_open() made; the thread has ended. */
void worker_close(struct worker *w);
/* The first tick, and see what was ordered; the thread does this first. */
void worker_start(struct worker *w);
/* Wait for something to do, at most so long and at most until the next tick, and do it. */
void worker_turn(struct worker *w, uint32_t at_most_ms);
/* The thread: returns when it was told to stop and its last connection is gone. */
void *worker_run(void *worker);
/* From any thread: look at balancer->order now. */
void worker_wake(const struct worker *w);

/* If the board has moved, build the view anew. */
void worker_refresh(struct worker *w);
/* Something has a deadline from now on: make sure that the ticks come often enough. */
void worker_need_ticks(struct worker *w);
/* By when connections of this listener must be gone: UINT64_MAX unless the worker drains. */
uint64_t worker_drain_due(const struct worker *w, const struct listener *l, uint32_t salt);
/* An event about a listener, at most one per NOTICE_EVERY_MS and kind over all workers. */
void worker_notice(struct worker *w, const struct listener *l, enum notice kind,
	enum log_level level, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* An event of the balancer about `object`; any thread. */
void balancer_event(const struct balancer *b, enum log_level level, const char *object,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

static inline void worker_count(struct worker *w, enum balancer_counter counter, uint64_t n)
{
	counter_add(&w->row->counter[counter], n);
}

/* Gauges have one writer, too: no locked instruction. */
static inline void gauge_add(_Atomic uint32_t *gauge, int n)
{
	uint32_t now = atomic_load_explicit(gauge, memory_order_relaxed);

	atomic_store_explicit(gauge, now + (uint32_t)n, memory_order_relaxed);
}

#endif
