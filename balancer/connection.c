#include "balancer/connection.h"

#include "balancer/relay.h"
#include "balancer/upstream.h"
#include "balancer/worker.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What an ending counts as: a sum that operators watch, and who and when in detail. */
struct ending {
	enum balancer_counter sum, detail; /* equal: there is no detail */
};

#define ONLY(c)                                                                                    \
	{                                                                                          \
		BALANCER_##c, BALANCER_##c                                                         \
	}
#define PAIR(c, d)                                                                                 \
	{                                                                                          \
		BALANCER_##c, BALANCER_ENDED_##d                                                   \
	}

static const struct ending endings[BY_COUNT][PHASE_COUNT] = {
	[BY_BOTH] = {ONLY(COMPLETED), ONLY(COMPLETED), ONLY(COMPLETED)},
	[BY_CLIENT] = {PAIR(RESET, CLIENT_CONNECT), PAIR(RESET, CLIENT_DATA),
		PAIR(RESET, CLIENT_LAST)},
	[BY_ENDPOINT] = {PAIR(RESET, ENDPOINT_CONNECT), PAIR(RESET, ENDPOINT_DATA),
		PAIR(RESET, ENDPOINT_LAST)},
	[BY_IDLE] = {PAIR(IDLE_TIMEOUT, IDLE_DATA), PAIR(IDLE_TIMEOUT, IDLE_DATA),
		PAIR(IDLE_TIMEOUT, IDLE_LAST)},
	[BY_DRAIN] = {ONLY(DRAIN_TIMEOUT), ONLY(DRAIN_TIMEOUT), ONLY(DRAIN_TIMEOUT)},
	[BY_REFUSAL] = {ONLY(REFUSED_NO_ENDPOINT), ONLY(REFUSED_NO_ENDPOINT),
		ONLY(REFUSED_NO_ENDPOINT)},
	[BY_RESOURCE] = {PAIR(RESET, RESOURCE_CONNECT), PAIR(RESET, RESOURCE_DATA),
		PAIR(RESET, RESOURCE_DATA)},
};

/* The poller's callback for both sides. */
static void on_edge(struct poller_watch *watch, uint32_t events)
{
	struct side *s = (struct side *)((char *)watch - offsetof(struct side, watch));
	struct connection *c = s->connection;

	if (c->phase == PHASE_CONNECT && s == &c->side[SIDE_CLIENT])
		upstream_client(c, events);
	else if (c->phase == PHASE_CONNECT)
		upstream_event(c, events);
	else
		relay_event(c, s == &c->side[SIDE_CLIENT] ? SIDE_CLIENT : SIDE_ENDPOINT, events);
}

int connection_attach(struct connection *c, enum side_id side, int fd)
{
	bool connecting = side == SIDE_ENDPOINT;

	c->side[side].fd = fd;
	c->side[side].hears_writable = connecting;
	return poller_add(&c->worker->poller, fd, &c->side[side].watch,
		connecting ? POLLER_BOTH : POLLER_READ);
}

