#include "zones/scan.h"

#include "base/text.h"
#include "tests/unit/test.h"

#include <sys/mman.h>
#include <unistd.h>

/* All entries, one a line: "~" when it starts blank, then token@line:column; quoted ones as <token>,
 * with a "+" when they are glued to a word. */
static void describe(struct scan *s, struct text *out)
{
	while (scan_next(s)) {
		text_puts(out, s->blank ? "~" : "");
		for (size_t i = 0; i < s->count; i++) {
			const struct token *t = &s->tokens[i];

			text_printf(out, t->quoted ? "%s%s<%.*s>@%u:%u" : "%s%s%.*s@%u:%u",
				i > 0 ? " " : "", t->glued ? "+" : "", (int)t->length, t->text,
				t->line, t->column);
		}
		text_puts(out, "\n");
	}
	for (size_t i = 0; i < s->report->count; i++)
		text_printf(out, "! %u:%u %s\n", s->report->items[i].line,
			s->report->items[i].column, s->report->items[i].text);
	text_puts(out, "");
}

static void scan_text(const char *text, size_t length, struct text *out)
{
	/* no NUL behind it: AddressSanitizer sees every octet read too far */
	char *copy = malloc(length > 0 ? length : 1);
	struct report report = {0};
	struct scan s;

	memcpy(copy, text, length);
	scan_memory(&s, copy, length, "t", &report);
	describe(&s, out);
	scan_close(&s);
	report_free(&report);
	free(copy);
}

struct scan_case {
	const char *text, *expected;
};

static const struct scan_case cases[] = {
	{"", ""},
	{"\n \n; only a comment\n\t; and another", ""},
	{"a b\nc", "a@1:1 b@1:3\nc@2:1\n"},
	{"a b ; c\n", "a@1:1 b@1:3\n"},
	{"a;b\n", "a@1:1\n"},
	{" a\n\tb\n", "~a@1:2\n~b@2:2\n"},
	{"a b\r\nc\r\n", "a@1:1 b@1:3\nc@2:1\n"},
	{"a b\r\n", "a@1:1 b@1:3\n"},
	{"\xef\xbb\xbf"
	 "a b\n",
		"a@1:1 b@1:3\n"},
	/* parentheses over lines */
	{"a ( b\n c ; x\n\n  d ) e\nf\n", "a@1:1 b@1:5 c@2:2 d@4:3 e@4:7\nf@5:1\n"},
	{"a (b)\n", "a@1:1 b@1:4\n"},
	{"a(b c)d\n", "a@1:1 b@1:3 c@1:5 d@1:7\n"},
	{"( a\n b )\n", "a@1:3 b@2:2\n"},
	{"a ((b) c\n)\n", "a@1:1 b@1:5 c@1:8\n"},
	{"a ()\n", "a@1:1\n"},
	/* quotes */
	{"a \"b c\" d\n", "a@1:1 <b c>@1:3 d@1:9\n"},
	{"a \"b;(c)\"\n", "a@1:1 <b;(c)>@1:3\n"},
	{"a \"b\nc\" d\ne\n", "a@1:1 <b\nc>@1:3 d@2:4\ne@3:1\n"},
	{"a \"b\\\"c\"\n", "a@1:1 <b\\\"c>@1:3\n"},
	{"a \"\" x\n", "a@1:1 <>@1:3 x@1:6\n"},
	{"a \"b\"\"c\"\n", "a@1:1 <b>@1:3 <c>@1:6\n"},
	/* a quote ends a word, as in BIND and NSD; that it is glued to it is kept for key="value" */
	{"a alpn=\"h2 h3\" b\n", "a@1:1 alpn=@1:3 +<h2 h3>@1:8 b@1:16\n"},
	{"a x=\"y\"z\n", "a@1:1 x=@1:3 +<y>@1:5 z@1:8\n"},
	{"a ef\"gh\"\"ij\"\n", "a@1:1 ef@1:3 +<gh>@1:5 <ij>@1:9\n"},
	{"a\"b\"\n", "a@1:1 +<b>@1:2\n"},
	{"a x= \"y\"\n", "a@1:1 x=@1:3 <y>@1:6\n"},
	/* escapes */
	{"a\\ b c\\;d e\\\"f\n", "a\\ b@1:1 c\\;d@1:6 e\\\"f@1:11\n"},
	{"a\\(b\n", "a\\(b@1:1\n"},
	/* octets above 127 are octets */
	{"caf\xc3\xa9\n", "caf\xc3\xa9@1:1\n"},
	/* no final newline */
	{"a", "a@1:1\n"},
	{"a \"b\"", "a@1:1 <b>@1:3\n"},
	{"a ( b )", "a@1:1 b@1:5\n"},
	{"a ; b", "a@1:1\n"},
	{"a\r", "! 1:2 a carriage return without a newline\n"},
	/* mistakes; the rest of the line is skipped */
	{"a ) b\nc\n", "c@2:1\n! 1:3 ')' without '('\n"},
	{"a b\"c d\ne\n", "e@2:1\n! 1:4 quote is not closed\n"},
	{"a \x01 d\ne\n", "e@2:1\n! 1:3 control character; write it as \\001\n"},
	{"a \"x\x7f\" d\ne\n", "e@2:1\n! 1:5 control character; write it as \\127\n"},
	{"a \r d\ne\n", "e@2:1\n! 1:3 a carriage return without a newline\n"},
	{"a b\\\nc\n", "c@2:1\n! 1:3 a backslash stands at the end of the line\n"},
	{"a b\\", "! 1:3 a backslash has nothing behind it\n"},
	/* LIBRARIES.md: a missing parenthesis or quote must not swallow records */
	{"a ( b\nc d\ne\n", "c@2:1 d@2:3\ne@3:1\n! 1:3 '(' is not closed\n"},
	{"a \"b\nc d\ne\n", "c@2:1 d@2:3\ne@3:1\n! 1:3 quote is not closed\n"},
	{"a ( \"b\nc\n", "c@2:1\n! 1:3 '(' is not closed\n"},
	{"a ( b", "! 1:3 '(' is not closed\n"},
	{"a \"b", "! 1:3 quote is not closed\n"},
	{"a \"b\\", "! 1:3 quote is not closed\n"},
	{"a x=\"b\nc\n", "c@2:1\n! 1:5 quote is not closed\n"},
};

