/* For tests of checks: listeners on free loopback ports, and a loop that runs one probe at a time or several. */
#ifndef TESTS_UNIT_LOOPBACK_H
#define TESTS_UNIT_LOOPBACK_H

#include "health/check.h"
#include "tests/unit/test.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

/* A bound socket on a free port of 127.0.0.1 or ::1; listening when backlog >= 0. -1 when the machine has no such
 * address. */
static inline int loopback_socket(enum family family, int backlog, struct hostport *at)
{
	struct sockaddr_storage ss;
	socklen_t size;
	int fd;

	*at = (struct hostport){.port = 0};
	assert_int_equal(addr_parse(family == FAMILY_IPV6 ? "::1" : "127.0.0.1", &at->addr), 0);
	size = hostport_to_sockaddr(at, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, size) < 0) {
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &size), 0);
	assert_int_equal(hostport_from_sockaddr((struct sockaddr *)&ss, at), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

#define PROBES_MAX 16u

struct loop {
	struct event_base *base;
	struct checks *checks;
	struct check_run *run[PROBES_MAX];
	struct check_outcome outcome[PROBES_MAX]; /* CHECK_RUNNING until it is over */
};

static inline void loop_done(void *owner, uint32_t tag, const struct check_outcome *outcome)
{
	struct loop *l = owner;

	assert_true(tag < PROBES_MAX);
	assert_int_equal(l->outcome[tag].result, CHECK_RUNNING); /* reported once */
	assert_int_not_equal(outcome->result, CHECK_RUNNING);
	l->outcome[tag] = *outcome;
}

static inline void loop_open(struct loop *l)
{
	struct err e;

	*l = (struct loop){.base = event_base_new()};
	assert_non_null(l->base);
	assert_int_equal(checks_open(&l->checks, l->base, loop_done, l, &e), 0);
}

static inline void loop_close(struct loop *l)
{
	checks_close(l->checks);
	event_base_free(l->base);
}

/* Start a probe; it may be over at once. */
static inline void loop_start(
	struct loop *l, uint32_t tag, const struct conf_check *check, const struct hostport *target)
{
	struct check_outcome now;
	enum check_result result = check_start(l->checks, check, target, tag, &l->run[tag], &now);

	l->outcome[tag] = (struct check_outcome){.result = CHECK_RUNNING};
	if (result != CHECK_RUNNING) {
		assert_int_equal(now.result, result);
		l->outcome[tag] = now;
	}
}

static inline void loop_turn(struct loop *l)
{
	const struct timeval at_most = {.tv_usec = 10000};

	(void)event_base_loopexit(l->base, &at_most);
	(void)event_base_loop(l->base, EVLOOP_ONCE);
}

/* The outcome of probe `tag`, once it is there. */
static inline const struct check_outcome *loop_wait(struct loop *l, uint32_t tag)
{
	while (l->outcome[tag].result == CHECK_RUNNING)
		loop_turn(l);
	return &l->outcome[tag];
}

#endif
