#include "tests/unit/balancer_desk.h"

#include "balancer/target.h"
#include "balancer/upstream.h"

#include <sys/resource.h>

/* Endpoint `i` refuses from now on. */
static void refuse(struct desk *d, unsigned i)
{
	(void)close(d->behind[i]);
	d->behind[i] = -1;
}

/* Endpoint `i` accepts what is waiting and then answers no SYN any more; fill[] are the sockets to
 * close. */
static void silence(struct desk *d, unsigned i, int fill[8])
{
	struct hostport at = {.addr = d->endpoint[i].address[0], .port = d->listener.port};
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(&at, &ss);

	assert_int_equal(listen(d->behind[i], 0), 0);
	for (unsigned n = 0; n < 8; n++) {
		fill[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(fill[n] >= 0);
		(void)connect(fill[n], (struct sockaddr *)&ss, size);
	}
}

static uint32_t failures(const struct desk *d, unsigned endpoint, unsigned family)
{
	return atomic_load(&d->worker.row->connect_failures[DESK_PROBE + endpoint * 2 + family]);
}

/* The news that waits for health; 0 when there is none. */
static uint64_t wakes(const struct desk *d)
{
	uint64_t n = 0;

	return read(d->start.wake, &n, sizeof n) < 0 ? 0 : n;
}

static _Atomic uint64_t *target_word(struct desk *d, unsigned endpoint)
{
	return &d->board.balancer->target[DESK_TARGET + endpoint * 2];
}

/* Endpoint `i` is set aside until `retry_ms`. */
static void set_aside(struct desk *d, unsigned i, uint64_t retry_ms)
{
	atomic_store(target_word(d, i), TARGET_WORD(TARGET_FALL, 1, retry_ms));
	atomic_fetch_add(&d->board.balancer->target_epoch, 1);
}

/* The next event about a target; "" when there is none. */
static struct event target_event(const struct desk *d, struct event_cursor *cursor)
{
	struct event event = {0};

	while (event_next(board_ring(&d->board, ROLE_BALANCER), cursor, 1, &event) == 1) {
		if (event.kind == EVENT_TARGET)
			return event;
	}
	return (struct event){0};
}

static unsigned notices(const struct desk *d)
{
	struct event_cursor cursor = {0};
	struct event event;
	unsigned n = 0;

	while (event_next(board_ring(&d->board, ROLE_BALANCER), &cursor, 1, &event) == 1) {
		assert_int_equal(event.kind, EVENT_NOTICE);
		assert_string_equal(event.object, "front");
		n++;
	}
	return n;
}

/* A word there and back shows that client and endpoint are each other's. */
static void talk(struct desk *d, int client, int endpoint)
{
	desk_send(client, "ping");
	desk_expect(d, endpoint, "ping");
	desk_send(endpoint, "pong");
	desk_expect(d, client, "pong");
}

static void end(struct desk *d, int client, int endpoint)
{
	uint32_t active = d->worker.active;

	(void)close(client);
	(void)close(endpoint);
	DESK_UNTIL(d, d->worker.active < active);
}

static void a_refused_connection_goes_to_the_next_endpoint_and_health_hears_of_it(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	refuse(d, 0);
	client = desk_client(d);
	endpoint = desk_accept(d, 1);
	talk(d, client, endpoint);
	assert_int_equal(failures(d, 0, 0), 1);
	assert_int_equal(failures(d, 1, 0), 0);
	assert_int_equal(wakes(d), 1);
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_FAILED), 1);
	assert_int_equal(desk_counter(d, BALANCER_RETRIED), 1);
	assert_int_equal(desk_active(d, 0), 0);
	assert_int_equal(desk_active(d, 1), 1);
	end(d, client, endpoint);
	assert_int_equal(desk_active(d, 1), 0);
	desk_close(d);
}

