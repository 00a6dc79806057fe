#include "health/connecting.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int probe_socket(int family)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	return fd;
}

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

uint32_t connecting_latency_us(const struct connecting *c)
{
	return (uint32_t)((clock_mono_ns() - c->started_ns) / 1000);
}

static enum check_result connected(const struct connecting *c, struct check_outcome *o)
{
	if (met_itself(c->fd, &c->target))
		return check_outcome_later(o, "connect", ECONNREFUSED);
	(void)snprintf(o->reason, sizeof o->reason, "connected");
	o->latency_us = connecting_latency_us(c);
	o->result = CHECK_PASSED;
	return o->result;
}

static void came(evutil_socket_t fd, short what, void *arg)
{
	struct connecting *c = arg;
	struct check_outcome outcome = {0};
	int error = 0, local;
	socklen_t size = sizeof error;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	/* the route may have gone while the connection was under way */
	local = error != 0 && error != ECONNREFUSED ? connecting_route(&c->target) : 0;
	if (error == 0)
		(void)connected(c, &outcome);
	else if (local != 0)
		(void)check_outcome_call(&outcome, "connect", local);
	else
		(void)check_outcome_later(&outcome, "connect", error);
	c->done(c, &outcome);
}

enum check_result connecting_start(struct connecting *c, struct event_base *base,
	const struct hostport *target, void (*done)(struct connecting *c, struct check_outcome *o),
	struct check_outcome *o)
{
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(target, &ss);

	*c = (struct connecting){.target = *target, .started_ns = clock_mono_ns(), .done = done};
	c->fd = probe_socket(ss.ss_family);
	if (c->fd < 0)
		return check_outcome_call(o, "socket", errno);
	if (connect(c->fd, (const struct sockaddr *)&ss, size) == 0)
		return connected(c, o);
	if (errno != EINPROGRESS && errno != EINTR) /* interrupted: it goes on all the same */
		return check_outcome_call(o, "connect", errno);
	c->event = event_new(base, c->fd, EV_WRITE, came, c);
	if (c->event == NULL || event_add(c->event, NULL) < 0)
		return check_outcome_call(o, "probe", ENOMEM);
	return CHECK_RUNNING;
}

int connecting_take(struct connecting *c)
{
	int fd = c->fd;

	c->fd = -1;
	return fd;
}

void connecting_end(struct connecting *c)
{
	if (c->event != NULL)
		event_free(c->event);
	c->event = NULL;
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

int connecting_route(const struct hostport *target)
{
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(target, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)&ss, size) < 0)
		error = errno;
	(void)close(fd);
	return error;
}
