/*
 * The sockets of a worker's connections: one epoll set, hung into the worker's event loop as a single
 * libevent event.
 *
 * A libevent event for each socket cost 2,700 of 5,900 user-space instructions of a short connection
 * (bench/balancer_load under callgrind); here adding one is a system call, removing one is its close(),
 * and an edge costs a few instructions. Timers, listeners and orders stay libevent's.
 *
 * Sockets are edge-triggered for both directions and added once. One callback hands on at most
 * POLLER_BATCH edges; the kernel gives out what is left in turn, so nobody is kept out.
 */
#ifndef BALANCER_POLLER_H
#define BALANCER_POLLER_H

#include <event2/event.h>
#include <stdbool.h>
#include <sys/epoll.h>

#define POLLER_BATCH 64

/* What an edge said. An error or a hang-up is both: reading and writing will tell what it was. */
typedef void (*poller_callback)(void *owner, bool readable, bool writable);

struct poller {
	int fd;
	struct event *event; /* libevent's */
	poller_callback callback;
	int at, count; /* of the batch being handed on */
	struct epoll_event batch[POLLER_BATCH];
};

/* -1 with errno. */
int poller_open(struct poller *p, struct event_base *base, poller_callback callback);
void poller_close(struct poller *p);

/* Watch a socket for `owner`, which is not NULL. What is ready already makes an edge, too. -1 with
 * errno. */
int poller_add(struct poller *p, int fd, void *owner);
/* Make another edge for what is ready now, after the others' turn. */
void poller_again(struct poller *p, int fd, void *owner);
/* Its socket is about to be closed, which ends the watch: hand on no edge of the batch to `owner`. The
 * socket must not be shared with another descriptor, else epoll would follow that. */
void poller_forget(struct poller *p, const void *owner);

#endif