void connection_detach(struct connection *c, enum side_id side, bool reset)
{
	struct side *s = &c->side[side];

	if (s->fd < 0)
		return;
	poller_forget(&c->worker->poller, &s->watch);
	if (reset) {
		const struct linger now = {.l_onoff = 1, .l_linger = 0};

		/* Cannot fail on a TCP socket; if it did, the peer would see an orderly end. */
		(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	}
	(void)close(s->fd);
	s->fd = -1;
}

static struct connection *take_free(struct worker *w)
{
	struct connection *c = w->free_connections;

	if (c == NULL)
		return malloc(sizeof *c);
	w->free_connections = c->next_free;
	return c;
}

void connection_open(struct listener *l, int fd, const struct addr *client)
{
	struct worker *w = l->worker;
	struct connection *c = take_free(w);

	if (c == NULL) {
		worker_count(w, BALANCER_RESET, 1);
		worker_count(w, BALANCER_ENDED_RESOURCE_CONNECT, 1);
		place_give(w, l->index);
		(void)close(fd);
		return;
	}
	c->worker = w;
	c->listener = l;
	c->timer.link = NULL;
	c->side[SIDE_CLIENT] = (struct side){.watch.callback = on_edge, .connection = c, .fd = fd};
	c->side[SIDE_ENDPOINT] =
		(struct side){.watch.callback = on_edge, .connection = c, .fd = -1};
	c->flow[SIDE_CLIENT] = c->flow[SIDE_ENDPOINT] = (struct flow){0};
	c->client = *client;
	c->phase = PHASE_CONNECT;
	c->active_ms = w->now_ms;
	c->linger_ms = 0;
	c->salt = (uint32_t)rng_next(&w->rng);
	c->counted = false;
	upstream_open(c);
	w->active++;
	gauge_add(&w->row->listener_active[l->slot], 1);
	worker_need_ticks(w);
	wheel_add(&w->wheel, &c->timer, w->now_ms, connection_due(c));
	upstream_start(c);
}

/* Only what both sides have ended is closed in order, so that nobody takes a part for the whole; and
 * what was merely idle, with all data delivered, as everybody's idle timeouts do. */
static bool ends_in_order(const struct connection *c, enum ended_by by)
{
	const struct flow *in = &c->flow[SIDE_CLIENT], *out = &c->flow[SIDE_ENDPOINT];

	return (in->done && out->done) || (by == BY_IDLE && !in->blocked && !out->blocked);
}

void connection_end(struct connection *c, enum ended_by by)
{
	struct worker *w = c->worker;
	const struct ending *ending = &endings[by][c->phase];
	bool reset = !ends_in_order(c, by);

	worker_count(w, ending->sum, 1);
	if (ending->detail != ending->sum)
		worker_count(w, ending->detail, 1);
	upstream_close(c);
	relay_release(c);
	connection_detach(c, SIDE_CLIENT, reset);
	connection_detach(c, SIDE_ENDPOINT, reset);
	wheel_remove(&w->wheel, &c->timer);
	gauge_add(&w->row->listener_active[c->listener->slot], -1);
	place_give(w, c->listener->index);
	c->next_free = w->free_connections;
	w->free_connections = c;
	w->active--;
}

struct connection *connection_of_timer(struct wheel_entry *e)
{
	return (struct connection *)((char *)e - offsetof(struct connection, timer));
}

/* Its own deadline, whatever the worker's order. */
static uint64_t own_due(const struct connection *c)
{
	const struct conf_balancer *conf = c->listener->conf;
	uint64_t due;

	if (c->phase == PHASE_CONNECT)
		return upstream_due(c);
	due = c->active_ms + conf->idle_timeout_ms;
	return c->linger_ms != 0 && c->linger_ms < due ? c->linger_ms : due;
}

uint64_t connection_due(const struct connection *c)
{
	uint64_t own = own_due(c), drain = worker_drain_due(c->worker, c->listener, c->salt);
	/* From connecting to idle the deadline must not move closer unseen. */
	uint64_t idle = c->active_ms + c->listener->conf->idle_timeout_ms;

	if (idle < own)
		own = idle;
	return own < drain ? own : drain;
}

void connection_hurry(struct connection *c)
{
	wheel_remove(&c->worker->wheel, &c->timer);
	wheel_add(&c->worker->wheel, &c->timer, c->worker->now_ms, connection_due(c));
}

void connection_check(struct connection *c, uint64_t now_ms)
{
	if (now_ms >= worker_drain_due(c->worker, c->listener, c->salt)) {
		connection_end(c, BY_DRAIN);
		return;
	}
	if (now_ms < own_due(c)) {
		wheel_add(&c->worker->wheel, &c->timer, now_ms, connection_due(c));
		return;
	}
	if (c->phase != PHASE_CONNECT) {
		relay_timeout(c);
		return;
	}
	wheel_add(
		&c->worker->wheel, &c->timer, now_ms, now_ms); /* the next attempt's, or removed */
	upstream_check(c, now_ms);
}
