#include "balancer/listener.h"

#include "balancer/worker.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What accept4() said, apart from a connection. */
enum refusal {
	REFUSAL_EMPTY,    /* the backlog is empty */
	REFUSAL_SKIP,     /* this one connection is lost: take the next */
	REFUSAL_RESOURCE, /* out of descriptors or memory: the backlog waits */
	REFUSAL_BROKEN,   /* no listening socket (any more) */
};

static enum refusal refusal_of(int error)
{
	if (error == EAGAIN || error == EWOULDBLOCK)
		return REFUSAL_EMPTY;
	switch (error) {
	case EINTR:
	case ECONNABORTED: /* it was reset in the backlog */
	case EPERM:        /* a packet filter's word */
	case EPROTO:       /* Linux hands on network errors of the new socket, accept(2) */
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case ENONET:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ETIMEDOUT: return REFUSAL_SKIP;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
	case EOPNOTSUPP: return REFUSAL_BROKEN;
	default: /* EMFILE, ENFILE, ENOBUFS, ENOMEM; anything unknown deserves a pause, too */
		return REFUSAL_RESOURCE;
	}
}

static void pause_accepting(struct listener *l, int error)
{
	struct worker *w = l->worker;

	worker_count(w, BALANCER_ACCEPT_FAILED, 1);
	worker_notice(w, l, NOTICE_ACCEPT, LEVEL_ERROR,
		"cannot accept: %s; trying again every %u ms, connections wait in the backlog, "
		"existing ones go on",
		strerror(error), LISTENER_PAUSE_MS);
	if (l->state == LISTENER_LEFT)
		return;
	worker_count(w, BALANCER_ACCEPT_PAUSED, 1);
	poller_remove(&w->poller, l->fd, &l->watch);
	l->state = LISTENER_PAUSED;
	l->resume_ms = w->now_ms + LISTENER_PAUSE_MS;
	worker_need_ticks(w);
}

static void give_up(struct listener *l, int error)
{
	worker_notice(l->worker, l, NOTICE_ACCEPT, LEVEL_ERROR,
		"cannot accept: %s; this worker no longer serves the listener, existing "
		"connections go on",
		strerror(error));
	poller_remove(&l->worker->poller, l->fd, &l->watch);
	l->state = LISTENER_BROKEN;
}

/* The next connection of the backlog: 0, or -1 for what refusal_of() makes of errno. */
static int accept_next(struct listener *l, int *fd, struct addr *from)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	struct hostport client;

	*fd = accept4(l->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (*fd < 0)
		return -1;
	worker_count(l->worker, BALANCER_ACCEPTED, 1);
	if (hostport_from_sockaddr((const struct sockaddr *)&address, &client) < 0)
		client = (struct hostport){0}; /* no client that geo or steering could know */
	*from = client.addr;
	return 0;
}

static void reset(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	(void)close(fd);
}

/* Which limit it is, and what becomes of those who come now. */
static void notice_full(struct listener *l, enum place why)
{
	struct balancer *b = l->worker->balancer;
	const struct admission *a = &b->admission[l->index];
	bool waits = l->conf->overflow == OVERFLOW_WAIT;

	if (why == PLACE_POT_EMPTY)
		worker_notice(l->worker, l, NOTICE_LIMIT, LEVEL_WARNING,
			"no place: the listeners that share what descriptors allow have %u "
			"connections; further ones %s until one ends",
			b->pot.max, waits ? "wait" : "are reset");
	else
		worker_notice(l->worker, l, NOTICE_LIMIT, LEVEL_WARNING,
			"limit of %u connections reached (max_connections; %u of them from before "
			"a reload); further ones %s until one ends",
			a->max, atomic_load_explicit(&a->elsewhere, memory_order_relaxed),
			waits ? "wait" : "are reset");
}

/* Since when the client waits for us: the last it sent was the end of its handshake, or its request
 * soon after. */
static uint64_t waited_ms(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return 0;
	return info.tcpi_last_ack_recv;
}

static void hold(struct listener *l, int fd, const struct addr *from)
{
	uint64_t waited = waited_ms(fd), at_most = l->conf->queue_timeout_ms;

	worker_count(l->worker, BALANCER_QUEUED, 1);
	l->held = fd;
	l->held_from = *from;
	l->held_until_ms = l->worker->now_ms + (waited < at_most ? at_most - waited : 0);
}

/* The backlog is watched again. */
static void reopen(struct listener *l)
{
	l->state = LISTENER_PAUSED; /* for no time at all, unless the kernel lacks memory */
	l->resume_ms = 0;
	listener_tick(l, l->worker->now_ms);
}

static bool serve_held(struct listener *l)
{
	int fd = l->held;

	if (place_take(l->worker->balancer, l->index) != PLACE_TAKEN)
		return false;
	l->held = -1;
	connection_open(l, fd, &l->held_from);
	return true;
}

static void refuse_held(struct listener *l)
{
	worker_count(l->worker, BALANCER_REFUSED_QUEUE, 1);
	worker_notice(l->worker, l, NOTICE_QUEUE, LEVEL_WARNING,
		"no place within queue_timeout (%u ms); connections that have waited so long are "
		"reset, existing ones go on",
		l->conf->queue_timeout_ms);
	reset(l->held);
	l->held = -1;
}