/* connect() itself says no: nothing was sent, so nothing is known of the endpoint. */
static void an_endpoint_that_cannot_be_tried_from_here_is_not_blamed(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	d->endpoint[0].address[0] = (struct addr){FAMILY_IPV4, {255, 255, 255, 255}};
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 1);
	talk(d, client, endpoint);
	assert_int_equal(failures(d, 0, 0), 0);
	assert_int_equal(wakes(d), 0);
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_LOCAL), 1);
	assert_int_equal(desk_counter(d, BALANCER_RETRIED), 1);
	end(d, client, endpoint);
	desk_close(d);
}

static void a_silent_endpoint_is_given_up_after_the_timeout(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint, fill[8];

	(void)state;
	d->listener.connect_timeout_ms = 200;
	desk_open(d);
	silence(d, 0, fill);
	client = desk_client(d);
	desk_send(client, "early data waits");
	endpoint = desk_accept(d, 1);
	desk_expect(d, endpoint, "early data waits");
	talk(d, client, endpoint);
	assert_int_equal(failures(d, 0, 0), 1);
	assert_int_equal(wakes(d), 1);
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_TIMEOUT), 1);
	end(d, client, endpoint);
	for (unsigned i = 0; i < 8; i++)
		(void)close(fill[i]);
	desk_close(d);
}

static void when_all_endpoints_refuse_the_client_is_reset(void **state)
{
	struct desk *d = desk_new();
	int client;

	(void)state;
	desk_open(d);
	for (unsigned i = 0; i < DESK_ENDPOINTS; i++)
		refuse(d, i);
	client = desk_client(d);
	assert_int_equal(desk_end(d, client), ECONNRESET);
	(void)close(client);
	for (unsigned i = 0; i < DESK_ENDPOINTS; i++) {
		assert_int_equal(failures(d, i, 0), 1);
		assert_int_equal(desk_active(d, i), 0);
	}
	assert_int_equal(d->worker.active, 0);
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_FAILED), DESK_ENDPOINTS);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_ENDPOINT_CONNECT), 1);
	assert_int_equal(desk_counter(d, BALANCER_REFUSED_NO_ENDPOINT), 0);
	assert_int_equal(atomic_load(&d->admission->active), 0);
	desk_close(d);
}

static void the_other_family_of_an_endpoint_is_tried_before_the_next_endpoint(void **state)
{
	struct hostport at = {.addr = {FAMILY_IPV6, {0}}};
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	at.addr.bytes[15] = 1; /* ::1 */
	at.port = d->listener.port;
	d->endpoint[0].address[1] = at.addr;
	refuse(d, 0);
	d->behind[0] = desk_listen(&at);
	if (d->behind[0] < 0)
		skip();
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	talk(d, client, endpoint);
	assert_int_equal(failures(d, 0, 0), 1);
	assert_int_equal(failures(d, 0, 1), 0);
	end(d, client, endpoint);
	desk_close(d);
}

static void endpoints_that_are_down_or_drain_get_no_new_connections(void **state)
{
	struct desk *d = desk_new();
	int client[3], endpoint[3];

	(void)state;
	desk_open(d);
	client[0] = desk_client(d);
	endpoint[0] = desk_accept(d, 0);
	desk_verdict(d, 0, VERDICT_DOWN);
	client[1] = desk_client(d);
	endpoint[1] = desk_accept(d, 1);
	atomic_store(
		&d->board.control->override[DESK_SLOT + 1].state, OVERRIDE_WORD(OVERRIDE_DRAIN, 0));
	atomic_fetch_add(&d->board.control->epoch, 1);
	DESK_UNTIL(d, clock_mono_ms() > d->worker.view->built_ms + 1);
	client[2] = desk_client(d);
	endpoint[2] = desk_accept(d, 2);
	for (unsigned i = 0; i < 3; i++)
		talk(d, client[i], endpoint[i]); /* existing ones go on */
	for (unsigned i = 0; i < 3; i++)
		end(d, client[i], endpoint[i]);
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_FAILED), 0);
	desk_close(d);
}

