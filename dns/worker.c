#include "dns/worker.h"

#include "base/clock.h"
#include "board/beat.h"

#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS 100000u /* the least the kernel takes */

/* What sched_setattr(2) calls sched_attr; glibc has it from 2.41 on, and <linux/sched/types.h>
 * collides with glibc's older <sched.h>. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

int dns_worker_init(struct dns_worker *w, struct dns_server *s, uint32_t row, struct err *e)
{
	static const struct conf_secrets of_the_day = {.count = 1}; /* set when time is known */

	*w = (struct dns_worker){.server = s};
	if (row >= BOARD_WORKERS_MAX)
		return err_set(e, "board has %u rows for dns threads, row %u is past them",
			BOARD_WORKERS_MAX, row);
	w->row = &s->board->dns->row[row];
	w->reader = qsbr_add_reader(&s->qsbr);
	if (w->reader == NULL)
		return err_set(e, "more than %u threads in one dns process", QSBR_READERS_MAX);
	w->view = view_new_laid_out(s->steering, VIEW_FOR_DNS);
	if (w->view == NULL || responder_init(&w->responder, s->steering, w->row->counter) < 0) {
		view_free(w->view);
		w->view = NULL;
		return err_set(e, "out of memory for a dns thread");
	}
	responder_configure(&w->responder, &s->conf->dns,
		s->cookie_secrets != NULL ? s->cookie_secrets : &of_the_day, s->rate);
	return 0;
}

void dns_worker_clear(struct dns_worker *w)
{
	view_free(w->view);
	responder_clear(&w->responder);
}

/* Has health, which beat once, stopped? */
static bool is_health_silent(const struct dns_server *s, uint64_t now_ms)
{
	uint64_t beat_ms = atomic_load_explicit(&s->board->health->beat_ms, memory_order_relaxed);

	return beat_ms != 0 && now_ms > beat_ms + VERDICTS_OLD_MS;
}

/* Once a second: real time for cookies and whether checks run; then the day's secrets. */
static void keep_time(struct dns_worker *w, uint64_t now_ms)
{
	struct responder *r = &w->responder;

	if (w->real_read_ms == 0 || now_ms - w->real_read_ms >= REAL_TIME_MS) {
		w->real_read_ms = now_ms;
		w->real_offset_ms = clock_real_ms() - now_ms;
		r->facts.verdicts_old = is_health_silent(w->server, now_ms);
	}
	r->facts.now_s = (uint32_t)((now_ms + w->real_offset_ms) / 1000);
	if (w->server->cookie_secrets == NULL && r->cookies.day != r->facts.now_s / COOKIE_DAY_S)
		cookie_keys_of_day(&w->server->cookie_seed, r->facts.now_s, &r->cookies);
}

/*
 * A thread that wakes waits until the one that runs has had its slice (about 3 ms; EEVDF's run to
 * parity), even one of a lower priority, such as the loader. One that has asked for shorter slices
 * need not wait, and its share of the processor stays the same. Linux before 6.12 knows no such
 * wish and says so or ignores it.
 */
void dns_worker_hurry(void)
{
	struct scheduling a = {.size = sizeof a};

	if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) < 0 || a.policy != SCHED_OTHER)
		return;
	a.runtime_ns = SLICE_NS;
	(void)syscall(SYS_sched_setattr, 0, &a, 0);
}

void dns_worker_enter(struct dns_worker *w, uint64_t now_ms)
{
	struct dns_server *s = w->server;

	qsbr_online(&s->qsbr, w->reader);
	if (view_stale(w->view, s->board, now_ms))
		view_build(w->view, s->start->generation, s->board, now_ms);
	w->responder.facts.data = atomic_load(&s->data); /* see qsbr_online() */
	w->responder.facts.view = w->view;
	w->responder.facts.now_ms = now_ms;
	keep_time(w, now_ms);
}

/* Is it time for another line, after the one at `logged_ms`? */
static bool may_log(uint64_t logged_ms, uint64_t now_ms)
{
	return logged_ms == 0 || now_ms - logged_ms >= REPEAT_LOG_MS;
}

/* One line for all queries above the rate limit since the last one. */
static void log_limited(struct dns_worker *w, uint64_t now_ms)
{
	struct responder *r = &w->responder;
	struct prefix network = {.addr = r->limited_last,
		.length = r->limited_last.family == FAMILY_IPV4 ? RATE_PREFIX_IPV4
								: RATE_PREFIX_IPV6};
	char shown[PREFIX_TEXT_MAX], text[256];

	if (!may_log(w->limited_logged_ms, now_ms))
		return;
	addr_mask(&network.addr, network.length);
	(void)snprintf(text, sizeof text,
		"%u queries above the rate limit of %u replies a second, the last from %s",
		r->limited, r->conf->per_second, prefix_format(&network, shown));
	dns_server_event(w->server, EVENT_NOTICE, LEVEL_WARNING, "dns", text);
	r->limited = 0;
	w->limited_logged_ms = now_ms;
}

/* One line for all transfers refused since the last one. */
static void log_transfers(struct dns_worker *w, uint64_t now_ms)
{
	char name[NAME_TEXT_MAX], text[256];

	if (!may_log(w->transfers_logged_ms, now_ms))
		return;
	(void)snprintf(text, sizeof text,
		"%u zone transfers refused, the last of %.120s: AXFR and IXFR are not served",
		w->responder.transfers, name_format(w->responder.transfer_last, name));
	dns_server_event(w->server, EVENT_NOTICE, LEVEL_WARNING, "dns", text);
	w->responder.transfers = 0;
	w->transfers_logged_ms = now_ms;
}

void dns_worker_leave(struct dns_worker *w, uint64_t now_ms)
{
	if (w->responder.transfers > 0)
		log_transfers(w, now_ms);
	if (w->responder.limited > 0)
		log_limited(w, now_ms);
	qsbr_offline(w->reader);
	beat(&w->row->beat_ms, now_ms);
}
