#include "dns/worker.h"

#include "board/beat.h"

#include <stdio.h>

int dns_worker_init(struct dns_worker *w, struct dns_server *s, uint32_t row, struct err *e)
{
	*w = (struct dns_worker){.server = s};
	if (row >= BOARD_WORKERS_MAX)
		return err_set(e, "board has %u rows for dns threads, row %u is past them",
			BOARD_WORKERS_MAX, row);
	w->row = &s->board->dns->row[row];
	w->reader = qsbr_add_reader(&s->qsbr);
	if (w->reader == NULL)
		return err_set(e, "more than %u threads in one dns process", QSBR_READERS_MAX);
	w->view = view_new(s->conf);
	if (w->view == NULL ||
		responder_init(&w->responder, s->conf->pool_count, w->row->counter) < 0) {
		view_free(w->view);
		w->view = NULL;
		return err_set(e, "out of memory for a dns thread");
	}
	return 0;
}

void dns_worker_clear(struct dns_worker *w)
{
	view_free(w->view);
	responder_clear(&w->responder);
}

void dns_worker_enter(struct dns_worker *w, uint64_t now_ms)
{
	struct dns_server *s = w->server;

	qsbr_online(&s->qsbr, w->reader);
	if (view_stale(w->view, s->board, now_ms))
		view_build(w->view, s->start->generation, s->board, now_ms, s->ready_by_ms);
	w->responder.facts.data = atomic_load_explicit(&s->data, memory_order_acquire);
	w->responder.facts.view = w->view;
	w->responder.facts.now_ms = now_ms;
}

/* One line for all transfers refused since the last one. */
static void log_transfers(struct dns_worker *w, uint64_t now_ms)
{
	char name[NAME_TEXT_MAX], text[256];

	if (w->transfers_logged_ms != 0 && now_ms - w->transfers_logged_ms < TRANSFER_LOG_MS)
		return;
	(void)snprintf(text, sizeof text,
		"%u zone transfers refused, the last of %.120s: AXFR and IXFR are not served",
		w->responder.transfers, name_format(w->responder.query.name.wire, name));
	dns_server_event(w->server, EVENT_NOTICE, LEVEL_WARNING, "dns", text);
	w->responder.transfers = 0;
	w->transfers_logged_ms = now_ms;
}

void dns_worker_leave(struct dns_worker *w, uint64_t now_ms)
{
	if (w->responder.transfers > 0)
		log_transfers(w, now_ms);
	qsbr_offline(w->reader);
	beat(&w->row->beat_ms, now_ms);
}
