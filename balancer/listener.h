/*
 * A worker's share of one listener: one listening socket of the supervisor's.
 *
 * The socket belongs to the supervisor and is shared with other processes: no fcntl, no setsockopt,
 * no shutdown on it; it is non-blocking already.
 *
 * One connection is accepted in a turn of the worker, since epoll knows without a system call of its
 * own whether there is another; while turn after turn finds some, twice as many in each.
 *
 * Without a place a connection is reset, or with `overflow: wait` held: the first one, accepted, is kept
 * until there is a place or its queue_timeout is over; those behind it wait in the backlog. How
 * long one has waited there, the kernel tells when its turn comes.
 */
#ifndef BALANCER_LISTENER_H
#define BALANCER_LISTENER_H

#include "balancer/poller.h"
#include "base/addr.h"
#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>

struct worker;

#define LISTENER_BATCH    32u    /* connections accepted in one turn at most */
#define LISTENER_LAST_MAX 65536u /* accepted at most when it leaves: above any backlog */
#define LISTENER_LATE_MAX 1024u  /* connections in one tick that have waited too long */
#define LISTENER_PAUSE_MS 100u   /* no accept() for so long after it failed for want of resources */

enum listener_state {
	/* not told to serve, or some client would have to wait for the pool: so does the backlog */
	LISTENER_WAITING,
	LISTENER_OPEN,
	LISTENER_PAUSED, /* out of descriptors or memory, until resume_ms */
	LISTENER_FULL,   /* `held` waits for a place, and the backlog behind it */
	LISTENER_BROKEN, /* the socket is unusable; reported */
	LISTENER_LEFT,   /* stopped; our descriptor is closed */
};

struct listener {
	struct poller_watch watch;
	struct worker *worker;
	const struct conf_balancer *conf;
	uint16_t index; /* conf->balancers */
	uint32_t slot;  /* board */
	int fd;
	enum listener_state state;
	uint64_t resume_ms;
	int held;              /* its first connection, -1: none */
	struct addr held_from; /* the client */
	uint64_t held_until_ms;
	uint32_t batch;     /* connections to accept in one turn */
	uint64_t last_turn; /* the worker's, when there were any */
};

/* Not open yet: listener_tick() does that. */
void listener_open(struct listener *l, struct worker *w, uint16_t index, int fd);
/* Open a waiting one whose pool is ready, and a paused one whose pause is over. */
void listener_tick(struct listener *l, uint64_t now_ms);
/* Serve what waits, if there is a place now; reset what has waited too long. */
void listener_look_for_place(struct listener *l);
/* It waits for something a tick can bring. */
bool listener_needs_ticks(const struct listener *l);
/* Accept what the backlog holds (only we might be able to), then leave: watch first, descriptor
 * second. */
void listener_leave(struct listener *l);
/* The same without a last look at the backlog. */
void listener_close(struct listener *l);

#endif
