#include "balancer/upstream.h"

#include "balancer/relay.h"
#include "balancer/worker.h"
#include "base/connect_blame.h"
#include "board/serving.h"
#include "geo/geo.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOBODY UINT32_MAX /* upstream.failed */

static const struct conf_balancer *conf_of(const struct connection *c)
{
	return c->listener->conf;
}

/* ---- choosing ---- */

static const struct view_state *state_of(
	const struct connection *c, uint32_t endpoint, unsigned family)
{
	return &c->worker->view->endpoint[endpoint].family[family];
}

static bool serves(const struct connection *c, uint32_t endpoint)
{
	return state_of(c, endpoint, 0)->serving || state_of(c, endpoint, 1)->serving;
}

/* An address of the current endpoint that was not tried yet and may be: the client's own family
 * first. */
static bool choose_family(struct connection *c)
{
	struct upstream *u = &c->upstream;
	unsigned first = c->client.family == FAMILY_IPV6 ? 1 : 0;

	for (unsigned i = 0; i < 2; i++) {
		unsigned family = first ^ i;
		const struct view_state *state = state_of(c, c->endpoint, family);

		if (!state->exists || (u->family_tried & 1u << family) != 0)
			continue;
		if (!state->serving && !u->degraded)
			continue;
		if (override_takes_out((enum override)state->override)) /* since it was chosen */
			continue;
		if (!aside_may_try(c, family, &u->trial)) {
			if (!u->only_aside)
				continue;
			worker_count(c->worker, BALANCER_CONNECT_ASIDE, 1);
			u->forced++;
		}
		c->family = (uint8_t)family;
		u->family_tried |= (uint8_t)(1u << family);
		return true;
	}
	return false;
}

/* What the next pick must leave out: who was tried or passed over, and who is set aside, unless
 * nothing else is left. */
static void exclude(struct connection *c, struct pick_request *request)
{
	const struct tried *tried = &c->upstream.tried;
	struct worker *w = c->worker;
	size_t count = 0;

	if (!c->upstream.only_aside) {
		const struct aside *aside = aside_list(w, c->listener);

		count = aside->count;
		if (count > 0)
			memcpy(w->exclude, aside->endpoint, count * sizeof *w->exclude);
	}
	if (tried->count > 0)
		memcpy(w->exclude + count, tried_list(tried), tried->count * sizeof *w->exclude);
	request->exclude = w->exclude;
	request->exclude_count = count + tried->count;
}

static void pick(struct connection *c, const struct pick_request *request, struct pick *out)
{
	struct worker *w = c->worker;
	struct balancer *b = w->balancer;
	const struct geo_table *geo;
	struct client client = {.address = c->client};

	qsbr_online(&b->qsbr, w->reader);
	geo = atomic_load(&b->geo); /* not before going online: base/qsbr.h */
	client.geo = geo_lookup(geo, &c->client);
	steer_pick(b->steering, w->view, request, &client, w->now_ms, &b->cursors, &w->rng, out);
	qsbr_offline(w->reader);
}

/* Ask steering for an endpoint that was not tried yet. */
static bool choose_endpoint(struct connection *c)
{
	struct upstream *u = &c->upstream;
	struct pick_request request = {
		.pool = conf_of(c)->pool,
		.region = CONF_NONE,
		.family = FAMILY_NONE,
		.want = 1,
	};
	struct pick found;

	exclude(c, &request);
	pick(c, &request, &found);
	if (found.kind != PICK_OK)
		return false;
	/* what serves and is set aside comes before what does not serve */
	if (!u->only_aside && request.exclude_count > u->tried.attempted &&
		!serves(c, found.endpoint[0]))
		return false;
	c->endpoint = found.endpoint[0];
	u->degraded = found.degraded;
	u->family_tried = 0;
	return tried_add(&u->tried, c->endpoint);
}

static bool may_go_on(const struct connection *c)
{
	const struct upstream *u = &c->upstream;

	return c->worker->now_ms < u->give_up_ms && u->tries <= conf_of(c)->retries;
}

/* The next address to try: of the endpoint at hand, of another one, of those set aside. */
static bool choose(struct connection *c)
{
	struct upstream *u = &c->upstream;

	if (c->worker->now_ms >= u->give_up_ms)
		return false;
	if (u->tried.attempted > 0 && choose_family(c))
		return true;
	while (may_go_on(c) && u->forced < UPSTREAM_FORCED_MAX) {
		while (choose_endpoint(c)) {
			if (!choose_family(c))
				continue;
			tried_attempt(&u->tried);
			u->tries++;
			return true;
		}
		if (u->only_aside)
			return false;
		u->only_aside = true;
		tried_forget_passed(&u->tried);
	}
	return false;
}

