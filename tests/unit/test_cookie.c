/* dns/cookie.c against the test vectors of RFC 9018, appendix A. */
#include "tests/unit/test.h"

#include "dns/cookie.h"

static void unhex(const char *text, uint8_t *out)
{
	unsigned value;

	for (; *text != '\0'; text += 2) {
		assert_int_equal(sscanf(text, "%2x", &value), 1);
		*out++ = (uint8_t)value;
	}
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct cookie_keys keys_of(const char *first, const char *second)
{
	struct cookie_keys k = {.secrets.count = 1};

	unhex(first, k.secrets.secret[0].octets);
	if (second != NULL) {
		unhex(second, k.secrets.secret[1].octets);
		k.secrets.count = 2;
	}
	return k;
}

#define SECRET_A "e5e973e5a6b2a43f48e7dc849e37bfcf" /* A.1 to A.3 */
#define SECRET_B "dd3bdf9344b678b185a6f5cb60fca715" /* A.4, the old one */
#define SECRET_C "445536bcd2513298075a5d379663c962" /* A.4, the new one */

struct made_case {
	const char *what, *secret, *client, *address, *cookie;
	uint32_t time_s;
};

static const struct made_case made[] = {
	{"A.1", SECRET_A, "2464c4abcf10c957", "198.51.100.100",
		"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985},
	{"A.2", SECRET_A, "2464c4abcf10c957", "198.51.100.100",
		"2464c4abcf10c957010000005cf7a871d4a564a1442aca77", 1559734385},
	{"A.3", SECRET_A, "fc93fc62807ddb86", "203.0.113.203",
		"fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", 1559734700},
	{"A.4, before", SECRET_B, "22681ab97d52c298", "2001:db8:220:1:59de:d0f4:8769:82b8",
		"22681ab97d52c298010000005cf7c57926556bd0934c72f8", 1559741817},
	{"A.4, after", SECRET_C, "22681ab97d52c298", "2001:db8:220:1:59de:d0f4:8769:82b8",
		"22681ab97d52c298010000005cf7c609a6bb79d16625507a", 1559741961},
};

static void cookies_are_made_as_rfc_9018_shows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(made); i++) {
		const struct made_case *c = &made[i];
		struct cookie_keys keys = keys_of(c->secret, NULL);
		struct addr client = address(c->address);
		uint8_t part[COOKIE_CLIENT_SIZE], got[COOKIE_SIZE], expected[COOKIE_SIZE];

		unhex(c->client, part);
		unhex(c->cookie, expected);
		cookie_make(&keys, part, &client, c->time_s, got);
		if (memcmp(got, expected, sizeof got) != 0)
			fail_msg("%s: another cookie", c->what);
	}
}

struct judged_case {
	const char *what, *cookie, *address;
	const char *first, *second; /* secrets */
	uint32_t now_s;
	enum cookie_state state;
};

#define A1 "2464c4abcf10c957010000005cf79f111f8130c3eee29480"
#define A3                                                                                         \
	"fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5" /* of 1559727985, reserved octets set */
#define A4 "22681ab97d52c298010000005cf7c57926556bd0934c72f8"
#define V6 "2001:db8:220:1:59de:d0f4:8769:82b8"
#define T1 1559731985u
#define T3 1559727985u

