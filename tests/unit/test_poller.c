#include "tests/unit/test.h"

#include "balancer/poller.h"

#include <sys/socket.h>
#include <unistd.h>

/* One watched end of a socket pair, with what its edges said. */
struct watched {
	struct poller *poller;
	int fd, peer;
	unsigned edges, readable, writable;
	struct watched *forget; /* its first edge makes the poller forget that one */
	bool again;             /* … and ask for another */
};

static void on_edge(void *owner, bool readable, bool writable)
{
	struct watched *w = owner;

	w->edges++;
	w->readable += readable;
	w->writable += writable;
	if (w->forget != NULL)
		poller_forget(w->poller, w->forget);
	if (w->again)
		poller_again(w->poller, w->fd, w);
}

static void watch(struct watched *w, struct poller *p)
{
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	*w = (struct watched){.poller = p, .fd = pair[0], .peer = pair[1]};
	assert_int_equal(poller_add(p, w->fd, w), 0);
}

static void look(struct event_base *base)
{
	(void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void an_edge_comes_once_and_says_what_is_ready(void **state)
{
	struct event_base *base = event_base_new();
	struct poller poller;
	struct watched w;

	(void)state;
	assert_int_equal(poller_open(&poller, base, on_edge), 0);
	watch(&w, &poller);
	look(base);
	assert_int_equal(w.edges, 1); /* writable from the start */
	assert_int_equal(w.readable, 0);
	assert_int_equal(w.writable, 1);
	look(base);
	assert_int_equal(w.edges, 1);
	assert_int_equal(write(w.peer, "x", 1), 1);
	look(base);
	assert_int_equal(w.edges, 2);
	assert_int_equal(w.readable, 1);
	look(base); /* unread, and yet no new edge … */
	assert_int_equal(w.edges, 2);
	poller_again(&poller, w.fd, &w); /* … but on demand */
	look(base);
	assert_int_equal(w.edges, 3);
	assert_int_equal(w.readable, 2);
	(void)close(w.peer); /* a hang-up is both */
	look(base);
	assert_int_equal(w.edges, 4);
	assert_int_equal(w.readable, 3);
	assert_int_equal(w.writable, 4);
	(void)close(w.fd);
	poller_close(&poller);
	event_base_free(base);
}

static void a_forgotten_owner_gets_no_edge_of_the_same_batch(void **state)
{
	struct event_base *base = event_base_new();
	struct poller poller;
	struct watched w[2];

	(void)state;
	assert_int_equal(poller_open(&poller, base, on_edge), 0);
	watch(&w[0], &poller);
	watch(&w[1], &poller);
	/* Whichever comes first takes the other's edge away. */
	w[0].forget = &w[1];
	w[1].forget = &w[0];
	look(base);
	assert_int_equal(w[0].edges + w[1].edges, 1);
	for (unsigned i = 0; i < 2; i++) {
		(void)close(w[i].fd);
		(void)close(w[i].peer);
	}
	poller_close(&poller);
	event_base_free(base);
}

static void one_that_always_asks_for_more_does_not_keep_the_others_out(void **state)
{
	enum { MANY = 3 * POLLER_BATCH };
	static struct watched w[MANY];
	struct event_base *base = event_base_new();
	struct poller poller;

	(void)state;
	assert_int_equal(poller_open(&poller, base, on_edge), 0);
	for (unsigned i = 0; i < MANY; i++) {
		watch(&w[i], &poller);
		w[i].again = i < POLLER_BATCH; /* a whole batch of them */
	}
	for (unsigned i = 0; i < 2 * MANY / POLLER_BATCH; i++)
		look(base);
	for (unsigned i = 0; i < MANY; i++) {
		assert_true(w[i].edges > 0);
		(void)close(w[i].fd);
		(void)close(w[i].peer);
	}
	poller_close(&poller);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_edge_comes_once_and_says_what_is_ready),
		cmocka_unit_test(a_forgotten_owner_gets_no_edge_of_the_same_batch),
		cmocka_unit_test(one_that_always_asks_for_more_does_not_keep_the_others_out),
	};

	TEST_MAIN(tests);
}
