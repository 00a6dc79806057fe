/*
 * TCP: does the target accept a connection? Nothing is sent; the connection is reset as soon as it
 * stands. connect() reports at once or by the socket becoming writable, then SO_ERROR has the rest.
 *
 * A connection to a port of this machine on which nobody listens can meet itself: when the kernel
 * happens to pick the very port as the local one, both ends are one socket (a simultaneous open)
 * and connect() succeeds. So the local address is compared with the target's.
 */
#include "health/check.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct tcp_run {
	struct check_run run; /* first: the two are cast into each other */
	struct event event;
	int fd;
	uint64_t started_ns;
	struct hostport target;
};

static bool met_itself(int fd, const struct hostport *target)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof ss;
	struct hostport local;

	if (getsockname(fd, (struct sockaddr *)&ss, &size) < 0 ||
		hostport_from_sockaddr((const struct sockaddr *)&ss, &local) < 0)
		return false;
	return local.port == target->port && addr_equal(&local.addr, &target->addr);
}

/* connect() has ended with `error`, or 0. */
static void connect_outcome(const struct tcp_run *t, int error, struct check_outcome *o)
{
	if (error == 0 && met_itself(t->fd, &t->target))
		error = ECONNREFUSED;
	if (error != 0) {
		(void)check_outcome_errno(o, "connect", error);
		return;
	}
	(void)snprintf(o->reason, sizeof o->reason, "connected");
	o->result = CHECK_PASSED;
	o->latency_us = (uint32_t)((clock_mono_ns() - t->started_ns) / 1000);
}

static void tcp_free(struct tcp_run *t)
{
	if (event_initialized(&t->event))
		(void)event_del(&t->event);
	if (t->fd >= 0)
		(void)close(t->fd);
	free(t);
}

static void connected(evutil_socket_t fd, short what, void *arg)
{
	struct tcp_run *t = arg;
	struct checks *c = t->run.checks;
	uint32_t tag = t->run.tag;
	struct check_outcome outcome = {0};
	int error = 0;
	socklen_t size = sizeof error;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	connect_outcome(t, error, &outcome);
	tcp_free(t);
	check_report(c, tag, &outcome);
}

static enum check_result tcp_start(void *shared, struct event_base *base,
	const struct conf_check *check, const struct hostport *target, struct check_run **run,
	struct check_outcome *outcome)
{
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(target, &ss);
	struct tcp_run *t = calloc(1, sizeof *t);
	int error;

	(void)shared;
	(void)check;
	if (t == NULL)
		return check_outcome_errno(outcome, "probe", ENOMEM);
	t->target = *target;
	t->started_ns = clock_mono_ns();
	t->fd = check_socket(ss.ss_family, SOCK_STREAM, 0);
	if (t->fd < 0) {
		(void)check_outcome_errno(outcome, "socket", errno);
		goto over;
	}
	error = connect(t->fd, (const struct sockaddr *)&ss, size) < 0 ? errno : 0;
	if (error == EINPROGRESS || error == EINTR) { /* interrupted: it goes on all the same */
		if (event_assign(&t->event, base, t->fd, EV_WRITE, connected, t) == 0 &&
			event_add(&t->event, NULL) == 0) {
			*run = &t->run;
			return CHECK_RUNNING;
		}
		(void)check_outcome_errno(outcome, "probe", ENOMEM);
		goto over;
	}
	connect_outcome(t, error, outcome);
over:
	tcp_free(t);
	return outcome->result;
}

static const char *tcp_cancel(struct check_run *run)
{
	tcp_free((struct tcp_run *)run);
	return "connect";
}

const struct check_type check_tcp = {.start = tcp_start, .cancel = tcp_cancel};
