/*
 * For tests of the balancer: one worker on a private board, driven step by step in the test's own
 * thread, with real TCP sockets on loopback before and behind it.
 *
 * The endpoints are 127.0.0.2, 127.0.0.3, …, all on one free port, in failover order: the first one
 * that serves is picked. Endpoint 0 also has ::1 when `dual` is set.
 */
#ifndef TESTS_UNIT_BALANCER_DESK_H
#define TESTS_UNIT_BALANCER_DESK_H

#include "balancer/worker.h"
#include "base/clock.h"
#include "geo/geo.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define DESK_ENDPOINTS 3u
#define DESK_SLOT      5u /* board slots start here, so that indexes and slots differ */
#define DESK_PROBE     70u
#define DESK_TARGET    90u

struct desk {
	struct conf conf;
	struct conf_pool pool;
	struct conf_check check;
	struct conf_endpoint endpoint[DESK_ENDPOINTS];
	struct conf_balancer listener;
	struct generation generation;
	uint32_t endpoint_slot[DESK_ENDPOINTS], listener_slot[1];
	uint32_t endpoint_probe[DESK_ENDPOINTS][2];
	struct probe probe[DESK_ENDPOINTS * 2];
	struct balancer_target target[DESK_ENDPOINTS * 2];
	uint32_t listener_target[DESK_ENDPOINTS][2], (*listener_targets[2])[2];
	struct board board;
	struct start_socket socket;
	struct role_start start;
	struct hostport front;      /* where clients connect */
	int behind[DESK_ENDPOINTS]; /* listening sockets of the endpoints, -1: refuses */
	struct balancer *balancer;
	struct admission *admission;
	struct worker worker;
};

/* A listening socket; `at->port` 0 finds a free one. -1 when the port is taken. */
static inline int desk_listen(struct hostport *at)
{
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(at, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (bind(fd, (struct sockaddr *)&ss, size) < 0 || listen(fd, 128) < 0) {
		(void)close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &size), 0);
	assert_int_equal(hostport_from_sockaddr((struct sockaddr *)&ss, at), 0);
	return fd;
}

/* Sockets for all endpoints on one port that is free on each of their addresses. */
static inline void desk_listen_behind(struct desk *d)
{
	for (unsigned tries = 0; tries < 100; tries++) {
		struct hostport at = {.port = 0};
		unsigned i;

		for (i = 0; i < DESK_ENDPOINTS; i++) {
			at.addr = d->endpoint[i].address[0];
			d->behind[i] = desk_listen(&at);
			if (d->behind[i] < 0)
				break;
		}
		d->listener.port = at.port;
		if (i == DESK_ENDPOINTS)
			return;
		while (i-- > 0)
			(void)close(d->behind[i]);
	}
	fail_msg("no port is free on all of the endpoints' addresses");
}

static inline void desk_configure(struct desk *d)
{
	static const char *const names[DESK_ENDPOINTS] = {"one", "two", "three"};

	d->check = (struct conf_check){.name = "home",
		.kind = CHECK_TCP,
		.port = 1,
		.interval_ms = 5000,
		.timeout_ms = 1000,
		.fall = 2,
		.rise = 3};
	d->pool = (struct conf_pool){.name = "web",
		.check = 0,
		.steps = {STEER_FAILOVER},
		.step_count = 1,
		.answers = 1,
		.ttl_s = 30,
		.ttl_min_s = 15,
		.min_serving = 1,
		.unknown_serves = true,
		.when_all_down = ALL_DOWN_SERVE_ALL,
		.fallback_pool = CONF_NONE,
		.endpoint_count = DESK_ENDPOINTS};
	for (unsigned i = 0; i < DESK_ENDPOINTS; i++) {
		d->endpoint[i] = (struct conf_endpoint){.name = names[i],
			.region = CONF_NONE,
			.weight = 1,
			.tier = (uint16_t)(i + 1)};
		d->endpoint[i].address[0] =
			(struct addr){FAMILY_IPV4, {127, 0, 0, (uint8_t)(2 + i)}};
		d->endpoint_slot[i] = DESK_SLOT + i;
		for (unsigned family = 0; family < 2; family++) {
			d->probe[i * 2 + family].slot = DESK_PROBE + i * 2 + family;
			d->endpoint_probe[i][family] = i * 2 + family;
			d->target[i * 2 + family].slot = DESK_TARGET + i * 2 + family;
			d->listener_target[i][family] = i * 2 + family + 1;
		}
	}
	d->listener = (struct conf_balancer){.name = "front",
		.connect_timeout_ms = 5000,
		.retries = CONF_RETRIES_ALL,
		.idle_timeout_ms = 60000,
		.drain_timeout_ms = 60000,
		.max_connections = 100};
	d->conf = (struct conf){.pools = &d->pool,
		.pool_count = 1,
		.checks = &d->check,
		.check_count = 1,
		.endpoints = d->endpoint,
		.endpoint_count = DESK_ENDPOINTS,
		.balancers = &d->listener,
		.balancer_count = 1,
		.workers = 1};
	d->listener_slot[0] = DESK_SLOT;
	d->generation = (struct generation){.number = 1,
		.conf = &d->conf,
		.endpoint_slot = d->endpoint_slot,
		.endpoint_probe = d->endpoint_probe,
		.probes = d->probe,
		.probe_count = DESK_ENDPOINTS * 2,
		.listener_slot = d->listener_slot,
		.targets = d->target,
		.target_count = DESK_ENDPOINTS * 2,
		.listener_target = d->listener_targets};
	d->listener_targets[0] = d->listener_targets[1] = d->listener_target; /* one port */
}

