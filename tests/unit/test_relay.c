#include "tests/unit/balancer_desk.h"

#include "balancer/relay.h"

static void a_small_exchange_passes_and_ends_in_order(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	desk_send(client, "hello");
	desk_expect(d, endpoint, "hello");
	desk_send(endpoint, "good day");
	desk_expect(d, client, "good day");
	assert_int_equal(desk_active(d, 0), 1);
	assert_int_equal(atomic_load(&d->worker.row->listener_active[DESK_SLOT]), 1);
	(void)close(client);
	assert_int_equal(desk_end(d, endpoint), 0);
	(void)close(endpoint);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_ACCEPTED), 1);
	assert_int_equal(desk_counter(d, BALANCER_COMPLETED), 1);
	assert_int_equal(desk_counter(d, BALANCER_RESET), 0);
	assert_int_equal(desk_counter(d, BALANCER_BYTES_IN), strlen("hello"));
	assert_int_equal(desk_counter(d, BALANCER_BYTES_OUT), strlen("good day"));
	assert_int_equal(desk_active(d, 0), 0);
	assert_int_equal(atomic_load(&d->worker.row->listener_active[DESK_SLOT]), 0);
	assert_int_equal(atomic_load(&d->admission->active), 0);
	desk_close(d);
}

static void a_clients_half_close_is_passed_on_and_the_answer_comes_back(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	desk_send(client, "question");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	endpoint = desk_accept(d, 0);
	desk_expect(d, endpoint, "question");
	assert_int_equal(desk_end(d, endpoint), 0);
	desk_send(endpoint, "answer after the end");
	(void)close(endpoint);
	desk_expect(d, client, "answer after the end");
	assert_int_equal(desk_end(d, client), 0);
	(void)close(client);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_COMPLETED), 1);
	desk_close(d);
}

static void an_endpoints_half_close_is_passed_on_and_the_client_goes_on(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	desk_send(endpoint, "banner");
	assert_int_equal(shutdown(endpoint, SHUT_WR), 0);
	desk_expect(d, client, "banner");
	assert_int_equal(desk_end(d, client), 0);
	for (unsigned i = 0; i < 3; i++) {
		desk_send(client, "still talking");
		desk_expect(d, endpoint, "still talking");
	}
	(void)close(client);
	assert_int_equal(desk_end(d, endpoint), 0);
	(void)close(endpoint);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_COMPLETED), 1);
	desk_close(d);
}

/* A read stops short at the mark of urgent data, which itself is not passed on. */
static void urgent_data_does_not_hold_up_what_follows(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	for (unsigned i = 0; i < 3; i++) {
		desk_send(client, "before");
		assert_int_equal(send(client, "!", 1, MSG_OOB), 1);
		desk_send(client, "after");
		desk_expect(d, endpoint, "beforeafter");
	}
	(void)close(client);
	(void)close(endpoint);
	DESK_UNTIL(d, d->worker.active == 0);
	desk_close(d);
}

static void what_is_sent_and_closed_at_once_arrives_whole(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	desk_send(client, "question");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	endpoint = desk_accept(d, 0);
	desk_send(endpoint, "answer"); /* before anybody has read the question */
	(void)shutdown(endpoint, SHUT_WR);
	desk_expect(d, client, "answer");
	assert_int_equal(desk_end(d, client), 0);
	desk_expect(d, endpoint, "question");
	assert_int_equal(desk_end(d, endpoint), 0);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_COMPLETED), 1);
	(void)close(client);
	(void)close(endpoint);
	desk_close(d);
}

/* One end of a transfer: it sends a stream of its own and checks the one it gets. */
struct end {
	int fd;
	struct rng sent, got; /* states of the two streams */
	uint64_t to_send, to_get;
};

static void fill_pattern(struct rng *r, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)rng_next(r);
}

