/*
 * What a UDP thread and the TCP thread have in common: a row on the board, a view, a responder.
 *
 *   dns_worker_enter(w, now) … respond(&w->responder, …) … dns_worker_leave(w, now)
 *
 * Between the two the dataset and the view stand still. Private to dns/.
 */
#ifndef DNS_WORKER_H
#define DNS_WORKER_H

#include "dns/respond.h"
#include "dns/server.h"
#include "steer/view.h"

/* Refused zone transfers make one line in the log within this time and worker, and so does the rate
 * limit. */
#define REPEAT_LOG_MS 10000u
#define REAL_TIME_MS  1000u /* real time is asked for that often: cookies count in seconds */
/* Without a beat of health for so long verdicts count as old: it beats every second, and a crashed
 * one is back within 5 s. */
#define VERDICTS_OLD_MS 10000u

struct dns_worker {
	struct dns_server *server;
	struct board_dns_row *row;
	struct qsbr_reader *reader;
	struct view *view;
	uint64_t transfers_logged_ms; /* 0 = never */
	uint64_t limited_logged_ms;   /* likewise, of the rate limit */
	uint64_t real_read_ms;        /* when `real_offset_ms` was taken; 0 = never */
	uint64_t real_offset_ms;      /* from the monotonic clock to real time */
	struct responder responder;
};

/* `row` is the thread's own on the board. Before the threads start. */
int dns_worker_init(struct dns_worker *w, struct dns_server *s, uint32_t row, struct err *e);
void dns_worker_clear(struct dns_worker *w);

/* From the thread itself, before it serves: let the kernel wake it in the middle of what others do
 * on its processor. */
void dns_worker_hurry(void);

/* Go online with the current dataset and a view that is no older than the board's last move. */
void dns_worker_enter(struct dns_worker *w, uint64_t now_ms);
/* Go offline, note the beat, log refused transfers and what the rate limit did. */
void dns_worker_leave(struct dns_worker *w, uint64_t now_ms);

static inline void dns_worker_count(struct dns_worker *w, enum dns_counter c, uint64_t n)
{
	counter_add(&w->row->counter[c], n);
}

#endif
