/*
 * The balancer's main thread: it loads, starts the workers and hands on the supervisor's orders.
 *
 * Workers run from before READY on, so that whatever can fail has failed by then; they accept from GO
 * on. STOP makes them leave the listeners at once and drain; a second STOP closes what is left, spread
 * over DRAIN_SPREAD_MS; end of file on the link means that the supervisor is gone: out within 2 s.
 */
#include "balancer/role.h"

#include "balancer/geo_watch.h"
#include "balancer/limits.h"
#include "balancer/worker.h"
#include "base/clock.h"
#include "base/link.h"
#include "geo/geo.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct room {
	struct balancer balancer;
	struct geo_watch geo;
	struct worker *workers;
	uint32_t opened, running; /* workers */
	struct limits limits;
};

/* Say it once at the start: what was asked for cannot be had on this machine. */
static void report_limits(const struct room *r)
{
	const struct conf *c = r->balancer.conf;
	const struct limits *l = &r->limits;
	char shared[64] = "";

	for (size_t i = 0; i < c->balancer_count; i++) {
		const struct conf_balancer *b = &c->balancers[i];

		if (!l->in_pot[i])
			continue;
		if (l->sharers > 1)
			(void)snprintf(
				shared, sizeof shared, ", which %zu listeners share", l->sharers);
		balancer_event(&r->balancer, LEVEL_WARNING, b->name,
			"max_connections %u cannot be met: %llu descriptors (RLIMIT_NOFILE) leave "
			"%u connections%s; further ones will %s",
			b->max_connections, (unsigned long long)l->descriptors, l->pot, shared,
			b->overflow == OVERFLOW_WAIT ? "wait" : "be reset");
	}
}

static int open_room(struct room *r, const struct role_start *start, struct err *e)
{
	struct balancer *b = &r->balancer;
	size_t pools = start->generation->conf->balancer_count;

	b->start = start;
	b->generation = start->generation;
	b->conf = start->generation->conf;
	b->board = start->board;
	b->done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	b->admission =
		aligned_alloc(_Alignof(struct admission), (pools + 1) * sizeof *b->admission);
	r->workers = calloc(start->row_count + 1, sizeof *r->workers);
	if (b->done < 0 || b->admission == NULL || r->workers == NULL)
		return err_set(e, "cannot set up the balancer: %s", strerror(errno));
	memset(b->admission, 0, (pools + 1) * sizeof *b->admission);
	limits_share(b->conf, limits_raise(), start->row_count, start->tcp_count, &r->limits);
	for (size_t i = 0; i < b->conf->balancer_count; i++) {
		b->admission[i].max = b->conf->balancers[i].max_connections;
		b->admission[i].in_pot = r->limits.in_pot[i];
	}
	b->pot.max = r->limits.pot;
	b->workers = r->workers;
	b->worker_count = start->row_count;
	report_limits(r);
	if (steer_compile(b->conf, &b->steering, e) < 0)
		return -1;
	if (cursors_open(&b->cursors, b->steering->cursor_count, true) < 0)
		return err_set(
			e, "out of memory for the cursors of %zu pools", b->conf->pool_count);
	if (geo_watch_open(&r->geo, b, e) < 0)
		return -1;
	for (; r->opened < start->row_count; r->opened++) {
		if (worker_open(&r->workers[r->opened], b, (uint16_t)r->opened, r->limits.pipes,
			    e) < 0) {
			r->opened++; /* half open: close it, too */
			return -1;
		}
	}
	return 0;
}

static int start_threads(struct room *r, struct err *e)
{
	for (; r->running < r->opened; r->running++) {
		struct worker *w = &r->workers[r->running];
		int error = pthread_create(&w->thread, NULL, worker_run, w);

		if (error != 0)
			return err_set(e, "cannot start balancer worker %u: %s", r->running,
				strerror(error));
	}
	return geo_watch_start(&r->geo, e);
}

static void give_order(struct room *r, enum order order)
{
	atomic_store_explicit(&r->balancer.order, (uint32_t)order, memory_order_release);
	for (uint32_t i = 0; i < r->running; i++)
		worker_wake(&r->workers[i]);
}

/* What the supervisor's next message makes of the order in force. */
static enum order next_order(const struct room *r, int link, struct link_message *message)
{
	enum order order = atomic_load_explicit(&r->balancer.order, memory_order_relaxed);
	int n = link_receive(link, message);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EPROTO))
		return ORDER_ORPHAN;
	if (n < 0)
		return order;
	if (message->type == LINK_GO && order == ORDER_WAIT)
		return ORDER_SERVE;
	if (message->type == LINK_STOP)
		return order < ORDER_DRAIN ? ORDER_DRAIN : ORDER_CLOSE;
	return order;
}

/* Hand on orders until every worker has ended. */
static void command(struct room *r, int link)
{
	struct link_message *message = malloc(sizeof *message);
	struct pollfd fds[2] = {
		{.fd = r->balancer.done, .events = POLLIN}, {.fd = link, .events = POLLIN}};
	uint64_t ended = 0, more;

	if (message == NULL)
		give_order(r, ORDER_ORPHAN);
	while (ended < r->running) {
		if (poll(fds, message != NULL ? 2 : 1, -1) < 0)
			continue; /* EINTR */
		if (fds[0].revents != 0 && read(r->balancer.done, &more, sizeof more) > 0)
			ended += more;
		if (message != NULL && fds[1].revents != 0) {
			enum order order = next_order(r, link, message);

			if (order != atomic_load(&r->balancer.order))
				give_order(r, order);
			if (order == ORDER_ORPHAN) /* nobody is there any more */
				fds[1].fd = -1;
		}
	}
	free(message);
}

static void close_room(struct room *r)
{
	struct balancer *b = &r->balancer;

	if (r->running > 0)
		give_order(r, ORDER_ORPHAN); /* at most ORPHAN_DRAIN_MS + ORPHAN_SPREAD_MS */
	for (uint32_t i = 0; i < r->running; i++)
		(void)pthread_join(r->workers[i].thread, NULL);
	if (r->geo.balancer != NULL)
		geo_watch_close(&r->geo);
	for (uint32_t i = 0; i < r->opened; i++)
		worker_close(&r->workers[i]);
	cursors_close(&b->cursors);
	if (b->steering != NULL)
		steer_free(b->steering);
	if (b->done >= 0)
		(void)close(b->done);
	free(r->workers);
	free(b->admission);
	free(r);
}

int balancer_role(const struct role_start *start)
{
	struct room *r = aligned_alloc(_Alignof(struct room), sizeof *r);
	struct err e;
	int rc = 1;

	(void)signal(SIGPIPE, SIG_IGN); /* splice() has no MSG_NOSIGNAL */
	if (r == NULL) {
		(void)link_send(start->link, LINK_FAILED, 0, "balancer: out of memory");
		return 1;
	}
	memset(r, 0, sizeof *r);
	r->balancer.done = -1;
	if (open_room(r, start, &e) < 0 || start_threads(r, &e) < 0) {
		(void)link_send(start->link, LINK_FAILED, 0, e.text);
	} else if (link_send(start->link, LINK_READY, 0, NULL) == 0) {
		command(r, start->link);
		rc = 0;
	}
	close_room(r);
	if (rc == 0)
		(void)link_send(start->link, LINK_STOPPED, 0, NULL);
	return rc;
}