static void end_send(struct end *e, size_t at_most)
{
	uint8_t block[65536];
	struct rng before = e->sent;
	size_t n = e->to_send < sizeof block ? e->to_send : sizeof block;
	ssize_t sent;

	n = n < at_most ? n : at_most;
	if (n == 0)
		return;
	fill_pattern(&e->sent, block, n);
	sent = send(e->fd, block, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	assert_true(sent > 0 || errno == EAGAIN);
	e->sent = before; /* only what was taken counts */
	fill_pattern(&e->sent, block, sent > 0 ? (size_t)sent : 0);
	e->to_send -= sent > 0 ? (uint64_t)sent : 0;
	if (e->to_send == 0)
		assert_int_equal(shutdown(e->fd, SHUT_WR), 0);
}

static void end_get(struct end *e, size_t at_most)
{
	uint8_t block[65536], want[65536];
	ssize_t n =
		recv(e->fd, block, at_most < sizeof block ? at_most : sizeof block, MSG_DONTWAIT);

	assert_true(n >= 0 || errno == EAGAIN);
	if (n <= 0) {
		assert_false(n == 0 && e->to_get > 0);
		return;
	}
	assert_true((uint64_t)n <= e->to_get);
	fill_pattern(&e->got, want, (size_t)n);
	assert_memory_equal(block, want, (size_t)n);
	e->to_get -= (uint64_t)n;
}

static void end_open(struct end *e, int fd, uint64_t seed, uint64_t to_send, uint64_t to_get)
{
	*e = (struct end){.fd = fd, .to_send = to_send, .to_get = to_get};
	rng_seed(&e->sent, seed);
	rng_seed(&e->got, seed ^ 1);
}

static void transfer(
	uint64_t in_bytes, uint64_t out_bytes, size_t send_size, size_t get_size, uint32_t pipes)
{
	struct desk *d = desk_new();
	struct end client, endpoint;

	desk_open(d);
	d->worker.pipes.max = pipes;
	end_open(&client, desk_client(d), 2, in_bytes, out_bytes);
	end_open(&endpoint, desk_accept(d, 0), 3, out_bytes, in_bytes);
	while (client.to_send + client.to_get + endpoint.to_send + endpoint.to_get > 0) {
		end_send(&client, send_size);
		end_send(&endpoint, send_size);
		desk_look(d);
		end_get(&client, get_size);
		end_get(&endpoint, get_size);
	}
	assert_int_equal(desk_end(d, client.fd), 0);
	assert_int_equal(desk_end(d, endpoint.fd), 0);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_COMPLETED), 1);
	assert_int_equal(desk_counter(d, BALANCER_BYTES_IN), in_bytes);
	assert_int_equal(desk_counter(d, BALANCER_BYTES_OUT), out_bytes);
	/* All pipes came back, and empty. */
	assert_int_equal(d->worker.pipes.count,
		d->worker.pipes.free_count[0] + d->worker.pipes.free_count[1]);
	(void)close(client.fd);
	(void)close(endpoint.fd);
	desk_close(d);
}

static void data_arrives_whole_whatever_the_sizes(void **state)
{
	static const struct {
		uint64_t in_bytes, out_bytes;
		size_t send_size, get_size;
		uint32_t pipes;
	} cases[] = {
		{1, 1, 1, 1, 8},
		{100000, 3000, 100, 65536, 8},
		{WORKER_BUFFER, WORKER_BUFFER + 1, 65536, 65536, 8}, /* the buffer's edge */
		{24 << 20, 24 << 20, 65536, 65536, 8}, /* both ways at once, spliced */
		{8 << 20, 8 << 20, 65536, 65536, 0},   /* no pipe to be had: copied */
		{6 << 20, 6 << 20, 65536, 4096, 8},    /* slow readers, spliced */
		{6 << 20, 6 << 20, 65536, 4096, 0},    /* slow readers, copied */
		{12 << 20, 40, 65536, 65536, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		transfer(cases[i].in_bytes, cases[i].out_bytes, cases[i].send_size,
			cases[i].get_size, cases[i].pipes);
}

/* Send until neither the kernel nor the worker takes any more. */
static void stuff(struct desk *d, struct end *e)
{
	uint64_t before = 0;

	while (before != e->to_send) {
		before = e->to_send;
		for (unsigned i = 0; i < 64; i++)
			end_send(e, 65536);
		desk_turn(d);
	}
}

static void a_reader_that_pauses_stops_the_sender_and_loses_nothing(void **state)
{
	const uint64_t size = 64 << 20;
	struct desk *d = desk_new();
	struct end client, endpoint;

	(void)state;
	desk_open(d);
	end_open(&client, desk_client(d), 2, 1, size);
	end_open(&endpoint, desk_accept(d, 0), 3, size, 1);
	end_send(&client, 1);
	stuff(d, &endpoint);
	assert_true(endpoint.to_send > 0); /* it had to stop */
	/* The other way is not blocked by that. */
	DESK_UNTIL(d, (end_get(&endpoint, 1), endpoint.to_get == 0));
	while (client.to_get > 0) {
		end_get(&client, 65536);
		end_send(&endpoint, 65536);
		desk_look(d);
	}
	assert_int_equal(desk_end(d, client.fd), 0);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_COMPLETED), 1);
	(void)close(client.fd);
	(void)close(endpoint.fd);
	desk_close(d);
}

