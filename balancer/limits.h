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
	uint64_t descriptors;                  /* RLIMIT_NOFILE */
	uint32_t listener[CONF_BALANCERS_MAX]; /* <= max_connections, by place in conf->balancers */
	bool short_of;                         /* some max_connections cannot be met */
	uint32_t pipes;                        /* per worker */
};

/* Raise the soft limit of descriptors to the hard one; returns what it is then. */
uint64_t limits_raise(void);
/* Share `descriptors` out: all listeners get what is configured, or each the same part of it. Pure. */
void limits_share(const struct conf *c, uint64_t descriptors, uint32_t workers, size_t sockets,
	struct limits *out);

#endif
