#include "tests/unit/test.h"

#include "balancer/poller.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* One watched end of a connection, with what its edges said. */
struct watched {
	struct poller_watch watch;
	struct poller *poller;
	int fd, peer;
	unsigned edges, readable, writable;
	bool failed, ended, urgent;
	struct watched *forget; /* its first edge makes the poller forget that one */
	bool again;             /* … and ask for another */
};

static void on_edge(struct poller_watch *watch, uint32_t events)
{
	struct watched *w = (struct watched *)watch;

	w->edges++;
	w->readable += edge_readable(events);
	w->writable += edge_writable(events);
	w->failed = edge_failed(events);
	w->ended = edge_ended(events);
	w->urgent = edge_urgent(events);
	if (w->forget != NULL)
		poller_forget(w->poller, &w->forget->watch);
	if (w->again)
		poller_again(w->poller, w->fd, &w->watch);
}

/* Two ends of a TCP connection. */
static void tcp_pair(int pair[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &length), 0);
	pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(pair[1], (struct sockaddr *)&at, length), 0);
	pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(pair[0] >= 0);
	(void)close(listener);
}

static void watch(struct watched *w, struct poller *p, enum poller_mode mode)
{
	int pair[2];

	tcp_pair(pair);
	*w = (struct watched){
		.watch.callback = on_edge, .poller = p, .fd = pair[0], .peer = pair[1]};
	assert_int_equal(poller_add(p, w->fd, &w->watch, mode), 0);
}

static void unwatch(struct watched *w)
{
	(void)close(w->fd);
	(void)close(w->peer);
}

static void look(struct poller *p)
{
	poller_wait(p, 0);
	poller_dispatch(p);
}

static void an_edge_comes_once_and_says_what_is_ready(void **state)
{
	struct poller p;
	struct watched w;

	(void)state;
	assert_int_equal(poller_open(&p), 0);
	watch(&w, &p, POLLER_BOTH);
	look(&p);
	assert_int_equal(w.edges, 1); /* writable from the start */
	assert_int_equal(w.readable, 0);
	assert_int_equal(w.writable, 1);
	look(&p);
	assert_int_equal(w.edges, 1);
	assert_int_equal(write(w.peer, "x", 1), 1);
	look(&p);
	assert_int_equal(w.edges, 2);
	assert_int_equal(w.readable, 1);
	assert_false(w.ended);
	look(&p); /* unread, and yet no new edge … */
	assert_int_equal(w.edges, 2);
	poller_again(&p, w.fd, &w.watch); /* … but on demand */
	look(&p);
	assert_int_equal(w.edges, 3);
	assert_int_equal(w.readable, 2);
	unwatch(&w);
	poller_close(&p);
}

static void a_reader_hears_of_writing_only_on_demand(void **state)
{
	struct poller p;
	struct watched w;

	(void)state;
	assert_int_equal(poller_open(&p), 0);
	watch(&w, &p, POLLER_READ);
	look(&p);
	assert_int_equal(w.edges, 0);
	assert_int_equal(write(w.peer, "x", 1), 1);
	look(&p);
	assert_int_equal(w.readable, 1);
	assert_int_equal(w.writable, 0);
	poller_again(&p, w.fd, &w.watch);
	look(&p);
	assert_int_equal(w.writable, 1);
	unwatch(&w);
	poller_close(&p);
}

static void an_end_of_file_is_told_behind_data_and_a_reset_is_none(void **state)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct poller p;
	struct watched w;

	(void)state;
	assert_int_equal(poller_open(&p), 0);
	watch(&w, &p, POLLER_READ);
	assert_int_equal(write(w.peer, "x", 1), 1);
	assert_int_equal(shutdown(w.peer, SHUT_WR), 0);
	look(&p);
	assert_true(w.ended);
	assert_false(w.failed);
	unwatch(&w);
	watch(&w, &p, POLLER_READ);
	assert_int_equal(write(w.peer, "x", 1), 1);
	assert_int_equal(setsockopt(w.peer, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
	(void)close(w.peer);
	look(&p);
	assert_int_equal(w.readable, 1);
	assert_int_equal(w.writable, 1);
	assert_true(w.failed);
	assert_false(w.ended);
	(void)close(w.fd);
	poller_close(&p);
}

static void urgent_data_is_told(void **state)
{
	struct poller p;
	struct watched w;

	(void)state;
	assert_int_equal(poller_open(&p), 0);
	watch(&w, &p, POLLER_READ);
	assert_int_equal(send(w.peer, "ab", 2, MSG_OOB), 2);
	look(&p);
	assert_true(w.urgent);
	unwatch(&w);
	poller_close(&p);
}

static void a_level_is_told_until_it_is_removed(void **state)
{
	struct poller p;
	struct watched w;

	(void)state;
	assert_int_equal(poller_open(&p), 0);
	watch(&w, &p, POLLER_LEVEL);
	assert_int_equal(write(w.peer, "x", 1), 1);
	look(&p);
	look(&p);
	assert_int_equal(w.edges, 2);
	poller_wait(&p, 0);
	poller_remove(&p, w.fd, &w.watch); /* out of the batch, too */
	poller_dispatch(&p);
	look(&p);
	assert_int_equal(w.edges, 2);
	unwatch(&w);
	poller_close(&p);
}

static void a_forgotten_watch_gets_no_edge_of_the_same_batch(void **state)
{
	struct poller p;
	struct watched w[2];

	(void)state;
	assert_int_equal(poller_open(&p), 0);
	watch(&w[0], &p, POLLER_BOTH);
	watch(&w[1], &p, POLLER_BOTH);
	/* Whichever comes first takes the other's edge away. */
	w[0].forget = &w[1];
	w[1].forget = &w[0];
	look(&p);
	assert_int_equal(w[0].edges + w[1].edges, 1);
	for (unsigned i = 0; i < 2; i++)
		unwatch(&w[i]);
	poller_close(&p);
}

static void one_that_always_asks_for_more_does_not_keep_the_others_out(void **state)
{
	enum { MANY = 3 * POLLER_BATCH };
	static struct watched w[MANY];
	struct poller p;

	(void)state;
	assert_int_equal(poller_open(&p), 0);
	for (unsigned i = 0; i < MANY; i++) {
		watch(&w[i], &p, POLLER_BOTH);
		w[i].again = i < POLLER_BATCH; /* a whole batch of them */
	}
	for (unsigned i = 0; i < 2 * MANY / POLLER_BATCH; i++)
		look(&p);
	for (unsigned i = 0; i < MANY; i++) {
		assert_true(w[i].edges > 0);
		unwatch(&w[i]);
	}
	poller_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_edge_comes_once_and_says_what_is_ready),
		cmocka_unit_test(a_reader_hears_of_writing_only_on_demand),
		cmocka_unit_test(an_end_of_file_is_told_behind_data_and_a_reset_is_none),
		cmocka_unit_test(urgent_data_is_told),
		cmocka_unit_test(a_level_is_told_until_it_is_removed),
		cmocka_unit_test(a_forgotten_watch_gets_no_edge_of_the_same_batch),
		cmocka_unit_test(one_that_always_asks_for_more_does_not_keep_the_others_out),
	};

	TEST_MAIN(tests);
}