static void a_bulk_flow_lets_the_others_in(void **state)
{
	const uint64_t size = 64 << 20;
	struct desk *d = desk_new();
	struct end client, endpoint;
	int quick, behind;

	(void)state;
	desk_open(d);
	end_open(&client, desk_client(d), 2, 1, size);
	end_open(&endpoint, desk_accept(d, 0), 3, size, 1);
	quick = desk_client(d);
	behind = desk_accept(d, 0);
	stuff(d, &endpoint);
	desk_send(quick, "me too");
	for (;;) { /* both are ready now, and stay ready */
		char got[16];
		uint64_t before = desk_counter(d, BALANCER_BYTES_OUT);

		for (unsigned i = 0; i < 64; i++) {
			end_get(&client, 65536);
			end_send(&endpoint, 65536);
		}
		desk_look(d);
		assert_true(desk_counter(d, BALANCER_BYTES_OUT) - before <=
			    POLLER_BATCH * (uint64_t)(RELAY_TURN + PIPE_LARGE));
		if (recv(behind, got, sizeof got, MSG_DONTWAIT) > 0)
			break;
	}
	assert_true(client.to_get > 0); /* before the bulk was through */
	desk_reset(quick);
	desk_reset(client.fd);
	(void)close(behind);
	(void)close(endpoint.fd);
	DESK_UNTIL(d, d->worker.active == 0);
	desk_close(d);
}

static void a_clients_reset_is_passed_on(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	desk_send(client, "I go");
	desk_expect(d, endpoint, "I go");
	desk_reset(client);
	assert_int_equal(desk_end(d, endpoint), ECONNRESET);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_RESET), 1);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_CLIENT_DATA), 1);
	(void)close(endpoint);
	desk_close(d);
}

static void an_endpoints_reset_is_passed_on_after_its_data(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	desk_send(endpoint, "last words");
	desk_expect(d, client, "last words");
	desk_reset(endpoint);
	assert_int_equal(desk_end(d, client), ECONNRESET);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_ENDPOINT_DATA), 1);
	(void)close(client);
	desk_close(d);
}

static void a_reset_after_a_half_close_counts_as_the_last_phase(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_int_equal(desk_end(d, endpoint), 0);
	desk_reset(endpoint);
	assert_int_equal(desk_end(d, client), ECONNRESET);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_ENDPOINT_LAST), 1);
	(void)close(client);
	desk_close(d);
}

/* A reset found by writing, not by reading, must not look like an end of file to the other side. */
/* Nothing is read from the client any more and nothing is sent to it: only its reset itself can tell. */
static void a_silent_connection_does_not_outlive_a_clients_reset_after_its_half_close(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	desk_send(client, "question");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	desk_expect(d, endpoint, "question");
	assert_int_equal(desk_end(d, endpoint), 0);
	assert_int_equal(d->worker.active, 1);
	desk_reset(client);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_IDLE_TIMEOUT), 0);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_CLIENT_LAST), 1);
	(void)close(endpoint);
	desk_close(d);
}

static void a_reset_found_while_sending_is_no_orderly_end(void **state)
{
	const uint64_t size = 8 << 20;
	struct desk *d = desk_new();
	struct end client;
	int endpoint;

	(void)state;
	desk_open(d);
	end_open(&client, desk_client(d), 2, size, 0);
	endpoint = desk_accept(d, 0);
	stuff(d, &client); /* the worker's flow to the endpoint is blocked now */
	desk_reset(endpoint);
	assert_int_equal(desk_end(d, client.fd), ECONNRESET);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_COMPLETED), 0);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_ENDPOINT_DATA), 1);
	(void)close(client.fd);
	desk_close(d);
}

/* A server that answers and closes while the client still sends: the answer must arrive whole. */
static void an_early_answer_survives_what_the_client_still_sends(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	desk_send(client, "first part");
	desk_expect(d, endpoint, "first part");
	desk_send(endpoint, "too large");
	(void)close(endpoint); /* an orderly end, then resets for what comes */
	DESK_UNTIL(d, desk_counter(d, BALANCER_BYTES_OUT) == strlen("too large"));
	for (unsigned i = 0; i < 20; i++) {
		desk_send(client, "and more");
		desk_turn(d);
	}
	desk_expect(d, client, "too large");
	assert_int_equal(desk_end(d, client), 0);
	desk_send(client, "unheard");
	(void)close(client);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_ENDPOINT_LAST), 1);
	desk_close(d);
}