static void refuse_when_all_down_is_a_reset(void **state)
{
	struct desk *d = desk_new();
	int client;

	(void)state;
	d->pool.when_all_down = ALL_DOWN_REFUSE;
	desk_open(d);
	for (unsigned i = 0; i < DESK_ENDPOINTS; i++)
		desk_verdict(d, i, VERDICT_DOWN);
	client = desk_client(d);
	assert_int_equal(desk_end(d, client), ECONNRESET);
	(void)close(client);
	assert_int_equal(desk_counter(d, BALANCER_REFUSED_NO_ENDPOINT), 1);
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_FAILED), 0);
	desk_close(d);
}

static void serve_all_when_all_down_connects(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	for (unsigned i = 0; i < DESK_ENDPOINTS; i++)
		desk_verdict(d, i, VERDICT_DOWN);
	refuse(d, 0);
	client = desk_client(d);
	endpoint = desk_accept(d, 1);
	talk(d, client, endpoint);
	end(d, client, endpoint);
	desk_close(d);
}

static void the_backlog_waits_for_the_first_endpoint_that_is_up(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	d->check.timeout_ms = 3600000;
	atomic_store(&d->board.supervisor->began_ms, clock_mono_ms());
	desk_open(d);
	client = desk_client(d);
	desk_send(client, "ping");
	for (unsigned i = 0; i < 20; i++)
		desk_turn(d);
	assert_int_equal(desk_counter(d, BALANCER_ACCEPTED), 0);
	/* the others are silent: nobody waits for them, and nobody is sent to them */
	desk_verdict(d, 0, VERDICT_UP);
	endpoint = desk_accept(d, 0);
	desk_expect(d, endpoint, "ping");
	end(d, client, endpoint);
	desk_close(d);
}

static void connections_over_the_limit_are_reset_until_one_ends(void **state)
{
	struct desk *d = desk_new();
	int client[2], endpoint[2], late;

	(void)state;
	d->listener.max_connections = 2;
	desk_open(d);
	for (unsigned i = 0; i < 2; i++) {
		client[i] = desk_client(d);
		endpoint[i] = desk_accept(d, 0);
	}
	for (unsigned i = 0; i < 5; i++) {
		late = desk_client(d);
		assert_int_equal(desk_end(d, late), ECONNRESET);
		(void)close(late);
	}
	assert_int_equal(desk_counter(d, BALANCER_REFUSED_LIMIT), 5);
	assert_int_equal(notices(d), 1); /* not five */
	end(d, client[0], endpoint[0]);
	client[0] = desk_client(d);
	endpoint[0] = desk_accept(d, 0);
	talk(d, client[0], endpoint[0]);
	for (unsigned i = 0; i < 2; i++)
		end(d, client[i], endpoint[i]);
	desk_close(d);
}

static void connections_over_the_limit_wait_for_a_place_in_order(void **state)
{
	struct desk *d = desk_new();
	int client[4], endpoint[4];

	(void)state;
	d->listener.max_connections = 1;
	d->listener.overflow = OVERFLOW_WAIT;
	d->listener.queue_timeout_ms = 600000;
	desk_open(d);
	for (unsigned i = 0; i < 4; i++)
		client[i] = desk_client(d);
	for (unsigned i = 0; i < 4; i++) {
		char name[2] = {(char)('a' + i), 0};

		desk_send(client[i], name);
		endpoint[i] = desk_accept(d, 0);
		desk_expect(d, endpoint[i], name); /* it is the one whose turn it was */
		assert_int_equal(d->worker.active, 1);
		(void)close(client[i]);
		(void)close(endpoint[i]);
	}
	DESK_UNTIL(d, d->worker.active == 0);
	assert_int_equal(desk_counter(d, BALANCER_ACCEPTED), 4);
	assert_int_equal(desk_counter(d, BALANCER_COMPLETED), 4);
	assert_int_equal(desk_counter(d, BALANCER_QUEUED), 3);
	assert_int_equal(desk_counter(d, BALANCER_REFUSED_LIMIT), 0);
	assert_int_equal(atomic_load(&d->admission->active), 0);
	desk_close(d);
}

