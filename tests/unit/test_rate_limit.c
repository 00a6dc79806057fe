/* dns/rate_limit.c: who may have how many replies, by hand-made clocks. */
#include "tests/unit/test.h"

#include "dns/rate_limit.h"

#include <pthread.h>

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* How many of `count` replies in a row `client` gets at one moment. */
static unsigned take(struct rate_limit *r, const char *client, unsigned count, uint64_t now_ms)
{
	struct addr a = address(client);
	unsigned given = 0;

	for (unsigned i = 0; i < count; i++)
		given += rate_limit_take(r, &a, now_ms) != RATE_ABOVE;
	return given;
}

static void a_silent_network_has_a_seconds_worth(void **state)
{
	static const uint32_t rates[] = {1, 2, 10, 100, 1000, 100000};

	(void)state;
	for (size_t i = 0; i < COUNT(rates); i++) {
		struct rate_limit *r = rate_limit_new(rates[i]);

		assert_non_null(r);
		assert_int_equal(take(r, "192.0.2.1", 2 * rates[i], 5000), rates[i]);
		assert_int_equal(take(r, "192.0.2.1", 1, 5000), 0);
		assert_int_equal(take(r, "192.0.2.1", 2 * rates[i], 7000), rates[i]);
		rate_limit_free(r);
	}
}

static void afterwards_the_rate_is_kept(void **state)
{
	struct rate_limit *r = rate_limit_new(100);
	unsigned given = 0;

	(void)state;
	assert_int_equal(take(r, "192.0.2.1", 1000, 1000), 100);
	for (uint64_t now_ms = 1001; now_ms <= 11000; now_ms++) /* ten seconds, ten times as many */
		given += take(r, "192.0.2.1", 1, now_ms);
	assert_int_equal(given, 1000);
	rate_limit_free(r);
}

static void networks_are_a_24_and_a_56(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} cases[] = {
		{"192.0.2.1", "192.0.2.255", true}, {"192.0.2.1", "192.0.3.1", false},
		{"192.0.2.1", "193.0.2.1", false},
		{"2001:db8:1:2::1", "2001:db8:1:ff:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:102::1", false},
		{"2001:db8:1::1", "2001:db9:1::1", false},
		{"192.0.2.1", "c000:200::", false}, /* the same octets, another family */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rate_limit *r = rate_limit_new(5);

		assert_int_equal(take(r, cases[i].one, 9, 1000), 5);
		if (take(r, cases[i].other, 9, 1000) != (cases[i].same ? 0 : 5))
			fail_msg("%s and %s", cases[i].one, cases[i].other);
		rate_limit_free(r);
	}
}

static void time_may_come_round(void **state)
{
	const uint64_t round_ms = (UINT64_C(1) << 40) / 1000;
	struct rate_limit *r = rate_limit_new(10);

	(void)state;
	for (uint64_t start_ms = round_ms - 3000; start_ms < round_ms + 3000; start_ms += 500)
		assert_int_equal(
			take(r, "192.0.2.1", 20, start_ms), start_ms < round_ms - 2999 ? 10 : 5);
	/* long silent, whatever its time looks like now */
	assert_int_equal(take(r, "192.0.2.1", 20, round_ms + round_ms / 2), 10);
	rate_limit_free(r);
}

/* More networks than the table holds: those with the most to their account stay. */
static void a_flood_of_networks_does_not_wash_a_heavy_one_out(void **state)
{
	struct rate_limit *r = rate_limit_new(10);
	struct addr a = {.family = FAMILY_IPV4};
	unsigned full = 0;

	(void)state;
	assert_int_equal(take(r, "192.0.2.1", 20, 1000), 10);
	for (uint32_t i = 0; i < 2 * RATE_SETS * RATE_WAYS; i++) {
		a.bytes[0] = (uint8_t)(10 + (i >> 16));
		a.bytes[1] = (uint8_t)(i >> 8);
		a.bytes[2] = (uint8_t)i;
		full += rate_limit_take(r, &a, 1000) == RATE_WITHIN_FULL;
	}
	assert_true(full > 0);
	assert_int_equal(take(r, "192.0.2.1", 20, 1000), 0);
	rate_limit_free(r);
}

/* ---- threads ---- */

#define THREADS  4
#define RATE     1000
#define ATTEMPTS 20000

struct taker {
	struct rate_limit *rate;
	unsigned given;
};

static void *take_many(void *arg)
{
	struct taker *t = arg;
	const struct addr a = {FAMILY_IPV4, {192, 0, 2, 1}};

	for (unsigned i = 0; i < ATTEMPTS; i++)
		t->given += rate_limit_take(t->rate, &a, 1000) != RATE_ABOVE;
	return NULL;
}

/* One account for all threads. Only a thread that lost several races in a row gives one reply too
 * many. */
static void threads_share_one_account(void **state)
{
	struct taker taker[THREADS];
	pthread_t id[THREADS];
	struct rate_limit *r = rate_limit_new(RATE);
	unsigned given = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		taker[i] = (struct taker){.rate = r};
		assert_int_equal(pthread_create(&id[i], NULL, take_many, &taker[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(id[i], NULL), 0);
		given += taker[i].given;
	}
	assert_in_range(given, RATE, 2 * RATE);
	rate_limit_free(r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_silent_network_has_a_seconds_worth),
		cmocka_unit_test(afterwards_the_rate_is_kept),
		cmocka_unit_test(networks_are_a_24_and_a_56),
		cmocka_unit_test(time_may_come_round),
		cmocka_unit_test(a_flood_of_networks_does_not_wash_a_heavy_one_out),
		cmocka_unit_test(threads_share_one_account),
	};

	TEST_MAIN(tests);
}
