#include "tests/unit/test.h"

#include "base/addr.h"

static void addresses_parse_and_print(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} cases[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"2001:DB8:0:0::1", "2001:db8::1"},
		{"::ffff:192.0.2.1", "192.0.2.1"}, /* mapped becomes IPv4 */
		{"192.0.2", NULL},
		{"192.0.2.256", NULL},
		{"fe80::1%lo", NULL},
		{"[::1]", NULL},
		{"", NULL},
		{" 192.0.2.1", NULL},
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int rc = addr_parse(cases[i].in, &a);

		assert_int_equal(rc, cases[i].out != NULL ? 0 : -1);
		if (rc == 0)
			assert_string_equal(addr_format(&a, text), cases[i].out);
	}
}

static void prefixes_parse_and_print(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"10.20.0.0/16", "10.20.0.0/16"},
		{"10.20.0.1/16", NULL}, /* bits past the length */
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"192.0.2.7", "192.0.2.7/32"},
		{"2001:db8::/32", "2001:db8::/32"},
		{"2001:db8::/33", "2001:db8::/33"},
		{"2001:db8:8000::/32", NULL},
		{"192.0.2.0/33", NULL},
		{"192.0.2.0/", NULL},
		{"192.0.2.0/+8", NULL},
		{"192.0.2.0/99999999999", NULL},
		{"::ffff:192.0.2.0/120", "192.0.2.0/24"},
		{"::ffff:0.0.0.0/95", NULL},
		{"::/0", "::/0"},
	};
	char text[PREFIX_TEXT_MAX];
	struct prefix p;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int rc = prefix_parse(cases[i].in, &p);

		assert_int_equal(rc, cases[i].out != NULL ? 0 : -1);
		if (rc == 0)
			assert_string_equal(prefix_format(&p, text), cases[i].out);
	}
}

static void hostports_parse_and_print(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"127.0.0.1:5353", "127.0.0.1:5353"},
		{"[::1]:53", "[::1]:53"},
		{"::1:53", NULL},
		{"[127.0.0.1]:53", NULL},
		{"127.0.0.1", NULL},
		{"127.0.0.1:0", NULL},
		{"127.0.0.1:65536", NULL},
		{"127.0.0.1:", NULL},
		{"localhost:53", NULL},
		{"[]:53", NULL},
	};
	char text[HOSTPORT_TEXT_MAX];
	struct hostport h, back;
	struct sockaddr_storage ss;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int rc = hostport_parse(cases[i].in, false, &h);

		assert_int_equal(rc, cases[i].out != NULL ? 0 : -1);
		if (rc < 0)
			continue;
		assert_string_equal(hostport_format(&h, text), cases[i].out);
		assert_true(hostport_to_sockaddr(&h, &ss) > 0);
		assert_int_equal(hostport_from_sockaddr((struct sockaddr *)&ss, &back), 0);
		assert_true(addr_equal(&h.addr, &back.addr));
		assert_int_equal(h.port, back.port);
	}
	assert_int_equal(hostport_parse("127.0.0.1:0", true, &h), 0);
}

static void masks_and_containment(void **state)
{
	struct prefix p;
	struct addr a;

	(void)state;
	for (unsigned length = 0; length <= 128; length++) {
		a.family = FAMILY_IPV6;
		memset(a.bytes, 0xff, 16);
		addr_mask(&a, (uint8_t)length);
		for (unsigned bit = 0; bit < 128; bit++)
			assert_int_equal(a.bytes[bit / 8] >> (7 - bit % 8) & 1, bit < length);
	}
	assert_int_equal(prefix_parse("10.20.0.0/15", &p), 0);
	assert_int_equal(addr_parse("10.21.255.255", &a), 0);
	assert_true(prefix_contains(&p, &a));
	assert_int_equal(addr_parse("10.22.0.0", &a), 0);
	assert_false(prefix_contains(&p, &a));
	assert_int_equal(addr_parse("::1", &a), 0);
	assert_false(prefix_contains(&p, &a));
}

static void special_addresses_are_not_global(void **state)
{
	static const struct {
		const char *address, *block; /* NULL: global */
	} cases[] = {
		{"8.8.8.8", NULL},
		{"10.1.2.3", "10.0.0.0/8"},
		{"100.64.0.1", "100.64.0.0/10"},
		{"172.32.0.1", NULL},
		{"172.31.0.1", "172.16.0.0/12"},
		{"203.0.113.9", "203.0.113.0/24"},
		{"239.1.1.1", "224.0.0.0/3"},
		{"::1", "::/127"},
		{"fd00::1", "fc00::/7"},
		{"2001:db8::1", "2001:db8::/32"},
		{"2a00::1", NULL},
	};
	char text[PREFIX_TEXT_MAX];
	struct prefix block;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(addr_parse(cases[i].address, &a), 0);
		assert_int_equal(addr_is_global(&a, &block), cases[i].block == NULL);
		if (cases[i].block != NULL)
			assert_string_equal(prefix_format(&block, text), cases[i].block);
	}
	assert_int_equal(addr_special_block(10000, &block), -1);
}

static void addresses_have_an_order(void **state)
{
	static const char *const sorted[] = {
		"10.0.0.1", "10.0.0.2", "200.0.0.1", "::1", "2001:db8::"};
	struct addr a, b;

	(void)state;
	for (int i = 0; i < 5; i++) {
		for (int j = 0; j < 5; j++) {
			int order;

			assert_int_equal(addr_parse(sorted[i], &a), 0);
			assert_int_equal(addr_parse(sorted[j], &b), 0);
			order = addr_compare(&a, &b);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_an_order),
		cmocka_unit_test(addresses_parse_and_print),
		cmocka_unit_test(prefixes_parse_and_print),
		cmocka_unit_test(hostports_parse_and_print),
		cmocka_unit_test(masks_and_containment),
		cmocka_unit_test(special_addresses_are_not_global),
	};
	TEST_MAIN(tests);
}