void listener_look_for_place(struct listener *l)
{
	struct worker *w = l->worker;

	if (l->state != LISTENER_FULL)
		return;
	place_wait(w);
	for (unsigned i = 0; i < LISTENER_LATE_MAX; i++) {
		struct addr from;
		int fd;

		if (serve_held(l))
			break;
		if (w->now_ms < l->held_until_ms)
			return;
		refuse_held(l);
		if (accept_next(l, &fd, &from) < 0)
			break;
		hold(l, fd, &from);
	}
	if (l->held < 0)
		reopen(l);
}

/* There is no place for it. False when no more are to be accepted. */
static bool overflow(struct listener *l, int fd, const struct addr *from, enum place why)
{
	notice_full(l, why);
	if (l->conf->overflow == OVERFLOW_WAIT && l->state == LISTENER_OPEN) {
		poller_remove(&l->worker->poller, l->fd, &l->watch);
		l->state = LISTENER_FULL;
		hold(l, fd, from);
		worker_need_ticks(l->worker);
		listener_look_for_place(l);
		return false;
	}
	worker_count(l->worker, BALANCER_REFUSED_LIMIT, 1);
	reset(fd);
	return true;
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct listener *l)
{
	struct addr from;
	enum place place;
	int fd;

	if (accept_next(l, &fd, &from) < 0) {
		int error = errno;

		switch (refusal_of(error)) {
		case REFUSAL_EMPTY: return false;
		case REFUSAL_SKIP: return true;
		case REFUSAL_RESOURCE: pause_accepting(l, error); return false;
		case REFUSAL_BROKEN: give_up(l, error); return false;
		}
	}
	place = place_take(l->worker->balancer, l->index);
	if (place != PLACE_TAKEN)
		return overflow(l, fd, &from, place);
	connection_open(l, fd, &from);
	return true;
}

static void on_connections(struct poller_watch *watch, uint32_t events)
{
	struct listener *l = (struct listener *)((char *)watch - offsetof(struct listener, watch));
	struct worker *w = l->worker;

	(void)events;
	worker_refresh(w);
	if (w->turn != l->last_turn + 1)
		l->batch = 1;
	else if (l->batch < LISTENER_BATCH)
		l->batch *= 2;
	l->last_turn = w->turn;
	for (unsigned i = 0; i < l->batch && accept_one(l); i++)
		continue;
}

void listener_open(struct listener *l, struct worker *w, uint16_t index, int fd)
{
	*l = (struct listener){
		.watch.callback = on_connections,
		.worker = w,
		.conf = &w->balancer->conf->balancers[index],
		.index = index,
		.slot = w->balancer->generation->listener_slot[index],
		.fd = fd,
		.state = LISTENER_WAITING,
		.held = -1,
		.batch = 1,
	};
}

void listener_tick(struct listener *l, uint64_t now_ms)
{
	const struct worker *w = l->worker;

	if (l->state == LISTENER_WAITING &&
		steer_is_settled(w->balancer->steering, w->view, l->conf->pool))
		l->state = LISTENER_PAUSED; /* for no time at all */
	if (l->state != LISTENER_PAUSED || now_ms < l->resume_ms)
		return;
	if (poller_add(&l->worker->poller, l->fd, &l->watch, POLLER_LEVEL) < 0) {
		l->resume_ms = now_ms + LISTENER_PAUSE_MS;
		return;
	}
	l->state = LISTENER_OPEN;
}

bool listener_needs_ticks(const struct listener *l)
{
	return l->state == LISTENER_WAITING || l->state == LISTENER_PAUSED ||
	       l->state == LISTENER_FULL;
}

void listener_close(struct listener *l)
{
	if (l->fd >= 0) {
		/* before close: epoll follows the open socket, which others share */
		poller_remove(&l->worker->poller, l->fd, &l->watch);
		(void)close(l->fd);
	}
	if (l->held >= 0)
		reset(l->held);
	l->fd = l->held = -1;
	l->state = LISTENER_LEFT;
}

/* There may be somebody else who serves what waits in the backlog; nobody but us can serve `held`. */
static bool may_take_more(struct listener *l)
{
	if (l->conf->overflow != OVERFLOW_WAIT)
		return true;
	if (place_take(l->worker->balancer, l->index) != PLACE_TAKEN)
		return false;
	place_give(l->worker, l->index);
	return true;
}

void listener_leave(struct listener *l)
{
	bool served = l->state == LISTENER_OPEN || l->state == LISTENER_PAUSED ||
		      l->state == LISTENER_FULL;
	int held = l->held;

	l->state = LISTENER_LEFT;
	l->held = -1;
	if (held >= 0) {
		place_force(l->worker->balancer, l->index);
		connection_open(l, held, &l->held_from);
	}
	for (unsigned i = 0; served && i < LISTENER_LAST_MAX && may_take_more(l); i++) {
		if (!accept_one(l))
			break;
	}
	listener_close(l);
}