/* Limits: RFC 9018, 4.3. */
static const struct judged_case judged[] = {
	{"none", "", "198.51.100.100", SECRET_A, NULL, T1, COOKIE_NONE},
	{"only the client's part", "2464c4abcf10c957", "198.51.100.100", SECRET_A, NULL, T1,
		COOKIE_NEW},
	{"at once", A1, "198.51.100.100", SECRET_A, NULL, T1, COOKIE_GOOD},
	{"after half an hour", A1, "198.51.100.100", SECRET_A, NULL, T1 + 1800, COOKIE_GOOD},
	{"A.2: after more than that", A1, "198.51.100.100", SECRET_A, NULL, T1 + 2400, COOKIE_OLD},
	{"after an hour", A1, "198.51.100.100", SECRET_A, NULL, T1 + 3600, COOKIE_OLD},
	{"after more than an hour", A1, "198.51.100.100", SECRET_A, NULL, T1 + 3601, COOKIE_WRONG},
	{"five minutes from the future", A1, "198.51.100.100", SECRET_A, NULL, T1 - 300,
		COOKIE_OLD},
	{"more from the future", A1, "198.51.100.100", SECRET_A, NULL, T1 - 301, COOKIE_WRONG},
	{"half the circle of time away", A1, "198.51.100.100", SECRET_A, NULL, T1 + 0x80000000u,
		COOKIE_WRONG},
	{"another address", A1, "198.51.100.101", SECRET_A, NULL, T1, COOKIE_WRONG},
	{"another family", A1, "::198.51.100.100", SECRET_A, NULL, T1, COOKIE_WRONG},
	{"another secret", A1, "198.51.100.100", SECRET_B, SECRET_C, T1, COOKIE_WRONG},
	{"another client's part", "3464c4abcf10c957010000005cf79f111f8130c3eee29480",
		"198.51.100.100", SECRET_A, NULL, T1, COOKIE_WRONG},
	{"another time", "2464c4abcf10c957010000005cf79f101f8130c3eee29480", "198.51.100.100",
		SECRET_A, NULL, T1, COOKIE_WRONG},
	{"another version", "2464c4abcf10c957020000005cf79f111f8130c3eee29480", "198.51.100.100",
		SECRET_A, NULL, T1, COOKIE_WRONG},
	{"a server part of 8", "2464c4abcf10c957010000005cf79f11", "198.51.100.100", SECRET_A, NULL,
		T1, COOKIE_WRONG},
	{"a server part of 17", A1 "00", "198.51.100.100", SECRET_A, NULL, T1, COOKIE_WRONG},
	{"A.3: reserved octets count", A3, "203.0.113.203", SECRET_A, NULL, T3, COOKIE_GOOD},
	{"other reserved octets", "fc93fc62807ddb8601abcdee5cf78f71a314227b6679ebf5",
		"203.0.113.203", SECRET_A, NULL, T3, COOKIE_WRONG},
	{"A.4: the old secret, a new one makes", A4, V6, SECRET_C, SECRET_B, 1559741961,
		COOKIE_OLD},
	{"a secret to come", A4, V6, SECRET_B, SECRET_C, 1559741961, COOKIE_GOOD},
	{"A.4 without the old secret", A4, V6, SECRET_C, NULL, 1559741961, COOKIE_WRONG},
};

static void cookies_are_judged_as_rfc_9018_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(judged); i++) {
		const struct judged_case *c = &judged[i];
		struct cookie_keys keys = keys_of(c->first, c->second);
		struct addr client = address(c->address);
		size_t size = strlen(c->cookie) / 2;
		uint8_t *exact = malloc(size + 1); /* ASan sees a read past the end */
		enum cookie_state got;

		assert_non_null(exact);
		unhex(c->cookie, exact);
		exact = realloc(exact, size > 0 ? size : 1);
		got = cookie_judge(&keys, exact, size, &client, c->now_s);
		free(exact);
		if (got != c->state)
			fail_msg("%s: %d", c->what, (int)got);
	}
}

static void each_day_has_its_secret_and_takes_yesterdays(void **state)
{
	const struct conf_secret seed = {{1, 2, 3}}, other = {{1, 2, 4}};
	const uint32_t midnight = 20000 * COOKIE_DAY_S;
	const uint8_t part[COOKIE_CLIENT_SIZE] = {7};
	struct addr client = address("192.0.2.1");
	struct cookie_keys before, after, again, foreign;
	uint8_t cookie[COOKIE_SIZE];

	(void)state;
	cookie_keys_of_day(&seed, midnight - 1, &before);
	cookie_keys_of_day(&seed, midnight, &after);
	cookie_keys_of_day(&seed, midnight + COOKIE_DAY_S - 1, &again);
	cookie_keys_of_day(&other, midnight, &foreign);
	assert_int_equal(before.day, 19999);
	assert_int_equal(after.day, 20000);
	assert_memory_not_equal(&before.secrets.secret[0], &after.secrets.secret[0], 16);
	assert_memory_not_equal(
		after.secrets.secret[0].octets, after.secrets.secret[0].octets + 8, 8);
	assert_memory_equal(&after.secrets.secret[1], &before.secrets.secret[0], 16);
	assert_memory_equal(&after.secrets.secret[0], &again.secrets.secret[0], 16);
	cookie_make(&before, part, &client, midnight - 1, cookie);
	assert_int_equal(
		cookie_judge(&before, cookie, sizeof cookie, &client, midnight - 1), COOKIE_GOOD);
	assert_int_equal(
		cookie_judge(&after, cookie, sizeof cookie, &client, midnight), COOKIE_OLD);
	assert_int_equal(
		cookie_judge(&foreign, cookie, sizeof cookie, &client, midnight), COOKIE_WRONG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_made_as_rfc_9018_shows),
		cmocka_unit_test(cookies_are_judged_as_rfc_9018_says),
		cmocka_unit_test(each_day_has_its_secret_and_takes_yesterdays),
	};

	TEST_MAIN(tests);
}