/* What waited too long is reset, also what was never accepted before; who has a place keeps it. */
static void nobody_waits_longer_than_queue_timeout(void **state)
{
	struct desk *d = desk_new();
	int first, endpoint, late[3];

	(void)state;
	d->listener.max_connections = 1;
	d->listener.overflow = OVERFLOW_WAIT;
	d->listener.queue_timeout_ms = 300;
	desk_open(d);
	first = desk_client(d);
	endpoint = desk_accept(d, 0);
	for (unsigned i = 0; i < 3; i++)
		late[i] = desk_client(d);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(desk_end(d, late[i]), ECONNRESET);
		(void)close(late[i]);
	}
	assert_int_equal(desk_counter(d, BALANCER_REFUSED_QUEUE), 3);
	talk(d, first, endpoint);
	end(d, first, endpoint);
	first = desk_client(d);
	endpoint = desk_accept(d, 0);
	talk(d, first, endpoint);
	end(d, first, endpoint);
	desk_close(d);
}

/* An older generation's row, which is still read when that process drains. */
static void connections_of_older_generations_count(void **state)
{
	struct desk *d = desk_new();
	struct board_balancer_row *old;
	int late, endpoint;

	(void)state;
	d->listener.max_connections = 2;
	d->listener.overflow = OVERFLOW_WAIT;
	d->listener.queue_timeout_ms = 600000;
	old = &d->board.balancer->row[0];
	atomic_store(&old->beat_ms, 1);
	atomic_store(&old->listener_active[DESK_SLOT], 2);
	desk_open(d);
	late = desk_client(d);
	DESK_UNTIL(d, desk_counter(d, BALANCER_QUEUED) == 1);
	assert_int_equal(d->worker.active, 0);
	atomic_store(&old->listener_active[DESK_SLOT], 1);
	endpoint = desk_accept(d, 0); /* no connection of ours has ended: a tick has seen it */
	talk(d, late, endpoint);
	end(d, late, endpoint);
	desk_close(d);
}

static void the_pot_is_for_all_who_share_it(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint, late;

	(void)state;
	desk_open(d);
	d->admission->in_pot = true;
	d->balancer->pot.max = 1;
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	assert_int_equal(atomic_load(&d->balancer->pot.active), 1);
	late = desk_client(d);
	assert_int_equal(desk_end(d, late), ECONNRESET);
	(void)close(late);
	assert_int_equal(desk_counter(d, BALANCER_REFUSED_LIMIT), 1);
	assert_int_equal(atomic_load(&d->admission->active), 1);
	end(d, client, endpoint);
	assert_int_equal(atomic_load(&d->balancer->pot.active), 0);
	desk_close(d);
}

static void without_descriptors_the_backlog_waits_and_existing_connections_go_on(void **state)
{
	struct desk *d = desk_new();
	struct rlimit limit, tight;
	int client, endpoint, late, late_behind;
	uint64_t paused;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	talk(d, client, endpoint);
	late = desk_client(d);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	tight = limit;
	tight.rlim_cur = (rlim_t)dup(late); /* the lowest free number: no more from here on */
	(void)close((int)tight.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	DESK_UNTIL(d, desk_counter(d, BALANCER_ACCEPT_FAILED) >= 3);
	paused = desk_counter(d, BALANCER_ACCEPT_PAUSED);
	assert_int_equal(paused, desk_counter(d, BALANCER_ACCEPT_FAILED)); /* it does not spin */
	talk(d, client, endpoint);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	late_behind = desk_accept(d, 0);
	talk(d, late, late_behind);
	assert_int_equal(notices(d), 1);
	end(d, late, late_behind);
	end(d, client, endpoint);
	desk_close(d);
}

static void without_descriptors_for_the_endpoint_no_endpoint_is_blamed(void **state)
{
	struct desk *d = desk_new();
	struct rlimit limit, tight;
	int client;

	(void)state;
	desk_open(d);
	client = desk_client(d);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	tight = limit;
	tight.rlim_cur = (rlim_t)dup(client);
	(void)close((int)tight.rlim_cur);
	tight.rlim_cur++; /* one more: for accept4(), not for socket() */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	assert_int_equal(desk_end(d, client), ECONNRESET);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_RESOURCE_CONNECT), 1);
	for (unsigned i = 0; i < DESK_ENDPOINTS; i++)
		assert_int_equal(failures(d, i, 0), 0);
	assert_int_equal(wakes(d), 0);
	(void)close(client);
	desk_close(d);
}

