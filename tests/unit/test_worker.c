/* The worker's thread: when it may end. */
#include "tests/unit/balancer_desk.h"

#define LISTENERS 2u

/* Two listeners; the pool of the first one in the worker's list refuses everybody. */
struct pair {
	struct desk *desk;
	struct conf_pool pools[2];
	struct conf_balancer listeners[LISTENERS];
	uint32_t slots[LISTENERS];
	struct start_socket sockets[LISTENERS];
	struct hostport refusing;
};

static void configure(struct pair *p)
{
	struct desk *d = p->desk = desk_new();

	p->pools[0] = p->pools[1] = d->pool;
	p->pools[0].endpoint_count = DESK_ENDPOINTS - 1;
	p->pools[1].name = "refusing";
	p->pools[1].first_endpoint = DESK_ENDPOINTS - 1;
	p->pools[1].endpoint_count = 1;
	p->pools[1].unknown_serves = false;
	p->pools[1].when_all_down = ALL_DOWN_REFUSE;
	d->endpoint[DESK_ENDPOINTS - 1].pool = 1;
	p->listeners[0] = p->listeners[1] = d->listener;
	p->listeners[0].drain_timeout_ms = 1;
	p->listeners[1].pool = 1;
	p->slots[0] = DESK_SLOT;
	p->slots[1] = DESK_SLOT + 1;
	d->conf.pools = p->pools;
	d->conf.pool_count = 2;
	d->conf.balancers = p->listeners;
	d->conf.balancer_count = LISTENERS;
	d->generation.listener_slot = p->slots;
	p->refusing.addr = d->front.addr;
	p->sockets[0] = (struct start_socket){.fd = desk_listen(&p->refusing), .index = 1};
	p->sockets[1] = d->socket;
	d->start.tcp = p->sockets;
	d->start.tcp_count = LISTENERS;
}

static bool all_open(const struct worker *w)
{
	for (size_t i = 0; i < w->listener_count; i++) {
		if (w->listeners[i].state != LISTENER_OPEN)
			return false;
	}
	return true;
}

/* As after accept() failed: what comes waits in the backlog. */
static void pause_all(struct worker *w)
{
	for (size_t i = 0; i < w->listener_count; i++) {
		poller_remove(&w->poller, w->listeners[i].fd, &w->listeners[i].watch);
		w->listeners[i].state = LISTENER_PAUSED;
		w->listeners[i].resume_ms = UINT64_MAX;
	}
}

/* The first connection of the backlog ends at once and leaves none for a moment; the second one is
 * accepted after it and must have its drain_timeout. */
static void a_connection_that_ends_while_the_backlog_is_taken_does_not_end_the_worker(void **state)
{
	struct sockaddr_storage ss;
	struct pair p = {.desk = NULL};
	struct desk *d;
	socklen_t size;
	int refused, client;

	(void)state;
	configure(&p);
	desk_open(p.desk);
	d = p.desk;
	DESK_UNTIL(d, all_open(&d->worker));
	pause_all(&d->worker);
	size = hostport_to_sockaddr(&p.refusing, &ss);
	refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(refused, (struct sockaddr *)&ss, size), 0);
	client = desk_client(d);
	atomic_store(&d->balancer->order, ORDER_DRAIN);
	(void)worker_run(&d->worker);
	assert_int_equal(desk_counter(d, BALANCER_ACCEPTED), 2);
	assert_int_equal(desk_counter(d, BALANCER_REFUSED_NO_ENDPOINT), 1);
	assert_int_equal(desk_counter(d, BALANCER_DRAIN_TIMEOUT), 1);
	assert_int_equal(d->worker.active, 0);
	(void)close(refused);
	(void)close(client);
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_connection_that_ends_while_the_backlog_is_taken_does_not_end_the_worker),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
