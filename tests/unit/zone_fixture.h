/* Zones from text for the tests of zones/: accepted ones, and the messages of refused ones. */
#ifndef TESTS_UNIT_ZONE_FIXTURE_H
#define TESTS_UNIT_ZONE_FIXTURE_H

#include "tests/unit/test.h"

#include "base/text.h"
#include "zones/zone.h"

/* What every zone needs: three lines. */
#define HEAD                                                                                       \
	"@ 3600 SOA ns1 hostmaster 7 7200 3600 1209600 300\n"                                      \
	"@ 3600 NS ns1\n"                                                                          \
	"ns1 3600 A 192.0.2.1\n"

static inline int zone_read(const char *text, struct zone **z, struct report *report)
{
	static const char *const names[] = {"web", "mail", "london", "newyork"};
	const struct zone_pools pools = {
		.pools = names, .pool_count = 2, .regions = names + 2, .region_count = 2};

	return zone_parse(text, strlen(text), -1, "t", "example.com.", &pools, z, report);
}

/* All messages, one a line, without the file: "2:5: error: …". */
static inline void messages_add(const struct report *report, struct text *out)
{
	char line[ERR_FILE_MAX + ERR_TEXT_MAX];

	for (size_t i = 0; i < report->count; i++) {
		struct err e = report->items[i];

		if (e.line != 0 && strcmp(e.file, "t") == 0)
			text_printf(out, "%u:%u: ", e.line, e.column);
		else if (e.line != 0)
			text_printf(out, "%s:%u:%u: ", e.file, e.line, e.column);
		e.file[0] = '\0';
		err_format(&e, line, sizeof line);
		text_printf(out, "%s\n", line);
	}
	if (out->data == NULL)
		text_puts(out, "");
}

static inline struct zone *zone_good(const char *text)
{
	struct report report = {0};
	struct text messages = {0};
	struct zone *z = NULL;

	if (zone_read(text, &z, &report) < 0) {
		messages_add(&report, &messages);
		fail_msg("refused:\n%s%s", text, messages.data);
	}
	report_free(&report);
	return z;
}

/* The zone is read; its messages are exactly these lines. */
static inline void expect_messages(const char *text, const char *expected)
{
	struct report report = {0};
	struct text messages = {0};
	struct zone *z = NULL;
	int rc = zone_read(text, &z, &report);

	messages_add(&report, &messages);
	if (strcmp(messages.data, expected) != 0)
		fail_msg("zone:\n%s\nmessages:\n%s\nexpected:\n%s", text, messages.data, expected);
	assert_int_equal(rc, report.errors > 0 ? -1 : 0);
	if (rc == 0)
		zone_free(z);
	text_free(&messages);
	report_free(&report);
}

/* The zone is accepted and prints as these lines behind the two of HEAD's apex. */
static inline void expect_print(const char *text, const char *expected)
{
	struct zone *z = zone_good(text);
	struct text out = {0};
	const char *rest;

	zone_print(z, &out);
	rest = strchr(strchr(out.data, '\n') + 1, '\n') + 1;
	if (strcmp(rest, expected) != 0)
		fail_msg("zone:\n%s\nprints:\n%s\nexpected:\n%s", text, rest, expected);
	text_free(&out);
	zone_free(z);
}

#endif
