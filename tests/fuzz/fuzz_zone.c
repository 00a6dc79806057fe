/*
 * The zone reader on any text: a zone that is accepted must print, the print must load to an equal
 * zone, and each of its names must be found.
 */
#include "base/err.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"
#include "zones/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MOST 65536u /* octets of an input; longer ones find nothing new */

static void require(bool condition, const char *what, const struct text *printed)
{
	if (condition)
		return;
	(void)fprintf(stderr, "%s\n%s\n", what, printed->data != NULL ? printed->data : "");
	abort();
}

static int parse(const char *text, size_t length, struct zone **z)
{
	static const char *const names[] = {"web", "mail", "london"};
	const struct zone_pools pools = {
		.pools = names, .pool_count = 2, .regions = names + 2, .region_count = 1};
	struct report report = {0};
	int rc = zone_parse(text, length, -1, "fuzz.zone", "example.com.", &pools, z, &report);

	if ((rc < 0) != (report.errors > 0))
		abort(); /* refused without a reason, or accepted with an error */
	report_free(&report);
	return rc;
}

static int find_name(void *arg, const uint8_t *owner, const struct node *n)
{
	const struct zone *z = arg;
	uint8_t wire[NAME_WIRE_MAX];
	size_t length = name_length(owner) - 1;
	struct dname name;
	struct find found;

	memcpy(wire, owner, length);
	memcpy(wire + length, zone_apex(z), name_length(zone_apex(z)));
	if (dname_from_wire(&name, wire, sizeof wire) == 0 || zone_find_exact(z, &name) != n)
		abort();
	zone_find(z, &name, &found);
	if ((node_flags(n) & (NODE_CUT | NODE_BELOW_CUT)) == 0
			? found.kind != FIND_NODE || found.node != n
			: found.kind != FIND_CUT)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone *first, *second = NULL;
	struct text one = {0}, two = {0};

	if (size > SIZE_MOST || parse((const char *)data, size, &first) < 0)
		return 0;
	(void)zone_walk(first, find_name, first);
	zone_print(first, &one);
	require(!one.failed && parse(one.data, one.length, &second) == 0, "the print is refused",
		&one);
	zone_print(second, &two);
	require(one.length == two.length && memcmp(one.data, two.data, one.length) == 0,
		"the print of the print differs", &one);
	require(zone_digest(first) == zone_digest(second), "the digest differs", &one);
	require(zone_record_count(first) == zone_record_count(second), "the count differs", &one);
	text_free(&one);
	text_free(&two);
	zone_free(first);
	zone_free(second);
	return 0;
}
