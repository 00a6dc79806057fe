/*
 * Configurations as text. A case marks with ^ where each message must point, so that places are
 * written down by hand where they are meant:
 *
 *     conf_refused("workers: ^65", "workers: \"65\" is out of range: 1 to 64");
 */
#ifndef TESTS_UNIT_CONF_TEXT_H
#define TESTS_UNIT_CONF_TEXT_H

#include "tests/unit/test.h"

#include "base/text.h"
#include "conf/conf.h"
#include "conf/print.h"

/* Two lines that every file needs. */
#define CONF_HEAD "listen: 127.0.0.1:53\nzones: zones\n"

/* Take the marks out of `marked` and give each line of `texts` the place of its mark. */
static inline void conf_unmark(
	const char *marked, const char *texts, struct text *text, struct text *expected)
{
	unsigned line = 1, column = 1;

	text_puts(text, "");
	text_puts(expected, "");
	for (const char *p = marked; *p != '\0'; p++) {
		if (*p == '^') {
			size_t length = strcspn(texts, "\n");

			text_printf(expected, "%s%u:%u: %.*s", expected->length > 0 ? "\n" : "",
				line, column, (int)length, texts);
			texts += length + (texts[length] == '\n');
			continue;
		}
		text_add(text, p, 1);
		if (*p == '\n') {
			line++;
			column = 1;
		} else if (((uint8_t)*p & 0xc0u) != 0x80u) {
			column++;
		}
	}
	if (*texts != '\0')
		fail_msg("no mark for: %s", texts);
}

/* NULL when there were errors. `messages` gets all of them and the warnings. */
static inline struct conf *conf_of(const char *text, size_t length, struct text *messages)
{
	struct report report = {0};
	struct conf *c = NULL;
	int rc = conf_parse("waymark.yaml", text, length, &c, &report);

	assert_int_equal(rc, report.errors > 0 ? -1 : 0);
	text_puts(messages, "");
	for (size_t i = 0; i < report.count; i++) {
		const struct err *e = &report.items[i];

		assert_string_equal(e->file, "waymark.yaml");
		text_printf(messages, "%s%u:%u: %s%s", i > 0 ? "\n" : "", e->line, e->column,
			e->severity == SEVERITY_WARNING ? "warning: " : "", e->text);
	}
	report_free(&report);
	return rc == 0 ? c : NULL;
}

/* Parse the whole file `marked`; its messages must be exactly `texts` at the marks. */
static inline struct conf *conf_expect_whole(const char *marked, const char *texts)
{
	struct text text = {0}, expected = {0}, messages = {0};
	struct conf *c;

	conf_unmark(marked, texts, &text, &expected);
	c = conf_of(text.data, text.length, &messages);
	if (strcmp(messages.data, expected.data) != 0)
		print_message("in:\n%s\n", text.data);
	assert_string_equal(messages.data, expected.data);
	text_free(&text);
	text_free(&expected);
	text_free(&messages);
	return c;
}

/* The same with CONF_HEAD before it. */
static inline struct conf *conf_expect(const char *marked, const char *texts)
{
	struct text whole = {0};
	struct conf *c;

	text_puts(&whole, CONF_HEAD);
	text_puts(&whole, marked);
	c = conf_expect_whole(whole.data, texts);
	text_free(&whole);
	return c;
}

static inline struct conf *conf_good(const char *added)
{
	struct conf *c = conf_expect(added, "");

	assert_non_null(c);
	return c;
}

static inline void conf_refused(const char *marked, const char *texts)
{
	assert_null(conf_expect(marked, texts));
}

#endif