static void a_target_that_refuses_in_a_row_is_set_aside_and_tried_by_one(void **state)
{
	struct desk *d = desk_new();
	struct event_cursor cursor = {0};
	int client, endpoint, fill[8];
	struct event event;
	char object[HOSTPORT_TEXT_MAX];

	(void)state;
	d->target[0].at = (struct hostport){d->endpoint[0].address[0], d->listener.port};
	desk_open(d);
	refuse(d, 0);
	for (unsigned i = 0; i < TARGET_FALL + 2; i++) {
		client = desk_client(d);
		endpoint = desk_accept(d, 1);
		talk(d, client, endpoint);
		end(d, client, endpoint);
	}
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_FAILED), TARGET_FALL); /* not + 2 */
	assert_int_equal(failures(d, 0, 0), TARGET_FALL);
	assert_int_equal(desk_counter(d, BALANCER_TARGET_SET_ASIDE), 1);
	assert_int_equal(desk_counter(d, BALANCER_RETRIED), TARGET_FALL);
	event = target_event(d, &cursor);
	assert_string_equal(event.pool, "web");
	assert_string_equal(event.endpoint, "one");
	assert_string_equal(event.object, hostport_format(&d->target[0].at, object));
	assert_string_equal(event.to, "set aside");
	assert_non_null(strstr(event.text, "3 connects in a row failed (Connection refused)"));
	assert_string_equal(target_event(d, &cursor).text, "");
	/* its pause is over: one tries, others do not wait for it */
	d->behind[0] = desk_listen(&d->target[0].at);
	assert_true(d->behind[0] >= 0);
	silence(d, 0, fill);
	set_aside(d, 0, clock_mono_ms());
	client = desk_client(d);
	DESK_UNTIL(d, desk_active(d, 0) == 1);
	for (unsigned i = 0; i < 3; i++) {
		int other = desk_client(d), behind = desk_accept(d, 1);

		talk(d, other, behind);
		end(d, other, behind);
	}
	assert_int_equal(desk_active(d, 0), 1);
	/* the one that tries leaves: the next one may */
	(void)close(client);
	DESK_UNTIL(d, d->worker.active == 0);
	for (unsigned i = 0; i < 8; i++)
		(void)close(fill[i]);
	refuse(d, 0);
	d->behind[0] = desk_listen(&d->target[0].at);
	client = desk_client(d);
	endpoint = desk_accept(d, 0);
	talk(d, client, endpoint);
	assert_int_equal(atomic_load(target_word(d, 0)), 0);
	assert_int_equal(desk_counter(d, BALANCER_TARGET_BACK), 1);
	assert_string_equal(target_event(d, &cursor).from, "set aside");
	end(d, client, endpoint);
	desk_close(d);
}

static void where_all_are_set_aside_the_balancer_still_tries(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	for (unsigned i = 0; i < DESK_ENDPOINTS; i++)
		set_aside(d, i, UINT32_MAX);
	refuse(d, 0);
	client = desk_client(d);
	endpoint = desk_accept(d, 1);
	talk(d, client, endpoint);
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_ASIDE), 2);
	assert_int_equal(atomic_load(target_word(d, 1)), 0); /* it works */
	assert_int_equal(atomic_load(target_word(d, 0)), TARGET_WORD(TARGET_FALL, 1, UINT32_MAX));
	end(d, client, endpoint);
	desk_close(d);
}

static void what_is_set_aside_comes_before_what_is_down(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint;

	(void)state;
	desk_open(d);
	desk_verdict(d, 0, VERDICT_DOWN);
	desk_verdict(d, 2, VERDICT_DOWN);
	set_aside(d, 1, UINT32_MAX);
	client = desk_client(d);
	endpoint = desk_accept(d, 1);
	talk(d, client, endpoint);
	end(d, client, endpoint);
	desk_close(d);
}

