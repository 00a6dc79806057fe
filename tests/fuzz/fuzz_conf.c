/*
 * waymark.yaml: no input crashes the reader, and what it accepts prints as a file that it accepts
 * again and that prints the same.
 */
#include "base/text.h"
#include "conf/conf.h"
#include "conf/print.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct conf *parse(const char *text, size_t length, bool must)
{
	struct report report = {0};
	struct conf *c = NULL;
	char line[1024];
	int rc = conf_parse("waymark.yaml", text, length, &c, &report);

	for (size_t i = 0; i < report.count; i++) {
		err_format(&report.items[i], line, sizeof line);
		if (must && rc < 0)
			(void)fprintf(stderr, "%s\n", line);
	}
	if ((rc == 0) != (report.errors == 0) || (must && rc < 0)) {
		(void)fprintf(stderr, "%.*s\n", (int)length, text);
		abort();
	}
	report_free(&report);
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text first = {0}, second = {0};
	struct conf *c = parse((const char *)data, size, false), *again;

	if (c == NULL)
		return 0;
	conf_print(c, &first);
	again = parse(first.data, first.length, true);
	conf_print(again, &second);
	if (strcmp(first.data, second.data) != 0) {
		(void)fprintf(stderr, "%s\n---\n%s\n", first.data, second.data);
		abort();
	}
	conf_free(c);
	conf_free(again);
	text_free(&first);
	text_free(&second);
	return 0;
}
