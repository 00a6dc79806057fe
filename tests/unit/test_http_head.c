#include "health/http_head.h"

#include "tests/unit/test.h"

/* Lines parted by |, each ended by CR LF: a whole head ends with one |. */
static const char *read_head(struct http_head *h, const char *lines)
{
	*h = (struct http_head){0};
	for (const char *end; (end = strchr(lines, '|')) != NULL; lines = end + 1) {
		char line[200];
		int length = snprintf(line, sizeof line, "%.*s\r\n", (int)(end - lines), lines);
		const char *wrong = http_head_line(h, line, (size_t)length);

		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

#define OK "HTTP/1.1 200 OK|"

static void good_heads_say_how_long_the_body_is(void **state)
{
	static const struct {
		const char *lines;
		uint16_t status;
		bool known;
		uint64_t octets;
	} cases[] = {
		{OK "|", 200, false, 0},
		{"HTTP/1.0 200|Server: x||", 200, false, 0},
		{"HTTP/1.1 200 |Server:||", 200, false, 0},
		{OK "Content-Length: 5||", 200, true, 5},
		{OK "content-length:0||", 200, true, 0},
		{OK "CONTENT-LENGTH: \t 007 ||", 200, true, 7},
		{OK "Content-Length: 5|Content-Length: 5||", 200, true, 5},
		{OK "Content-Length: 5, 5 ,5||", 200, true, 5},
		{OK "Content-Length: 9223372036854775799||", 200, true, 9223372036854775799u},
		{OK "Transfer-Encoding: chunked|Content-Length: 5||", 200, false, 0},
		{OK "Content-Length: 5|transfer-encoding: chunked||", 200, false, 0},
		{OK "Content-Length-X: 5|X-Content-Length: 6||", 200, false, 0},
		{OK "X: one| and two|\tand three||", 200, false, 0},
		{OK "X: a:b:c|!#$%&'*+-.^_`~: \"x\"\t\x80\xff||", 200, false, 0},
		{"HTTP/1.1 204 No Content|Content-Length: 5||", 204, true, 0},
		{"HTTP/1.1 304 Not Modified|Content-Length: 5||", 304, true, 0},
		{"HTTP/1.1 100 Continue|Content-Length: 3||" OK "Content-Length: 4||", 200, true,
			4},
		{"HTTP/1.1 103 Early Hints|Link: x||HTTP/1.1 103 x||HTTP/1.1 404 No||", 404, false,
			0},
		{"HTTP/1.1 101 Switching Protocols|Upgrade: x||", 101, false, 0},
		{"HTTP/1.1 700 Odd||", 700, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t octets = 0;
		struct http_head h;
		const char *wrong = read_head(&h, cases[i].lines);

		if (wrong != NULL)
			fail_msg("%s: %s", cases[i].lines, wrong);
		assert_int_equal(h.at, HEAD_DONE);
		assert_int_equal(h.status, cases[i].status);
		assert_int_equal(http_head_body(&h, &octets), cases[i].known);
		assert_int_equal(octets, cases[i].octets);
	}
}

static void bad_heads_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *lines, *wrong;
	} cases[] = {
		{"HTTP/1.1|", "malformed status line"},
		{"HTTP/1.1 20|", "malformed status line"},
		{"HTTP/1.1 2000 OK|", "malformed status line"},
		{"HTTP/1.1 200OK|", "malformed status line"},
		{"HTTP/1.1  200 OK|", "malformed status line"},
		{"HTTP/1.1 099 OK|", "malformed status line"},
		{"HTTP/1.1 -20 OK|", "malformed status line"},
		{"HTTP/2 200|", "malformed status line"},
		{"HTTP/2.0 200 OK|", "malformed status line"},
		{"http/1.1 200 OK|", "malformed status line"},
		{"ICY 200 OK|", "malformed status line"},
		{"|", "malformed status line"},
		{OK "Content-Length: 2|Content-Length: 5|", "two different Content-Length"},
		{OK "Content-Length: 2, 5|", "two different Content-Length"},
		{OK "Content-Length: -1|", "malformed Content-Length"},
		{OK "Content-Length: +1|", "malformed Content-Length"},
		{OK "Content-Length:|", "malformed Content-Length"},
		{OK "Content-Length: 5,|", "malformed Content-Length"},
		{OK "Content-Length: ,5|", "malformed Content-Length"},
		{OK "Content-Length: 5 5|", "malformed Content-Length"},
		{OK "Content-Length: 0x5|", "malformed Content-Length"},
		{OK "Content-Length: 5.0|", "malformed Content-Length"},
		{OK "Content-Length: 9223372036854775810|", "malformed Content-Length"},
		{OK "Content-Length: 99999999999999999999999|", "malformed Content-Length"},
		{OK "no colon here|", "header line without a colon"},
		{OK ": nameless|", "header without a name"},
		{OK "Server : x|", "malformed header name"},
		{OK "Ser ver: x|", "malformed header name"},
		{OK "S\xc3\xa9rver: x|", "malformed header name"},
		{OK "(x): y|", "malformed header name"},
		{OK " folded: x|", "header begins with a blank"},
		{OK "X: a\rb|", "control octet in a header"},
		{OK "X: a| b\rc|", "control octet in a header"},
		{"HTTP/1.1 100 Continue||Server: x|", "malformed status line"},
		/* trailers */
		{OK "Transfer-Encoding: chunked||X: y|no colon|", "header line without a colon"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_head h;
		const char *wrong = read_head(&h, cases[i].lines);

		if (wrong == NULL || strcmp(wrong, cases[i].wrong) != 0)
			fail_msg("%s: %s", cases[i].lines, wrong != NULL ? wrong : "accepted");
	}
}

static void a_nul_in_a_header_is_refused(void **state)
{
	static const char status[] = "HTTP/1.1 200 OK\n", line[] = "X: a\0b\r\n";
	struct http_head h = {0};

	(void)state;
	assert_null(http_head_line(&h, status, sizeof status - 1)); /* a bare LF is fine */
	assert_string_equal(http_head_line(&h, line, sizeof line - 1), "control octet in a header");
}

static void a_trailer_changes_no_length(void **state)
{
	uint64_t octets;
	struct http_head h;

	(void)state;
	assert_null(read_head(&h, OK "Content-Length: 4||Content-Length: 9||"));
	assert_true(http_head_body(&h, &octets));
	assert_int_equal(octets, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_heads_say_how_long_the_body_is),
		cmocka_unit_test(bad_heads_are_refused_with_the_reason),
		cmocka_unit_test(a_nul_in_a_header_is_refused),
		cmocka_unit_test(a_trailer_changes_no_length),
	};

	TEST_MAIN(tests);
}