static void text_becomes_tokens_with_their_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text out = {0};

		scan_text(cases[i].text, strlen(cases[i].text), &out);
		if (strcmp(out.data, cases[i].expected) != 0)
			fail_msg("%s\ngives:\n%s\nexpected:\n%s", cases[i].text, out.data,
				cases[i].expected);
		text_free(&out);
	}
}

static void nul_octets_are_refused(void **state)
{
	struct text out = {0};

	(void)state;
	scan_text("a \0 b\nc\n", 8, &out);
	assert_string_equal(out.data, "c@2:1\n! 1:3 control character; write it as \\000\n");
	text_free(&out);
}

/* The same text from a file, through the window, gives the same entries as from memory. */
static void entries_may_lie_across_windows(void **state)
{
	struct text text = {0}, memory = {0}, file = {0};
	struct report report = {0};
	int fd = memfd_create("scan", MFD_CLOEXEC);
	uint64_t limit = UINT64_MAX;
	struct scan s;

	(void)state;
	for (unsigned i = 0; text.length < 3 * SCAN_WINDOW; i++) {
		text_puts(&text, cases[i % COUNT(cases)].expected[0] == '!'
					 ? "good line\n"
					 : "a ( \"b\nc\" d ; comment ( \"\n e\\; x=\"y z\" )\r\n");
		text_printf(&text, "host%u 3600 IN A 192.0.2.%u\n", i, i & 255);
		if (i % 1000 == 999) /* an entry larger than a window */
			text_printf(&text, "big ( %0300000d )\n", 7);
	}
	scan_text(text.data, text.length, &memory);
	assert_int_equal(write(fd, text.data, text.length), (ssize_t)text.length);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	scan_file(&s, fd, &limit, "t", &report);
	describe(&s, &file);
	scan_close(&s);
	assert_int_equal(report.count, 0);
	assert_string_equal(file.data, memory.data);
	(void)close(fd);
	text_free(&text);
	text_free(&memory);
	text_free(&file);
}

static void pipe_writer_is_not_needed_for_small_reads(void **state)
{
	struct report report = {0};
	struct text out = {0};
	uint64_t limit = 10;
	int ends[2];
	struct scan s;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1],
				 "\xef\xbb\xbf"
				 "a b\nc d",
				 10),
		10);
	(void)close(ends[1]);
	scan_file(&s, ends[0], &limit, "t", &report);
	describe(&s, &out);
	assert_string_equal(out.data, "a@1:1 b@1:3\nc@2:1 d@2:3\n");
	assert_int_equal(limit, 0);
	scan_close(&s);
	(void)close(ends[0]);
	text_free(&out);
}

/* What `limit` and the bounds do to text from a file. Returns the description; the caller's. */
static char *scan_limited(const struct text *text, uint64_t limit)
{
	struct report report = {0};
	struct text out = {0};
	int fd = memfd_create("scan", MFD_CLOEXEC);
	struct scan s;

	assert_int_equal(write(fd, text->data, text->length), (ssize_t)text->length);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	scan_file(&s, fd, &limit, "t", &report);
	describe(&s, &out);
	scan_close(&s);
	report_free(&report);
	(void)close(fd);
	return out.data;
}

