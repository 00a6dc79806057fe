/*
 * What a UDP thread and the TCP thread have in common: a row on the board, a view, a responder.
 *
 *   worker_enter(w, now) … respond(&w->responder, …) … worker_leave(w, now)
 *
 * Between the two the dataset and the view stand still. Private to dns/.
 */
#ifndef DNS_WORKER_H
#define DNS_WORKER_H

#include "dns/respond.h"
#include "dns/server.h"
#include "steer/view.h"

/* Refused zone transfers make one line in the log within this time and worker. */
#define TRANSFER_LOG_MS 10000u

struct worker {
	struct server *server;
	struct board_dns_row *row;
	struct qsbr_reader *reader;
	struct view *view;
	uint64_t transfers_logged_ms; /* 0 = never */
	struct responder responder;
};

/* `row` is the thread's own on the board. Before the threads start. */
int worker_init(struct worker *w, struct server *s, uint32_t row, struct err *e);
void worker_clear(struct worker *w);

/* Go online with the current dataset and a view that is no older than the board's last move. */
void worker_enter(struct worker *w, uint64_t now_ms);
/* Go offline, note the beat, log what must be logged of `source`'s transfers. */
void worker_leave(struct worker *w, uint64_t now_ms);

static inline void worker_count(struct worker *w, enum dns_counter c, uint64_t n)
{
	counter_add(&w->row->counter[c], n);
}

#endif
