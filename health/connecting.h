/*
 * The first phase of a probe, the same for every kind: a socket of our own and a connect(), whose
 * errors tell what could not be tried here from what the target did (base/connect_blame.h). Who
 * sends and reads over the connection takes the socket then; libcurl does so too, since it mixes up
 * both kinds of errors when it connects by itself.
 *
 * A connection to a port of this machine on which nobody listens can meet itself: when the kernel
 * happens to pick the very port as the local one, both ends are one socket (a simultaneous open)
 * and connect() succeeds. So the local address is compared with the target's.
 */
#ifndef HEALTH_CONNECTING_H
#define HEALTH_CONNECTING_H

#include "health/check.h"

struct connecting {
	struct event *event; /* libevent's; NULL: nothing is waited for */
	struct hostport target;
	uint64_t started_ns;
	int fd; /* -1: there is none, or it was taken */
	void (*done)(struct connecting *c, struct check_outcome *o);
};

/* Start. CHECK_RUNNING: done(c, outcome) follows, unless it is ended before. Else *o has the
 * outcome: CHECK_PASSED, "connected", with its latency; or why it is not. */
enum check_result connecting_start(struct connecting *c, struct event_base *base,
	const struct hostport *target, void (*done)(struct connecting *c, struct check_outcome *o),
	struct check_outcome *o);

/* The socket of a connection that stands: the caller's from now on. */
int connecting_take(struct connecting *c);

/* Close what is open. Also fine when nothing was started, of a struct of zeros with fd -1. */
void connecting_end(struct connecting *c);

/* Microseconds since the start, for CHECK_PASSED. */
uint32_t connecting_latency_us(const struct connecting *c);

/* Can anything be sent to the target now? 0, or the errno of a connect() that sends nothing: a
 * target that was silent while this machine had lost its route was not to blame. */
int connecting_route(const struct hostport *target);

#endif