static void files_and_entries_are_bounded(void **state)
{
	struct text text = {0};
	char *said;

	(void)state;
	text_puts(&text, "a b\n");
	said = scan_limited(&text, 3);
	assert_string_equal(said, "! 1:0 more text than the 2147483648 octets of a zone; "
				  "the rest was not read\n");
	free(said);
	text_puts(&text, "word");
	while (text.length < SCAN_ENTRY_MAX + 10)
		text_puts(&text, "xxxxxxxxxxxxxxxx");
	text_puts(&text, "\nc d\n");
	said = scan_limited(&text, UINT64_MAX);
	assert_string_equal(said, "a@1:1 b@1:3\n! 2:0 entry is longer than 1048576 octets; "
				  "the rest of the file was not read\n");
	free(said);
	text_free(&text);
}

static void files_that_belong_together_share_one_limit(void **state)
{
	struct text text = {0}, first = {0};
	struct report report = {0};
	int fd = memfd_create("scan", MFD_CLOEXEC);
	uint64_t limit = 10;
	struct scan s;

	(void)state;
	text_puts(&text, "abc de\n");
	assert_int_equal(write(fd, text.data, text.length), (ssize_t)text.length);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	scan_file(&s, fd, &limit, "t", &report);
	describe(&s, &first);
	scan_close(&s);
	assert_string_equal(first.data, "abc@1:1 de@1:5\n");
	assert_int_equal(limit, 3);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	scan_file(&s, fd, &limit, "t", &report);
	assert_false(scan_next(&s));
	scan_close(&s);
	assert_int_equal(report.errors, 1);
	report_free(&report);
	(void)close(fd);
	text_free(&text);
	text_free(&first);
}

/* An open parenthesis costs a look at the next megabyte, not at the whole file, and only so often. */
static void entries_without_an_end_are_given_up_after_some(void **state)
{
	struct text text = {0};
	char *said;
	unsigned messages = 0;

	(void)state;
	for (int i = 0; i < 100000; i++)
		text_puts(&text, "name ( A 192.0.2.1 ; open\n");
	said = scan_limited(&text, UINT64_MAX);
	for (const char *p = said; (p = strchr(p, '!')) != NULL; p++)
		messages++;
	if (messages != SCAN_RECOVERIES_MAX + 1)
		fail_msg("%.*s", 1000, said);
	assert_non_null(strstr(said, "! 16:6 '(' is not closed\n! 16:6 16 entries without an end; "
				     "the rest of the file was not read\n"));
	free(said);
	text_free(&text);
}

static void a_read_error_is_reported(void **state)
{
	struct report report = {0};
	struct text out = {0};
	uint64_t limit = UINT64_MAX;
	struct scan s;

	(void)state;
	scan_file(&s, -1, &limit, "t", &report);
	describe(&s, &out);
	assert_string_equal(out.data, "! 1:0 cannot read: Bad file descriptor\n");
	scan_close(&s);
	report_free(&report);
	text_free(&out);
}

static void tokens_are_shown_cut_and_clean(void **state)
{
	char text[200], out[TOKEN_SHOWN_MAX];
	struct token t = {.text = text, .length = 0};

	(void)state;
	memset(text, 'x', sizeof text);
	assert_string_equal(token_show(&t, out), "");
	for (uint32_t length = 1; length <= sizeof text; length++) {
		t.length = length;
		assert_int_equal(strlen(token_show(&t, out)),
			length < TOKEN_SHOWN_MAX ? length : TOKEN_SHOWN_MAX - 1);
	}
	assert_string_equal(out + TOKEN_SHOWN_MAX - 5, "x...");
	memcpy(text, "a\n\x01\xff", 4);
	t.length = 4;
	assert_string_equal(token_show(&t, out), "a???");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_tokens_with_their_places),
		cmocka_unit_test(nul_octets_are_refused),
		cmocka_unit_test(entries_may_lie_across_windows),
		cmocka_unit_test(pipe_writer_is_not_needed_for_small_reads),
		cmocka_unit_test(files_and_entries_are_bounded),
		cmocka_unit_test(files_that_belong_together_share_one_limit),
		cmocka_unit_test(entries_without_an_end_are_given_up_after_some),
		cmocka_unit_test(a_read_error_is_reported),
		cmocka_unit_test(tokens_are_shown_cut_and_clean),
	};

	TEST_MAIN(tests);
}
