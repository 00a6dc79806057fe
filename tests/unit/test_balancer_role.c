/* The role's life from outside: the link, real sockets, two workers; in threads, so that TSan sees it. */
#include "tests/unit/balancer_desk.h"

#include "balancer/role.h"
#include "base/link.h"

#include <fcntl.h>
#include <pthread.h>

#define WORKERS 2u

struct life {
	struct desk *desk; /* its worker is not used */
	struct start_socket sockets[WORKERS];
	int link;
	pthread_t thread;
};

static void *run(void *arg)
{
	const struct role_start *start = arg;

	return balancer_role(start) == 0 ? arg : NULL;
}

static void begin(struct life *l)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	l->link = pair[0];
	l->desk->start.link = pair[1];
	for (uint16_t i = 0; i < WORKERS; i++) {
		/* The role closes its descriptors; a successor would have others. */
		l->sockets[i] = (struct start_socket){.fd = dup(l->desk->socket.fd), .worker = i};
		assert_true(l->sockets[i].fd >= 0);
	}
	l->desk->start.tcp = l->sockets;
	l->desk->start.tcp_count = WORKERS;
	l->desk->start.row_count = WORKERS;
	assert_int_equal(pthread_create(&l->thread, NULL, run, &l->desk->start), 0);
}

static void order(const struct life *l, enum link_type type)
{
	assert_int_equal(link_send(l->link, type, 0, NULL), 0);
}

static void await(const struct life *l, enum link_type type)
{
	static struct link_message message;
	struct pollfd fd = {.fd = l->link, .events = POLLIN};

	assert_int_equal(poll(&fd, 1, -1), 1);
	assert_int_equal(link_receive(l->link, &message), 1);
	assert_string_equal(message.text, "");
	assert_int_equal(message.type, type);
}

/* The role has returned, with exit code 0. */
static void join(const struct life *l)
{
	void *result;

	assert_int_equal(pthread_join(l->thread, &result), 0);
	assert_non_null(result);
	(void)close(l->desk->start.link);
}

static void finish(struct life *l)
{
	struct desk *d = l->desk;

	for (unsigned w = 0; w < WORKERS; w++) {
		const struct board_balancer_row *row =
			&d->board.balancer->row[d->start.first_row + w];

		for (unsigned i = 0; i < DESK_ENDPOINTS; i++)
			assert_int_equal(atomic_load(&row->active[d->endpoint_slot[i]]), 0);
		assert_int_equal(atomic_load(&row->listener_active[DESK_SLOT]), 0);
	}
	if (l->link >= 0)
		(void)close(l->link);
	for (unsigned i = 0; i < DESK_ENDPOINTS; i++)
		(void)close(d->behind[i]);
	(void)close(d->socket.fd);
	(void)close(d->start.wake);
	board_destroy(&d->board);
	free(d);
}

static uint64_t sum(const struct life *l, enum balancer_counter c)
{
	const struct desk *d = l->desk;
	uint64_t n = 0;

	for (unsigned w = 0; w < WORKERS; w++)
		n += atomic_load(&d->board.balancer->row[d->start.first_row + w].counter[c]);
	return n;
}

/* Blocking counterparts of the desk's: the role has threads of its own. */
static int accept_behind(const struct life *l)
{
	struct pollfd fd = {.fd = l->desk->behind[0], .events = POLLIN};

	assert_int_equal(poll(&fd, 1, -1), 1);
	return accept4(l->desk->behind[0], NULL, NULL, SOCK_CLOEXEC);
}