static void the_only_endpoint_is_tried_again_until_it_is_back(void **state)
{
	struct desk *d = desk_new();
	struct hostport at;
	int client, endpoint;

	(void)state;
	d->pool.endpoint_count = 1;
	d->listener.connect_timeout_ms = 100000;
	desk_open(d);
	at = (struct hostport){d->endpoint[0].address[0], d->listener.port};
	refuse(d, 0);
	client = desk_client(d);
	desk_send(client, "ping");
	DESK_UNTIL(d, atomic_load(&d->worker.row->connect_failures[DESK_PROBE]) == 1);
	/* it waits, and whoever waits has no endpoint */
	DESK_UNTIL(d, desk_active(d, 0) == 0);
	for (uint64_t began_ms = clock_mono_ms(); clock_mono_ms() < began_ms + 700;)
		desk_turn(d);
	d->behind[0] = desk_listen(&at);
	assert_true(d->behind[0] >= 0);
	endpoint = desk_accept(d, 0);
	desk_expect(d, endpoint, "ping");
	assert_int_equal(failures(d, 0, 0), 1); /* one failure, however often it was tried */
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_FAILED), 1);
	assert_int_equal(desk_counter(d, BALANCER_TARGET_SET_ASIDE), 0);
	assert_int_equal(desk_counter(d, BALANCER_RETRIED), 1);
	end(d, client, endpoint);
	desk_close(d);
}

static void the_only_endpoint_is_given_up_after_three_times_the_timeout(void **state)
{
	struct desk *d = desk_new();
	uint64_t began_ms;
	int client;

	(void)state;
	d->pool.endpoint_count = 1;
	d->listener.connect_timeout_ms = 200;
	desk_open(d);
	refuse(d, 0);
	began_ms = clock_mono_ms();
	client = desk_client(d);
	assert_int_equal(desk_end(d, client), ECONNRESET);
	/* the last attempt may begin UPSTREAM_AGAIN_MS before the end */
	assert_true(clock_mono_ms() >= began_ms + 600 - UPSTREAM_AGAIN_MS);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_ENDPOINT_CONNECT), 1);
	assert_int_equal(desk_counter(d, BALANCER_CONNECT_FAILED), 1);
	(void)close(client);
	desk_close(d);
}

static void retries_are_further_endpoints(void **state)
{
	(void)state;
	for (uint32_t retries = 0; retries < 2; retries++) {
		struct desk *d = desk_new();
		int client;

		d->listener.retries = retries;
		desk_open(d);
		refuse(d, 0);
		refuse(d, 1);
		client = desk_client(d);
		assert_int_equal(desk_end(d, client), ECONNRESET);
		assert_int_equal(failures(d, 0, 0), 1);
		assert_int_equal(failures(d, 1, 0), retries);
		assert_int_equal(desk_counter(d, BALANCER_ENDED_ENDPOINT_CONNECT), 1);
		(void)close(client);
		desk_close(d);
	}
}

static void a_client_that_leaves_gives_its_place_back_at_once(void **state)
{
	(void)state;
	for (unsigned by_reset = 0; by_reset < 2; by_reset++) {
		struct desk *d = desk_new();
		int client, fill[8];

		d->listener.connect_timeout_ms = 100000;
		desk_open(d);
		silence(d, 0, fill);
		client = desk_client(d);
		DESK_UNTIL(d, d->worker.active == 1);
		if (by_reset) {
			desk_send(client, "a request");
			desk_reset(client);
		} else {
			(void)close(client);
		}
		DESK_UNTIL(d, d->worker.active == 0);
		assert_int_equal(atomic_load(&d->admission->active), 0);
		assert_int_equal(desk_active(d, 0), 0);
		assert_int_equal(desk_counter(d, BALANCER_ENDED_CLIENT_CONNECT), 1);
		assert_int_equal(desk_counter(d, BALANCER_CONNECT_FAILED), 0);
		assert_int_equal(failures(d, 0, 0), 0);
		for (unsigned i = 0; i < 8; i++)
			(void)close(fill[i]);
		desk_close(d);
	}
}

