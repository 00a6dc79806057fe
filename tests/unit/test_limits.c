#include "tests/unit/test.h"

#include "balancer/limits.h"

#include <sys/resource.h>

#define MANY 8u

static struct conf_balancer listeners[MANY];

static struct limits share(const uint32_t *max, size_t count, uint64_t descriptors)
{
	const struct conf conf = {.balancers = listeners, .balancer_count = count};
	struct limits limits;

	for (size_t i = 0; i < count; i++)
		listeners[i].max_connections = max[i];
	limits_share(&conf, descriptors, 2, count * 2, &limits);
	return limits;
}

/* Descriptors that are in use when every limit is reached. */
static uint64_t used(const struct limits *limits, size_t count)
{
	uint64_t connections = limits->pot;

	for (size_t i = 0; i < count; i++)
		connections += limits->in_pot[i] ? 0 : listeners[i].max_connections;
	return LIMITS_PER_CONNECTION * connections + 2 * count * 2 + LIMITS_PROCESS +
	       2 * (LIMITS_PER_WORKER + (uint64_t)limits->pipes * LIMITS_PER_PIPE);
}

static void what_is_configured_is_granted_when_it_fits(void **state)
{
	const uint32_t max[] = {10000, 2000};
	struct limits limits = share(max, 2, 1048576);

	(void)state;
	assert_false(limits.in_pot[0] || limits.in_pot[1]);
	assert_int_equal(limits.sharers, 0);
	assert_int_equal(limits.pipes, LIMITS_PIPES_MAX);
}

static void small_ones_are_met_whatever_the_large_ones_want(void **state)
{
	const uint32_t max[] = {90000, 4, 3000, 1000000};
	struct limits limits = share(max, 4, 20000);

	(void)state;
	assert_true(limits.in_pot[0] && limits.in_pot[3]);
	assert_false(limits.in_pot[1] || limits.in_pot[2]);
	assert_int_equal(limits.sharers, 2);
	assert_true(limits.pot > 5000);
	assert_true(used(&limits, 4) <= 20000);
	assert_true(used(&limits, 4) > 19990); /* nothing is wasted */
	assert_int_equal(limits.pipes, LIMITS_PIPES_MIN);
}

static void one_of_many_may_have_what_the_others_leave(void **state)
{
	const uint32_t max[MANY] = {10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000};
	struct limits limits = share(max, MANY, 20000);

	(void)state;
	assert_int_equal(limits.sharers, MANY);
	assert_true(limits.pot > 9500); /* not an eighth of it */
	assert_true(used(&limits, MANY) <= 20000);
}

static void there_is_always_room_for_one(void **state)
{
	const uint32_t max[] = {1000000, 1};
	struct limits limits = share(max, 2, 64);

	(void)state;
	assert_true(limits.in_pot[0]);
	assert_int_equal(limits.pot, 1);
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
		cmocka_unit_test(small_ones_are_met_whatever_the_large_ones_want),
		cmocka_unit_test(one_of_many_may_have_what_the_others_leave),
		cmocka_unit_test(there_is_always_room_for_one),
		cmocka_unit_test(the_soft_limit_is_raised_to_the_hard_one),
	};

	TEST_MAIN(tests);
}
