/* conf/secrets.c: the keys of DNS cookies from the configuration and from a file of their own. */
#include "tests/unit/conf_text.h"

#include <unistd.h>

#define ONE   "000102030405060708090a0b0c0d0e0f"
#define TWO   "f0F1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define THREE "ffffffffffffffffffffffffffffffff"

/* What a file of this text gives; `path` gets its name. */
static int load(const char *text, char path[32], struct conf_secrets *out, struct err *e)
{
	struct conf c = {.dns = {.secret_file = path}};
	int fd, rc;

	(void)snprintf(path, 32, "/tmp/waymark-secrets-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	rc = conf_secrets_load(&c, out, e);
	assert_int_equal(unlink(path), 0);
	return rc;
}

static void secrets_of_a_file_keep_their_order(void **state)
{
	struct conf_secrets s;
	char path[32];
	struct err e;

	(void)state;
	assert_int_equal(
		load("# made on Monday\n\n" ONE "\n\t" TWO " \r\n" THREE, path, &s, &e), 0);
	assert_int_equal(s.count, 3);
	assert_memory_equal(s.secret[0].octets,
		"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16);
	assert_memory_equal(s.secret[1].octets,
		"\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff", 16);
	assert_int_equal(s.secret[2].octets[15], 0xff);
}

static void a_bad_file_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *message;
		unsigned line;
	} cases[] = {
		{"", "there is no secret in it", 0},
		{"# nothing\n", "there is no secret in it", 0},
		{ONE "\n\n" ONE "0\n",
			"is no secret: write 32 hexadecimal digits, not 33 characters", 3},
		{"g" ONE, "is no secret: write 32 hexadecimal digits, not 33 characters", 1},
		{"00010203 405060708090a0b0c0d0e0f",
			"is no secret: character 9 of it is no hexadecimal digit", 1},
		{ONE "\n" ONE "\n" ONE "\n" ONE "\n", "more than 3 secrets", 4},
	};
	char path[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf_secrets s = {.count = 77};
		struct err e;

		assert_int_equal(load(cases[i].text, path, &s, &e), -1);
		assert_string_equal(e.text, cases[i].message);
		assert_string_equal(e.file, path);
		assert_int_equal(e.line, cases[i].line);
		assert_int_equal(s.count, 77);
	}
}

static void a_missing_file_is_an_error_that_names_it(void **state)
{
	struct conf c = {.dns = {.secret_file = "/nonexistent/secrets"}};
	struct conf_secrets s;
	struct err e;

	(void)state;
	assert_int_equal(conf_secrets_load(&c, &s, &e), -1);
	assert_string_equal(e.file, "/nonexistent/secrets");
}

static void secrets_of_the_configuration_are_taken_as_they_are(void **state)
{
	struct conf c = {.dns.secrets = {.secret = {{{1}}, {{2}}}, .count = 2}};
	struct conf_secrets s;
	struct err e;

	(void)state;
	assert_int_equal(conf_secrets_load(&c, &s, &e), 0);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.secret[1].octets[0], 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_of_a_file_keep_their_order),
		cmocka_unit_test(a_bad_file_is_refused_with_its_line),
		cmocka_unit_test(a_missing_file_is_an_error_that_names_it),
		cmocka_unit_test(secrets_of_the_configuration_are_taken_as_they_are),
	};

	TEST_MAIN(tests);
}
