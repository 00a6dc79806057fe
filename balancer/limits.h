/* How many connections and pipes the process's descriptors allow. */
#ifndef BALANCER_LIMITS_H
#define BALANCER_LIMITS_H

#include "conf/conf.h"

#define LIMITS_PER_CONNECTION 2u /* descriptors: the client's and the endpoint's socket */
#define LIMITS_PER_PIPE       2u
#define LIMITS_PROCESS        64u  /* for the link, board, folders, inotify, the C library */
#define LIMITS_PER_WORKER     8u   /* event base, eventfd, sockets being refused */
#define LIMITS_PIPES_MIN      64u  /* pipes of each worker that connections may not crowd out */
#define LIMITS_PIPES_MAX      512u /* of one worker: 1024 in all are an unprivileged user's share */

struct limits {
	uint64_t descriptors;            /* RLIMIT_NOFILE */
	bool in_pot[CONF_BALANCERS_MAX]; /* shares the pot, by place in conf->balancers */
	uint32_t pot;                    /* connections of all that share it */
	size_t sharers;
	uint32_t pipes; /* per worker */
};

/* Raise the soft limit of descriptors to the hard one; returns what it is then. */
uint64_t limits_raise(void);
/*
 * Share `descriptors` out. The smallest max_connections is met first, then the next one, as long as it
 * is no more than an even share of what is left; the listeners for which it is more share that in
 * one pot, so that one of them can have it all while the others are quiet. Pure.
 */
void limits_share(const struct conf *c, uint64_t descriptors, uint32_t workers, size_t sockets,
	struct limits *out);

#endif