/* ---- what became of an attempt ---- */

static uint32_t endpoint_slot(const struct connection *c)
{
	return c->worker->balancer->generation->endpoint_slot[c->endpoint];
}

/* Give up the gauge of the endpoint, and the lease of its target. */
static void release(struct connection *c)
{
	if (c->upstream.trial)
		aside_return(c);
	c->upstream.trial = false;
	if (!c->counted)
		return;
	gauge_add(&c->worker->row->active[endpoint_slot(c)], -1);
	c->counted = false;
}

void upstream_close(struct connection *c)
{
	release(c);
	tried_free(&c->upstream.tried);
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

/* The first failure of this address in this connection? The first one of the endpoint is counted. */
static bool is_first(struct connection *c)
{
	struct upstream *u = &c->upstream;
	uint8_t bit = (uint8_t)(1u << c->family);

	if (u->failed != c->endpoint) {
		worker_count(c->worker, BALANCER_CONNECT_FAILED, 1);
		u->failed = c->endpoint;
		u->failed_families = 0;
	}
	if ((u->failed_families & bit) != 0)
		return false;
	u->failed_families |= bit;
	return true;
}

/* It or its path is to blame. Who had the lease tells about it however often it tried before. */
static void blame(struct connection *c, int error, bool first)
{
	if (first || c->upstream.trial)
		aside_failed(c, error);
	c->upstream.trial = false;
	if (first)
		tell_health(c);
}

/* An attempt failed with `error`: count it. False when the connection has ended, true to go on. */
static bool failed(struct connection *c, int error, enum connect_blame whose)
{
	struct worker *w = c->worker;
	const char *name = w->balancer->conf->endpoints[c->endpoint].name;
	bool first = is_first(c);

	connection_detach(c, SIDE_ENDPOINT, true);
	c->upstream.refused = whose == BLAME_TARGET && error != ETIMEDOUT;
	if (whose == BLAME_TARGET)
		blame(c, error, first);
	release(c);
	switch (whose) {
	case BLAME_TARGET: return true;
	case BLAME_HERE:
		worker_count(w, BALANCER_CONNECT_LOCAL, 1);
		worker_notice(w, c->listener, NOTICE_CONNECT, LEVEL_WARNING,
			"cannot connect to %s: %s; the fault is this machine's, the endpoint is "
			"not blamed; other endpoints are tried",
			name, strerror(error));
		return true;
	case BLAME_RESOURCE: break;
	}
	worker_notice(w, c->listener, NOTICE_CONNECT, LEVEL_ERROR,
		"cannot connect to %s: %s; new connections are reset, existing ones go on", name,
		strerror(error));
	connection_end(c, BY_RESOURCE);
	return false;
}

static void reached(struct connection *c, uint32_t events)
{
	c->upstream.trial = false;
	aside_reached(c);
	tried_free(&c->upstream.tried);
	if (c->upstream.tries > 1 || c->upstream.failed != NOBODY)
		worker_count(c->worker, BALANCER_RETRIED, 1);
	relay_start(c, events);
}

/* ---- attempts ---- */

/* Begin one attempt: 0 under way, 1 reached at once, else -1 with errno. */
static int attempt(struct connection *c)
{
	const struct balancer *b = c->worker->balancer;
	const struct hostport target = {
		.addr = b->conf->endpoints[c->endpoint].address[c->family],
		.port = conf_of(c)->port,
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

static void wait_until(struct connection *c, uint64_t at_ms)
{
	c->upstream.again_ms = at_ms;
	connection_hurry(c);
}

/* No address is left: begin anew with the only endpoint after a while, or end. */
static void give_up(struct connection *c)
{
	struct upstream *u = &c->upstream;
	uint64_t again_ms = c->worker->now_ms + UPSTREAM_AGAIN_MS;

	if (u->refused && u->tried.attempted == 1 && may_go_on(c) && again_ms < u->give_up_ms) {
		tried_forget(&u->tried);
		u->only_aside = false;
		u->forced = 0;
		wait_until(c, again_ms);
		return;
	}
	if (u->tries == 0)
		connection_end(c, BY_REFUSAL);
	else
		connection_end(c, u->client_ended ? BY_CLIENT : BY_ENDPOINT);
}

/* Try one address after the other until one is under way, reached, or none is left. */
static void advance(struct connection *c)
{
	struct worker *w = c->worker;

	for (unsigned i = 0; i < UPSTREAM_TURN; i++) {
		int rc;

		if (!choose(c)) {
			give_up(c);
			return;
		}
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
	wait_until(c, w->now_ms + 1); /* the others have their turn */
}

void upstream_open(struct connection *c)
{
	uint64_t now_ms = c->worker->now_ms;

	c->upstream.give_up_ms = now_ms + (uint64_t)UPSTREAM_TIMES * conf_of(c)->connect_timeout_ms;
	c->upstream.again_ms = 0;
	c->upstream.watch_ms = now_ms + UPSTREAM_WATCH_MS;
	c->upstream.tries = 0;
	c->upstream.failed = NOBODY;
	c->upstream.failed_families = c->upstream.family_tried = c->upstream.forced = 0;
	c->upstream.only_aside = c->upstream.degraded = c->upstream.trial = false;
	c->upstream.refused = c->upstream.client_ended = false;
	tried_init(&c->upstream.tried);
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

/* ---- the client ---- */

enum presence { PRESENT, HALF_CLOSED, LEFT };

static enum presence presence_of(const struct connection *c)
{
	int fd = c->side[SIDE_CLIENT].fd;
	struct tcp_info info;
	socklen_t length = sizeof info;
	char octet;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return LEFT;
	switch (info.tcpi_state) {
	case TCP_CLOSE: return LEFT;
	case TCP_CLOSE_WAIT:
		return recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ? HALF_CLOSED : LEFT;
	default: return PRESENT;
	}
}

void upstream_client(struct connection *c, uint32_t events)
{
	struct upstream *u = &c->upstream;

	relay_note(c, SIDE_CLIENT, events);
	if (!edge_ended(events) && !edge_failed(events))
		return;
	switch (presence_of(c)) {
	case PRESENT: return;
	case LEFT: connection_end(c, BY_CLIENT); return;
	case HALF_CLOSED: break;
	}
	if (u->client_ended)
		return;
	worker_refresh(c->worker);
	u->client_ended = true;
	if (u->give_up_ms > c->worker->now_ms + UPSTREAM_HALF_CLOSED_MS)
		u->give_up_ms = c->worker->now_ms + UPSTREAM_HALF_CLOSED_MS;
	connection_hurry(c);
}

/* ---- time ---- */

/* The end of the attempt under way. */
static uint64_t attempt_due(const struct connection *c)
{
	uint64_t due = c->active_ms + conf_of(c)->connect_timeout_ms;

	return due < c->upstream.give_up_ms ? due : c->upstream.give_up_ms;
}

uint64_t upstream_due(const struct connection *c)
{
	const struct upstream *u = &c->upstream;
	uint64_t due = u->again_ms != 0 ? u->again_ms : attempt_due(c);

	return u->watch_ms != 0 && u->watch_ms < due ? u->watch_ms : due;
}

static void time_out(struct connection *c, uint64_t now_ms)
{
	if (now_ms < c->active_ms + conf_of(c)->connect_timeout_ms) {
		/* it did not have its whole time: nobody is to blame */
		connection_end(c, c->upstream.client_ended ? BY_CLIENT : BY_ENDPOINT);
		return;
	}
	worker_count(c->worker, BALANCER_CONNECT_TIMEOUT, 1);
	worker_refresh(c->worker);
	if (failed(c, ETIMEDOUT, connect_blame_later(ETIMEDOUT)))
		advance(c);
}

void upstream_check(struct connection *c, uint64_t now_ms)
{
	struct upstream *u = &c->upstream;

	if (u->watch_ms != 0 && now_ms >= u->watch_ms) {
		u->watch_ms = 0;
		/* what has happened already makes an edge, too */
		if (connection_attach(c, SIDE_CLIENT, c->side[SIDE_CLIENT].fd) < 0) {
			connection_end(c, BY_RESOURCE);
			return;
		}
	}
	if (u->again_ms == 0) {
		if (now_ms >= attempt_due(c))
			time_out(c, now_ms);
	} else if (now_ms >= u->again_ms) {
		u->again_ms = 0;
		worker_refresh(c->worker);
		advance(c);
	}
}