static void idle_connections_end_and_busy_ones_do_not(void **state)
{
	struct desk *d = desk_new();
	int idle, busy, idle_behind, busy_behind;
	uint64_t until_ms;

	(void)state;
	d->listener.idle_timeout_ms = 400;
	desk_open(d);
	idle = desk_client(d);
	idle_behind = desk_accept(d, 0);
	busy = desk_client(d);
	busy_behind = desk_accept(d, 0);
	until_ms = clock_mono_ms() + 1500;
	while (clock_mono_ms() < until_ms) {
		desk_send(busy, ".");
		desk_expect(d, busy_behind, ".");
	}
	assert_int_equal(desk_end(d, idle), 0);
	assert_int_equal(desk_end(d, idle_behind), 0);
	assert_int_equal(d->worker.active, 1);
	assert_int_equal(desk_counter(d, BALANCER_IDLE_TIMEOUT), 1);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_IDLE_DATA), 1);
	(void)close(idle);
	(void)close(idle_behind);
	(void)close(busy);
	(void)close(busy_behind);
	DESK_UNTIL(d, d->worker.active == 0);
	desk_close(d);
}

static void data_that_nobody_takes_ends_in_a_reset_when_idle(void **state)
{
	struct desk *d = desk_new();
	static char block[65536];
	struct end endpoint;
	ssize_t n;
	int client;

	(void)state;
	d->listener.idle_timeout_ms = 400;
	desk_open(d);
	client = desk_client(d);
	end_open(&endpoint, desk_accept(d, 0), 3, 64 << 20, 0);
	stuff(d, &endpoint);
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_IDLE_DATA), 1);
	do
		n = recv(client, block, sizeof block, 0);
	while (n > 0);
	assert_int_equal(n, -1); /* cut short, and it shows */
	assert_int_equal(errno, ECONNRESET);
	(void)close(client);
	(void)close(endpoint.fd);
	desk_close(d);
}

/* No data moved for longer than idle_timeout: look now. False when the connection has ended. */
static bool survives_an_idle_look(struct desk *d)
{
	struct worker *w = &d->worker;
	struct connection *c = connection_of_timer(wheel_take(&w->wheel));

	w->now_ms = clock_mono_ms();
	c->active_ms = w->now_ms - d->listener.idle_timeout_ms - 1;
	connection_check(c, w->now_ms);
	return w->active == 1;
}

static void a_reader_of_the_kernels_queue_is_not_idle(void **state)
{
	struct desk *d = desk_new();
	static char block[65536];
	struct end endpoint;
	unsigned reads = 0;
	int client;

	(void)state;
	d->listener.idle_timeout_ms = 600000; /* however slow the machine: what is read counts */
	desk_open(d);
	client = desk_client(d);
	end_open(&endpoint, desk_accept(d, 0), 3, 64 << 20, 0);
	stuff(d, &endpoint);
	/* it reads, the relay has nothing to do yet, and each look finds it alive */
	while (reads < 100 && recv(client, block, sizeof block, MSG_DONTWAIT) > 0) {
		reads++;
		assert_true(survives_an_idle_look(d));
	}
	assert_true(reads > 10);
	assert_int_equal(desk_counter(d, BALANCER_IDLE_TIMEOUT), 0);
	(void)close(client);
	(void)close(endpoint.fd);
	DESK_UNTIL(d, d->worker.active == 0);
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_exchange_passes_and_ends_in_order),
		cmocka_unit_test(a_clients_half_close_is_passed_on_and_the_answer_comes_back),
		cmocka_unit_test(an_endpoints_half_close_is_passed_on_and_the_client_goes_on),
		cmocka_unit_test(urgent_data_does_not_hold_up_what_follows),
		cmocka_unit_test(what_is_sent_and_closed_at_once_arrives_whole),
		cmocka_unit_test(data_arrives_whole_whatever_the_sizes),
		cmocka_unit_test(a_reader_that_pauses_stops_the_sender_and_loses_nothing),
		cmocka_unit_test(a_bulk_flow_lets_the_others_in),
		cmocka_unit_test(a_clients_reset_is_passed_on),
		cmocka_unit_test(an_endpoints_reset_is_passed_on_after_its_data),
		cmocka_unit_test(a_reset_after_a_half_close_counts_as_the_last_phase),
		cmocka_unit_test(
			a_silent_connection_does_not_outlive_a_clients_reset_after_its_half_close),
		cmocka_unit_test(a_reset_found_while_sending_is_no_orderly_end),
		cmocka_unit_test(an_early_answer_survives_what_the_client_still_sends),
		cmocka_unit_test(idle_connections_end_and_busy_ones_do_not),
		cmocka_unit_test(data_that_nobody_takes_ends_in_a_reset_when_idle),
		cmocka_unit_test(a_reader_of_the_kernels_queue_is_not_idle),
	};

	TEST_MAIN(tests);
}