static void a_client_that_ended_after_its_request_waits_a_while(void **state)
{
	struct desk *d = desk_new();
	uint64_t began_ms;
	int client, fill[8];

	(void)state;
	d->listener.connect_timeout_ms = 100000;
	desk_open(d);
	silence(d, 0, fill);
	began_ms = clock_mono_ms();
	client = desk_client(d);
	desk_send(client, "a request");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_int_equal(desk_end(d, client), ECONNRESET);
	assert_true(clock_mono_ms() >= began_ms + UPSTREAM_HALF_CLOSED_MS);
	assert_int_equal(desk_counter(d, BALANCER_ENDED_CLIENT_CONNECT), 1);
	assert_int_equal(failures(d, 0, 0), 0);
	for (unsigned i = 0; i < 8; i++)
		(void)close(fill[i]);
	(void)close(client);
	desk_close(d);
}

static void a_client_that_was_watched_is_relayed_as_any(void **state)
{
	struct desk *d = desk_new();
	int client, endpoint, fill[8];

	(void)state;
	d->listener.connect_timeout_ms = 400; /* longer than UPSTREAM_WATCH_MS */
	desk_open(d);
	silence(d, 0, fill);
	client = desk_client(d);
	desk_send(client, "early ");
	endpoint = desk_accept(d, 1);
	desk_send(client, "and late");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	desk_expect(d, endpoint, "early and late");
	assert_int_equal(desk_end(d, endpoint), 0);
	desk_send(endpoint, "thanks");
	desk_expect(d, client, "thanks");
	end(d, client, endpoint);
	for (unsigned i = 0; i < 8; i++)
		(void)close(fill[i]);
	desk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_refused_connection_goes_to_the_next_endpoint_and_health_hears_of_it),
		cmocka_unit_test(an_endpoint_that_cannot_be_tried_from_here_is_not_blamed),
		cmocka_unit_test(a_silent_endpoint_is_given_up_after_the_timeout),
		cmocka_unit_test(when_all_endpoints_refuse_the_client_is_reset),
		cmocka_unit_test(the_other_family_of_an_endpoint_is_tried_before_the_next_endpoint),
		cmocka_unit_test(endpoints_that_are_down_or_drain_get_no_new_connections),
		cmocka_unit_test(refuse_when_all_down_is_a_reset),
		cmocka_unit_test(serve_all_when_all_down_connects),
		cmocka_unit_test(the_backlog_waits_for_the_first_endpoint_that_is_up),
		cmocka_unit_test(connections_over_the_limit_are_reset_until_one_ends),
		cmocka_unit_test(connections_over_the_limit_wait_for_a_place_in_order),
		cmocka_unit_test(nobody_waits_longer_than_queue_timeout),
		cmocka_unit_test(connections_of_older_generations_count),
		cmocka_unit_test(the_pot_is_for_all_who_share_it),
		cmocka_unit_test(
			without_descriptors_the_backlog_waits_and_existing_connections_go_on),
		cmocka_unit_test(without_descriptors_for_the_endpoint_no_endpoint_is_blamed),
		cmocka_unit_test(a_target_that_refuses_in_a_row_is_set_aside_and_tried_by_one),
		cmocka_unit_test(where_all_are_set_aside_the_balancer_still_tries),
		cmocka_unit_test(what_is_set_aside_comes_before_what_is_down),
		cmocka_unit_test(the_only_endpoint_is_tried_again_until_it_is_back),
		cmocka_unit_test(the_only_endpoint_is_given_up_after_three_times_the_timeout),
		cmocka_unit_test(retries_are_further_endpoints),
		cmocka_unit_test(a_client_that_leaves_gives_its_place_back_at_once),
		cmocka_unit_test(a_client_that_ended_after_its_request_waits_a_while),
		cmocka_unit_test(a_client_that_was_watched_is_relayed_as_any),
	};

	TEST_MAIN(tests);
}