/* Configuration, board and sockets; change `d->listener`, `d->pool` … before desk_open(). */
static inline struct desk *desk_new(void)
{
	struct desk *d = calloc(1, sizeof *d);
	struct err e;

	assert_non_null(d);
	desk_configure(d);
	desk_listen_behind(d);
	assert_int_equal(board_create_private(&d->board, &e), 0);
	d->board.self = ROLE_BALANCER;
	d->front.addr = (struct addr){FAMILY_IPV4, {127, 0, 0, 1}};
	d->socket.fd = desk_listen(&d->front);
	assert_true(d->socket.fd >= 0);
	d->start = (struct role_start){.role = ROLE_BALANCER,
		.generation = &d->generation,
		.board = &d->board,
		.link = -1,
		.tcp = &d->socket,
		.tcp_count = 1,
		.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
		.first_row = 3,
		.row_count = 1};
	return d;
}

static inline void desk_open(struct desk *d)
{
	struct geo_table *table;
	struct err e;

	d->balancer = aligned_alloc(_Alignof(struct balancer), sizeof *d->balancer);
	d->admission = aligned_alloc(
		_Alignof(struct admission), d->conf.balancer_count * sizeof *d->admission);
	assert_true(d->balancer != NULL && d->admission != NULL);
	memset(d->balancer, 0, sizeof *d->balancer);
	memset(d->admission, 0, d->conf.balancer_count * sizeof *d->admission);
	for (size_t i = 0; i < d->conf.balancer_count; i++)
		d->admission[i].max = d->listener.max_connections;
	d->balancer->start = &d->start;
	d->balancer->generation = &d->generation;
	d->balancer->conf = &d->conf;
	d->balancer->board = &d->board;
	d->balancer->admission = d->admission;
	d->balancer->workers = &d->worker;
	d->balancer->worker_count = 1;
	d->balancer->done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(steer_compile(&d->conf, &d->balancer->steering, &e), 0);
	assert_int_equal(
		cursors_open(&d->balancer->cursors, d->balancer->steering->cursor_count, true), 0);
	assert_int_equal(geo_build(&d->conf, NULL, 0, &table, NULL, &e), 0);
	atomic_store(&d->balancer->geo, table);
	assert_int_equal(worker_open(&d->worker, d->balancer, 0, 8, &e), 0);
	worker_start(&d->worker);
	atomic_store(&d->balancer->order, ORDER_SERVE);
	worker_wake(&d->worker);
}

static inline void desk_close(struct desk *d)
{
	worker_close(&d->worker);
	cursors_close(&d->balancer->cursors);
	steer_free(d->balancer->steering);
	geo_free(atomic_load(&d->balancer->geo));
	(void)close(d->balancer->done);
	(void)close(d->start.wake);
	for (unsigned i = 0; i < DESK_ENDPOINTS; i++)
		if (d->behind[i] >= 0)
			(void)close(d->behind[i]);
	board_destroy(&d->board);
	free(d->admission);
	free(d->balancer);
	free(d);
}

/* Let the worker do what is to be done, at most 10 ms. */
static inline void desk_turn(struct desk *d)
{
	worker_turn(&d->worker, 10);
}

/* The same without waiting for anything. */
static inline void desk_look(struct desk *d)
{
	worker_turn(&d->worker, 0);
}

#define DESK_UNTIL(d, condition)                                                                   \
	while (!(condition))                                                                       \
	desk_turn(d)

static inline uint64_t desk_counter(const struct desk *d, enum balancer_counter c)
{
	return atomic_load(&d->worker.row->counter[c]);
}

static inline uint32_t desk_active(const struct desk *d, unsigned endpoint)
{
	return atomic_load(&d->worker.row->active[d->endpoint_slot[endpoint]]);
}

/* The board says of an endpoint's IPv4 address. */
static inline void desk_verdict(struct desk *d, unsigned endpoint, enum verdict verdict)
{
	atomic_store(
		&d->board.health->probe[DESK_PROBE + endpoint * 2].word, VERDICT_WORD(verdict, 0));
	atomic_fetch_add(&d->board.health->epoch, 1);
	DESK_UNTIL(d, clock_mono_ms() > d->worker.view->built_ms + 1);
}

/* A client's socket, connected to the listener (whether or not anybody has accepted it). */
static inline int desk_client(const struct desk *d)
{
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(&d->front, &ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, size), 0);
	return fd;
}

/* The other end of a connection: what endpoint `i` accepts. */
static inline int desk_accept(struct desk *d, unsigned i)
{
	int fd;

	DESK_UNTIL(d, (fd = accept4(d->behind[i], NULL, NULL, SOCK_CLOEXEC)) >= 0);
	return fd;
}

static inline void desk_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Wait for exactly this text. */
static inline void desk_expect(struct desk *d, int fd, const char *text)
{
	char got[256] = "";
	size_t length = 0, want = strlen(text);

	assert_true(want < sizeof got);
	while (length < want) {
		ssize_t n = recv(fd, got + length, want - length, MSG_DONTWAIT);

		if (n > 0)
			length += (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			fail_msg("'%s' and then %s instead of '%s'", got,
				n == 0 ? "end of file" : strerror(errno), text);
		else
			desk_turn(d);
	}
	assert_string_equal(got, text);
}

/* Wait for the end: 0 for end of file, else errno. Data before it is an error. */
static inline int desk_end(struct desk *d, int fd)
{
	char octet;
	ssize_t n;

	DESK_UNTIL(d, (n = recv(fd, &octet, 1, MSG_DONTWAIT)) >= 0 || errno != EAGAIN);
	assert_true(n <= 0);
	return n == 0 ? 0 : errno;
}

static inline void desk_reset(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
	(void)close(fd);
}

#endif
