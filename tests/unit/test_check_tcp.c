#include "tests/unit/loopback.h"

#include <errno.h>
#include <sys/resource.h>

static const struct conf_check check = {.name = "tcp", .kind = CHECK_TCP};

static void an_accepting_target_passes(void **state)
{
	static const enum family families[] = {FAMILY_IPV4, FAMILY_IPV6};

	(void)state;
	for (size_t i = 0; i < COUNT(families); i++) {
		struct loop l;
		struct hostport at;
		int fd = loopback_socket(families[i], 8, &at);

		if (fd < 0 && families[i] == FAMILY_IPV6)
			continue; /* no IPv6 on this machine */
		assert_true(fd >= 0);
		loop_open(&l);
		loop_start(&l, 0, &check, &at);
		assert_int_equal(loop_wait(&l, 0)->result, CHECK_PASSED);
		assert_string_equal(l.outcome[0].reason, "connected");
		loop_close(&l);
		(void)close(fd);
	}
}

static void the_connection_is_reset_not_left_in_time_wait(void **state)
{
	struct loop l;
	struct hostport at;
	int fd = loopback_socket(FAMILY_IPV4, 8, &at), peer;
	char octet;

	(void)state;
	loop_open(&l);
	loop_start(&l, 0, &check, &at);
	(void)loop_wait(&l, 0);
	peer = accept(fd, NULL, NULL);
	assert_true(peer >= 0);
	assert_int_equal(recv(peer, &octet, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	(void)close(peer);
	loop_close(&l);
	(void)close(fd);
}

static void a_refusing_target_fails_and_says_so(void **state)
{
	struct loop l;
	struct hostport at;
	int fd = loopback_socket(FAMILY_IPV4, -1, &at); /* bound, not listening */

	(void)state;
	loop_open(&l);
	loop_start(&l, 0, &check, &at);
	assert_int_equal(loop_wait(&l, 0)->result, CHECK_FAILED);
	assert_string_equal(l.outcome[0].reason, "connect: connection refused");
	loop_close(&l);
	(void)close(fd);
}

/* connect() itself says no: nothing was sent, so nothing is known of the target. */
static void a_target_without_a_route_is_not_tested(void **state)
{
	struct loop l;
	struct hostport at = {.port = 80};

	(void)state;
	assert_int_equal(addr_parse("255.255.255.255", &at.addr), 0);
	loop_open(&l);
	loop_start(&l, 0, &check, &at);
	assert_int_equal(loop_wait(&l, 0)->result, CHECK_NOT_RUN);
	assert_string_equal(l.outcome[0].reason, "connect: network is unreachable");
	loop_close(&l);
}

/* A listener whose queue is full answers no SYN. */
static void a_silent_target_is_cancelled_in_connect(void **state)
{
	struct loop l;
	struct hostport at;
	struct sockaddr_storage ss;
	int fd = loopback_socket(FAMILY_IPV4, 0, &at), filler[4];
	socklen_t size = hostport_to_sockaddr(&at, &ss);

	(void)state;
	for (size_t i = 0; i < COUNT(filler); i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(filler[i], (struct sockaddr *)&ss, size);
	}
	loop_open(&l);
	loop_start(&l, 0, &check, &at);
	for (int i = 0; i < 3; i++)
		loop_turn(&l);
	assert_int_equal(l.outcome[0].result, CHECK_RUNNING);
	assert_string_equal(check_cancel(l.run[0]), "connect");
	loop_close(&l);
	for (size_t i = 0; i < COUNT(filler); i++)
		(void)close(filler[i]);
	(void)close(fd);
}

static void want_of_descriptors_says_nothing_of_the_target(void **state)
{
	struct loop l;
	struct hostport at;
	int fd = loopback_socket(FAMILY_IPV4, 8, &at);
	struct rlimit was, none;

	(void)state;
	loop_open(&l);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	loop_start(&l, 0, &check, &at);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(l.outcome[0].result, CHECK_NOT_RUN);
	assert_string_equal(l.outcome[0].reason, "socket: too many open files");
	loop_close(&l);
	(void)close(fd);
}

static void errnos_become_results_and_reasons(void **state)
{
	static const struct {
		int error;
		enum check_result call, later;
		const char *reason;
	} cases[] = {
		{ECONNREFUSED, CHECK_FAILED, CHECK_FAILED, "connect: connection refused"},
		{ECONNRESET, CHECK_FAILED, CHECK_FAILED, "connect: connection reset by peer"},
		{ETIMEDOUT, CHECK_FAILED, CHECK_FAILED, "connect: connection timed out"},
		{EHOSTUNREACH, CHECK_NOT_RUN, CHECK_FAILED, "connect: no route to host"},
		{ENETUNREACH, CHECK_NOT_RUN, CHECK_FAILED, "connect: network is unreachable"},
		{EACCES, CHECK_NOT_RUN, CHECK_FAILED, "connect: permission denied"},
		{EPERM, CHECK_NOT_RUN, CHECK_FAILED, "connect: operation not permitted"},
		{EAFNOSUPPORT, CHECK_NOT_RUN, CHECK_FAILED,
			"connect: address family not supported by protocol"},
		{EADDRNOTAVAIL, CHECK_NOT_RUN, CHECK_FAILED,
			"connect: cannot assign requested address"},
		{EMFILE, CHECK_NOT_RUN, CHECK_NOT_RUN, "connect: too many open files"},
		{ENFILE, CHECK_NOT_RUN, CHECK_NOT_RUN, "connect: too many open files in system"},
		{ENOMEM, CHECK_NOT_RUN, CHECK_NOT_RUN, "connect: cannot allocate memory"},
		{ENOBUFS, CHECK_NOT_RUN, CHECK_NOT_RUN, "connect: no buffer space available"},
		{100000, CHECK_NOT_RUN, CHECK_FAILED, "connect: error 100000"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct check_outcome call = {0}, later = {0};

		assert_int_equal(
			check_outcome_call(&call, "connect", cases[i].error), cases[i].call);
		assert_int_equal(
			check_outcome_later(&later, "connect", cases[i].error), cases[i].later);
		assert_int_equal(call.result, cases[i].call);
		assert_int_equal(later.result, cases[i].later);
		assert_string_equal(call.reason, cases[i].reason);
		assert_string_equal(later.reason, cases[i].reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_accepting_target_passes),
		cmocka_unit_test(the_connection_is_reset_not_left_in_time_wait),
		cmocka_unit_test(a_refusing_target_fails_and_says_so),
		cmocka_unit_test(a_target_without_a_route_is_not_tested),
		cmocka_unit_test(a_silent_target_is_cancelled_in_connect),
		cmocka_unit_test(want_of_descriptors_says_nothing_of_the_target),
		cmocka_unit_test(errnos_become_results_and_reasons),
	};

	TEST_MAIN(tests);
}
