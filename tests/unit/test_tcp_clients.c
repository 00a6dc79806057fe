/* dns/tcp_clients.c: the table against a plain list. */
#include "tests/unit/test.h"

#include "base/rng.h"
#include "dns/tcp_clients.h"

#define PLACES 64u /* as small as this the table has long runs and wraps around */

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void a_client_is_an_ipv4_address_or_an_ipv6_64(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1", true}, {"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::2", true},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false}, {"192.0.2.1", "c000:201::", false},
		{"192.0.2.1", "0:0:c000:201::", false}, /* the same octets as a number */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr one = address(cases[i].one), other = address(cases[i].other);
		struct tcp_clients c;

		assert_int_equal(tcp_clients_init(&c, 4), 0);
		tcp_clients_add(&c, &one);
		if (tcp_clients_count(&c, &other) != cases[i].same)
			fail_msg("%s and %s", cases[i].one, cases[i].other);
		tcp_clients_clear(&c);
	}
}

static void counts_are_those_of_a_plain_list(void **state)
{
	struct addr client[PLACES];
	uint32_t expected[PLACES] = {0}, total = 0;
	struct tcp_clients c;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (uint32_t i = 0; i < PLACES; i++) {
		client[i] = address(i % 2 == 0 ? "192.0.2.0" : "2001:db8::");
		client[i].bytes[i % 2 == 0 ? 3 : 7] = (uint8_t)i;
	}
	assert_int_equal(tcp_clients_init(&c, PLACES), 0);
	for (unsigned step = 0; step < 100000; step++) {
		uint32_t i = rng_below(&rng, PLACES);

		if (total < PLACES && rng_below(&rng, 2) == 0) {
			tcp_clients_add(&c, &client[i]);
			expected[i]++;
			total++;
		} else if (expected[i] > 0) {
			tcp_clients_remove(&c, &client[i]);
			expected[i]--;
			total--;
		}
		i = rng_below(&rng, PLACES);
		assert_int_equal(tcp_clients_count(&c, &client[i]), expected[i]);
	}
	tcp_clients_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_an_ipv4_address_or_an_ipv6_64),
		cmocka_unit_test(counts_are_those_of_a_plain_list),
	};

	TEST_MAIN(tests);
}