static void expect(int fd, const char *text)
{
	char got[256] = "";

	assert_int_equal(recv(fd, got, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static int end_of(int fd)
{
	char octet;
	ssize_t n = recv(fd, &octet, 1, 0);

	assert_true(n <= 0);
	return n == 0 ? 0 : errno;
}

static void nothing_is_accepted_before_go(void **state)
{
	struct life l = {.desk = desk_new()};
	int client, endpoint;

	(void)state;
	begin(&l);
	await(&l, LINK_READY);
	client = desk_client(l.desk);
	desk_send(client, "early");
	assert_int_equal(sum(&l, BALANCER_ACCEPTED), 0);
	order(&l, LINK_GO);
	endpoint = accept_behind(&l);
	expect(endpoint, "early");
	(void)close(client);
	assert_int_equal(end_of(endpoint), 0);
	(void)close(endpoint);
	order(&l, LINK_STOP);
	await(&l, LINK_STOPPED);
	join(&l);
	assert_int_equal(sum(&l, BALANCER_ACCEPTED), 1);
	assert_int_equal(sum(&l, BALANCER_COMPLETED), 1);
	finish(&l);
}

static void stop_before_go_accepts_nothing(void **state)
{
	struct life l = {.desk = desk_new()};
	int client;

	(void)state;
	begin(&l);
	await(&l, LINK_READY);
	client = desk_client(l.desk);
	order(&l, LINK_STOP);
	await(&l, LINK_STOPPED);
	join(&l);
	assert_int_equal(sum(&l, BALANCER_ACCEPTED), 0);
	/* The connection still waits for whoever serves the socket next. */
	assert_true(accept4(l.desk->socket.fd, NULL, NULL, SOCK_CLOEXEC) >= 0);
	(void)close(client);
	finish(&l);
}

static void many_connections_over_all_workers_are_exact(void **state)
{
	enum { MANY = 200 };
	struct life l = {.desk = desk_new()};
	int client[MANY], endpoint[MANY];

	(void)state;
	l.desk->listener.max_connections = MANY;
	begin(&l);
	await(&l, LINK_READY);
	order(&l, LINK_GO);
	for (unsigned i = 0; i < MANY; i++)
		client[i] = desk_client(l.desk);
	for (unsigned i = 0; i < MANY; i++)
		endpoint[i] = accept_behind(&l);
	for (unsigned i = 0; i < 20; i++) {
		int late = desk_client(l.desk);

		assert_int_equal(end_of(late), ECONNRESET);
		(void)close(late);
	}
	assert_int_equal(sum(&l, BALANCER_REFUSED_LIMIT), 20);
	for (unsigned i = 0; i < MANY; i++) {
		(void)close(client[i]);
		(void)close(endpoint[i]);
	}
	order(&l, LINK_STOP);
	await(&l, LINK_STOPPED);
	join(&l);
	assert_int_equal(sum(&l, BALANCER_ACCEPTED), MANY + 20);
	assert_int_equal(sum(&l, BALANCER_COMPLETED), MANY);
	finish(&l);
}

static void stop_takes_the_backlog_and_lets_connections_go_on(void **state)
{
	struct life l = {.desk = desk_new()};
	int client, endpoint, next;

	(void)state;
	begin(&l);
	await(&l, LINK_READY);
	order(&l, LINK_GO);
	client = desk_client(l.desk);
	endpoint = accept_behind(&l);
	order(&l, LINK_STOP);
	desk_send(client, "still here?");
	expect(endpoint, "still here?");
	/* Once the role has left the socket, connections wait there: nobody takes this one. */
	while (fcntl(l.sockets[0].fd, F_GETFD) >= 0 || fcntl(l.sockets[1].fd, F_GETFD) >= 0)
		(void)poll(NULL, 0, 1);
	next = desk_client(l.desk);
	desk_send(endpoint, "still here");
	expect(client, "still here");
	(void)close(client);
	assert_int_equal(end_of(endpoint), 0);
	(void)close(endpoint);
	await(&l, LINK_STOPPED);
	join(&l);
	assert_int_equal(sum(&l, BALANCER_ACCEPTED), 1);
	assert_int_equal(sum(&l, BALANCER_COMPLETED), 1);
	(void)close(next);
	finish(&l);
}

static void drain_timeout_ends_what_is_left(void **state)
{
	struct life l = {.desk = desk_new()};
	int client, endpoint;

	(void)state;
	l.desk->listener.drain_timeout_ms = 300;
	begin(&l);
	await(&l, LINK_READY);
	order(&l, LINK_GO);
	client = desk_client(l.desk);
	endpoint = accept_behind(&l);
	order(&l, LINK_STOP);
	assert_int_equal(end_of(client), ECONNRESET);
	assert_int_equal(end_of(endpoint), ECONNRESET);
	await(&l, LINK_STOPPED);
	join(&l);
	assert_int_equal(sum(&l, BALANCER_DRAIN_TIMEOUT), 1);
	(void)close(client);
	(void)close(endpoint);
	finish(&l);
}

static void a_second_stop_closes_at_once(void **state)
{
	struct life l = {.desk = desk_new()};
	int client, endpoint;

	(void)state;
	begin(&l);
	await(&l, LINK_READY);
	order(&l, LINK_GO);
	client = desk_client(l.desk);
	endpoint = accept_behind(&l);
	order(&l, LINK_STOP);
	order(&l, LINK_STOP);
	assert_int_equal(end_of(client), ECONNRESET);
	await(&l, LINK_STOPPED);
	join(&l);
	(void)close(client);
	(void)close(endpoint);
	finish(&l);
}

static void an_orphan_ends_by_itself(void **state)
{
	struct life l = {.desk = desk_new()};
	int client, endpoint;

	(void)state;
	begin(&l);
	await(&l, LINK_READY);
	order(&l, LINK_GO);
	client = desk_client(l.desk);
	endpoint = accept_behind(&l);
	(void)close(l.link);
	l.link = -1;
	assert_int_equal(end_of(client), ECONNRESET);
	join(&l);
	assert_int_equal(sum(&l, BALANCER_DRAIN_TIMEOUT), 1);
	(void)close(client);
	(void)close(endpoint);
	finish(&l);
}

static void a_worker_without_a_row_fails_before_ready(void **state)
{
	static struct link_message message;
	struct life l = {.desk = desk_new()};
	struct pollfd fd;
	void *result;

	(void)state;
	l.desk->start.first_row = BOARD_WORKERS_MAX - 1;
	begin(&l);
	fd = (struct pollfd){.fd = l.link, .events = POLLIN};
	assert_int_equal(poll(&fd, 1, -1), 1);
	assert_int_equal(link_receive(l.link, &message), 1);
	assert_int_equal(message.type, LINK_FAILED);
	assert_non_null(strstr(message.text, "row"));
	assert_int_equal(pthread_join(l.thread, &result), 0);
	assert_null(result);
	(void)close(l.desk->start.link);
	l.desk->start.first_row = 0;
	finish(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_accepted_before_go),
		cmocka_unit_test(stop_before_go_accepts_nothing),
		cmocka_unit_test(many_connections_over_all_workers_are_exact),
		cmocka_unit_test(stop_takes_the_backlog_and_lets_connections_go_on),
		cmocka_unit_test(drain_timeout_ends_what_is_left),
		cmocka_unit_test(a_second_stop_closes_at_once),
		cmocka_unit_test(an_orphan_ends_by_itself),
		cmocka_unit_test(a_worker_without_a_row_fails_before_ready),
	};

	TEST_MAIN(tests);
}
