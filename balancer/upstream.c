#include "balancer/upstream.h"

#include "balancer/relay.h"
#include "balancer/worker.h"
#include "base/connect_blame.h"
#include "board/serving.h"
#include "geo/geo.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct view_state *state_of(
	const struct connection *c, uint32_t endpoint, unsigned family)
{
	return &c->worker->view->endpoint[endpoint].family[family];
}

/* An address of the current endpoint that was not tried yet: the client's own family first. */
static bool choose_family(struct connection *c)
{
	unsigned first = c->client.family == FAMILY_IPV6 ? 1 : 0;

	for (unsigned i = 0; i < 2; i++) {
		unsigned family = first ^ i;
		const struct view_state *state = state_of(c, c->endpoint, family);

		if (!state->exists || (c->family_tried & 1u << family) != 0)
			continue;
		if (!state->serving && !c->degraded)
			continue;
		if (override_takes_out((enum override)state->override)) /* since it was chosen */
			continue;
		c->family = (uint8_t)family;
		c->family_tried |= (uint8_t)(1u << family);
		return true;
	}
	return false;
}

/* Ask steering for an endpoint that was not tried yet. */
static bool choose_endpoint(struct connection *c)
{
	struct worker *w = c->worker;
	struct balancer *b = w->balancer;
	const struct geo_table *geo;
	struct client client = {.address = c->client};
	struct pick_request request = {
		.pool = c->listener->conf->pool,
		.region = CONF_NONE,
		.family = FAMILY_NONE,
		.want = 1,
		.exclude = c->excluded,
		.exclude_count = c->excluded_count,
	};
	struct pick pick;

	qsbr_online(&b->qsbr, w->reader);
	geo = atomic_load(&b->geo); /* not before going online: base/qsbr.h */
	client.geo = geo_lookup(geo, &c->client);
	steer_pick(b->steering, w->view, &request, &client, w->now_ms, &b->cursors, &w->rng, &pick);
	qsbr_offline(w->reader);
	if (pick.kind != PICK_OK || c->excluded_count == UPSTREAM_TRIES_MAX)
		return false;
	c->endpoint = pick.endpoint[0];
	c->excluded[c->excluded_count++] = c->endpoint;
	c->degraded = pick.degraded;
	c->family_tried = 0;
	return true;
}

static bool choose(struct connection *c)
{
	if (c->excluded_count > 0 && choose_family(c))
		return true;
	while (choose_endpoint(c)) {
		if (choose_family(c))
			return true;
	}
	return false;
}

static uint32_t endpoint_slot(const struct connection *c)
{
	return c->worker->balancer->generation->endpoint_slot[c->endpoint];
}

void upstream_release(struct connection *c)
{
	if (!c->counted)
		return;
	gauge_add(&c->worker->row->active[endpoint_slot(c)], -1);
	c->counted = false;
}

/* Health must look at it now, if a check stands behind it: it runs that check out of turn. */
static void tell_health(struct connection *c)
{
	const struct balancer *b = c->worker->balancer;
	uint32_t probe = b->generation->endpoint_probe[c->endpoint][c->family];
	const uint64_t one = 1;

	if (probe == PROBE_NONE)
		return;
	gauge_add(&c->worker->row->connect_failures[b->generation->probes[probe].slot], 1);
	/* EAGAIN: the eventfd is full of unread news. There is nothing else that could fail. */
	if (b->start->wake >= 0 && write(b->start->wake, &one, sizeof one) < 0)
		return;
}

/* An attempt failed with `error`: count it. False when the connection has ended, true to go on. */
static bool failed(struct connection *c, int error, enum connect_blame blame)
{
	struct worker *w = c->worker;

	worker_count(w, BALANCER_CONNECT_FAILED, 1);
	connection_detach(c, SIDE_ENDPOINT, true);
	upstream_release(c);
	switch (blame) {
	case BLAME_TARGET: tell_health(c); return true;
	case BLAME_HERE:
		worker_count(w, BALANCER_CONNECT_LOCAL, 1);
		worker_notice(w, c->listener, NOTICE_CONNECT, LEVEL_WARNING,
			"cannot connect to %s: %s; the fault is this machine's, the endpoint is "
			"not blamed; other endpoints are tried",
			w->balancer->conf->endpoints[c->endpoint].name, strerror(error));
		return true;
	case BLAME_RESOURCE: break;
	}
	worker_notice(w, c->listener, NOTICE_CONNECT, LEVEL_ERROR,
		"cannot connect to %s: %s; new connections are reset, existing ones go on",
		w->balancer->conf->endpoints[c->endpoint].name, strerror(error));
	connection_end(c, BY_RESOURCE);
	return false;
}

static void reached(struct connection *c, uint32_t events)
{
	if (c->tries > 1)
		worker_count(c->worker, BALANCER_RETRIED, 1);
	relay_start(c, events);
}

/* Begin one attempt: 0 under way, 1 reached at once, else -1 with errno. */
static int attempt(struct connection *c)
{
	const struct balancer *b = c->worker->balancer;
	const struct hostport target = {
		.addr = b->conf->endpoints[c->endpoint].address[c->family],
		.port = c->listener->conf->port,
	};
	struct sockaddr_storage address;
	socklen_t length = hostport_to_sockaddr(&target, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -1;
	c->side[SIDE_ENDPOINT].fd = fd; /* closed by connection_detach() from here on */
	rc = connect(fd, (const struct sockaddr *)&address, length);
	if (rc < 0 && errno != EINPROGRESS && errno != EINTR)
		return -1;
	if (connection_attach(c, SIDE_ENDPOINT, fd) < 0)
		return -1;
	return rc == 0 ? 1 : 0;
}

/* Try one address after the other until one is under way, reached, or none is left. */
static void advance(struct connection *c)
{
	struct worker *w = c->worker;

	while (c->tries < UPSTREAM_TRIES_MAX && choose(c)) {
		int rc;

		c->tries++;
		c->active_ms = w->now_ms;
		c->counted = true;
		gauge_add(&w->row->active[endpoint_slot(c)], 1);
		rc = attempt(c);
		if (rc > 0)
			reached(c, 0); /* its event is yet to come */
		if (rc >= 0)
			return;
		if (!failed(c, errno, connect_blame_call(errno)))
			return;
	}
	connection_end(c, c->tries == 0 ? BY_REFUSAL : BY_ENDPOINT);
}

void upstream_start(struct connection *c)
{
	advance(c);
}

void upstream_event(struct connection *c, uint32_t events)
{
	int error = 0;
	socklen_t length = sizeof error;

	if (edge_failed(events) &&
		getsockopt(c->side[SIDE_ENDPOINT].fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (error == 0) {
		/* This edge may tell of the endpoint's first words, too. */
		reached(c, events);
		return;
	}
	worker_refresh(c->worker);
	if (failed(c, error, connect_blame_later(error)))
		advance(c);
}

void upstream_timeout(struct connection *c)
{
	worker_count(c->worker, BALANCER_CONNECT_TIMEOUT, 1);
	worker_refresh(c->worker);
	if (failed(c, ETIMEDOUT, connect_blame_later(ETIMEDOUT)))
		advance(c);
}
