/*
 * The one epoll set of a worker: its connections' sockets, its listeners and its orders.
 *
 * libevent's loop cost more than half of the user-space instructions of a short connection, and a
 * second epoll_wait() at each wake-up (bench/balancer_load under callgrind): here adding a socket is
 * a system call, removing one is its close(), and an edge costs a few instructions.
 *
 * Connections are edge-triggered. Nobody asks to hear when a socket can be written before it once
 * could not: each new socket would make an edge for it, and a wake-up for nothing. EPOLLRDHUP says
 * that an end of file is in the socket behind its data, so that no read has to find it. One turn
 * hands on at most POLLER_BATCH edges; the kernel gives out what is left in turn, so nobody is kept out.
 *
 * Listeners and the eventfd are level-triggered: an edge-triggered listener with a bounded accept
 * loop stalls.
 */
#ifndef BALANCER_POLLER_H
#define BALANCER_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define POLLER_BATCH 64

/* Part of whatever is watched. */
struct poller_watch {
	void (*callback)(struct poller_watch *w, uint32_t events); /* EPOLL* bits */
};

struct poller {
	int fd;
	int at, count; /* of the batch being handed on */
	struct epoll_event batch[POLLER_BATCH];
};

/* How to watch. */
enum poller_mode {
	POLLER_LEVEL, /* for reading */
	POLLER_READ,  /* edges for reading; poller_again() adds those for writing */
	POLLER_BOTH,  /* edges for both */
};

/* -1 with errno. */
int poller_open(struct poller *p);
void poller_close(struct poller *p);

/* `w->callback` is set. What is ready already makes an edge, too. -1 with errno. */
int poller_add(struct poller *p, int fd, struct poller_watch *w, enum poller_mode mode);
/* From now on edges for both; and make another one for what is ready now, after the others' turn. */
void poller_again(struct poller *p, int fd, struct poller_watch *w);
/* Its socket is about to be closed, which ends the watch: hand on no edge of the batch to `w`. The
 * socket must not be shared with another descriptor, else epoll would follow that. */
void poller_forget(struct poller *p, const struct poller_watch *w);
/* End the watch of a socket that is shared or stays open. */
void poller_remove(struct poller *p, int fd, const struct poller_watch *w);

/* Wait until something is ready, at most so long (INT_MAX: about 24 days). */
void poller_wait(struct poller *p, int at_most_ms);
/* Hand on what was ready. */
void poller_dispatch(struct poller *p);

/* An error or a hang-up is both: reading and writing will tell what it was. */
static inline bool edge_readable(uint32_t events)
{
	return (events & ~(uint32_t)EPOLLOUT) != 0;
}

static inline bool edge_writable(uint32_t events)
{
	return (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
}

static inline bool edge_failed(uint32_t events)
{
	return (events & (EPOLLERR | EPOLLHUP)) != 0;
}

/* Its end of file has come, behind what can still be read; and it was no reset. */
static inline bool edge_ended(uint32_t events)
{
	return (events & (EPOLLRDHUP | EPOLLERR)) == EPOLLRDHUP;
}

/* There is urgent data (RFC 9293, 3.8.5), at whose mark a read stops short. */
static inline bool edge_urgent(uint32_t events)
{
	return (events & EPOLLPRI) != 0;
}

#endif
