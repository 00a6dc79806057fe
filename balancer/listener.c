#include "balancer/listener.h"

#include "balancer/worker.h"

#include <errno.h>
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

/* A place among the listener's connections over all workers; exact, hence no blind add. */
static bool admit(struct admission *a)
{
	uint32_t active = atomic_load_explicit(&a->active, memory_order_relaxed);

	do {
		if (active >= a->max)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&a->active, &active, active + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
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

/* False when there is nothing more to accept now. */
static bool accept_one(struct listener *l)
{
	struct worker *w = l->worker;
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	struct hostport client;
	int fd = accept4(l->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		int error = errno;

		switch (refusal_of(error)) {
		case REFUSAL_EMPTY: return false;
		case REFUSAL_SKIP: return true;
		case REFUSAL_RESOURCE: pause_accepting(l, error); return false;
		case REFUSAL_BROKEN: give_up(l, error); return false;
		}
	}
	worker_count(w, BALANCER_ACCEPTED, 1);
	if (hostport_from_sockaddr((const struct sockaddr *)&address, &client) < 0)
		client = (struct hostport){0}; /* no client that geo or steering could know */
	if (!admit(&w->balancer->admission[l->index])) {
		const struct linger now = {.l_onoff = 1, .l_linger = 0};

		worker_count(w, BALANCER_REFUSED_LIMIT, 1);
		worker_notice(w, l, NOTICE_LIMIT, LEVEL_WARNING,
			"limit of %u connections reached; further ones are reset until one ends",
			w->balancer->admission[l->index].max);
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		(void)close(fd);
		return true;
	}
	connection_open(l, fd, &client.addr);
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
	return l->state == LISTENER_WAITING || l->state == LISTENER_PAUSED;
}

void listener_close(struct listener *l)
{
	if (l->fd >= 0) {
		/* before close: epoll follows the open socket, which others share */
		poller_remove(&l->worker->poller, l->fd, &l->watch);
		(void)close(l->fd);
	}
	l->fd = -1;
	l->state = LISTENER_LEFT;
}

void listener_leave(struct listener *l)
{
	bool served = l->state == LISTENER_OPEN || l->state == LISTENER_PAUSED;

	l->state = LISTENER_LEFT;
	for (unsigned i = 0; served && i < LISTENER_LAST_MAX && accept_one(l); i++)
		continue;
	listener_close(l);
}
