#include "tests/unit/test.h"

#include "balancer/limits.h"

#include <sys/resource.h>

static struct conf_balancer listeners[2];
static const struct conf conf = {.balancers = listeners, .balancer_count = 2};

static void what_is_configured_is_granted_when_it_fits(void **state)
{
	struct limits limits;

	(void)state;
	listeners[0].max_connections = 10000;
	listeners[1].max_connections = 2000;
	limits_share(&conf, 1048576, 2, 4, &limits);
	assert_false(limits.short_of);
	assert_int_equal(limits.listener[0], 10000);
	assert_int_equal(limits.listener[1], 2000);
	assert_int_equal(limits.pipes, LIMITS_PIPES_MAX);
}

static void what_does_not_fit_is_shared_in_proportion(void **state)
{
	struct limits limits;
	uint64_t used;

	(void)state;
	listeners[0].max_connections = 90000;
	listeners[1].max_connections = 10000;
	limits_share(&conf, 20000, 2, 4, &limits);
	assert_true(limits.short_of);
	/* Nine to one, up to rounding. */
	assert_true(limits.listener[0] / 9 - limits.listener[1] <= 1);
	used = LIMITS_PER_CONNECTION * (uint64_t)(limits.listener[0] + limits.listener[1]);
	used += 2 * (uint64_t)limits.pipes * LIMITS_PER_PIPE + LIMITS_PROCESS;
	assert_true(used <= 20000);
	assert_true(used > 19000); /* nothing is wasted */
}

static void every_listener_gets_at_least_one_connection(void **state)
{
	struct limits limits;

	(void)state;
	listeners[0].max_connections = 1000000;
	listeners[1].max_connections = 1;
	limits_share(&conf, 64, 64, 128, &limits);
	assert_true(limits.short_of);
	assert_int_equal(limits.listener[0], 1);
	assert_int_equal(limits.listener[1], 1);
	assert_int_equal(limits.pipes, LIMITS_PIPES_MIN);
}

static void the_soft_limit_is_raised_to_the_hard_one(void **state)
{
	struct rlimit limit, low;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = (struct rlimit){.rlim_cur = 64, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(limits_raise(), limit.rlim_max);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(low.rlim_cur, limit.rlim_max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_configured_is_granted_when_it_fits),
		cmocka_unit_test(what_does_not_fit_is_shared_in_proportion),
		cmocka_unit_test(every_listener_gets_at_least_one_connection),
		cmocka_unit_test(the_soft_limit_is_raised_to_the_hard_one),
	};

	TEST_MAIN(tests);
}
