/* Master files: owners, TTLs, classes, directives; every mistake of a file in one run. */
#include "tests/unit/zone_fixture.h"

#include "base/wire.h"

#define NS1 "ns1.example.com. 3600 IN A 192.0.2.1\n"

struct print_case {
	const char *text, *printed; /* behind HEAD; ns1 is printed where it sorts */
};

static const struct print_case prints[] = {
	/* owners: inherited, relative, absolute, @ */
	{HEAD "a 60 A 192.0.2.2\n  60 A 192.0.2.3\n",
		"a.example.com. 60 IN A 192.0.2.2\na.example.com. 60 IN A 192.0.2.3\n" NS1},
	{HEAD "A.Example.COM. 60 A 192.0.2.2\n", "a.example.com. 60 IN A 192.0.2.2\n" NS1},
	{HEAD "@ 60 TXT x\n", "example.com. 60 IN TXT \"x\"\n" NS1},
	{HEAD "in 60 A 192.0.2.2\n60 60 A 192.0.2.3\n",
		"60.example.com. 60 IN A 192.0.2.3\nin.example.com. 60 IN A 192.0.2.2\n" NS1},
	{HEAD "\"a\" 60 A 192.0.2.2\n", "a.example.com. 60 IN A 192.0.2.2\n" NS1},
	{HEAD "a\\.b 60 A 192.0.2.2\n", "a\\.b.example.com. 60 IN A 192.0.2.2\n" NS1},
	/* class and TTL in either order, once each, with units */
	{HEAD "a IN 60 A 192.0.2.2\n", "a.example.com. 60 IN A 192.0.2.2\n" NS1},
	{HEAD "a 1h30m in A 192.0.2.2\n", "a.example.com. 5400 IN A 192.0.2.2\n" NS1},
	{HEAD "a CLASS1 1W a 192.0.2.2\n", "a.example.com. 604800 IN A 192.0.2.2\n" NS1},
	{HEAD "a 2147483647 A 192.0.2.2\n", "a.example.com. 2147483647 IN A 192.0.2.2\n" NS1},
	/* default TTLs: $TTL, else the last one given, else the SOA's minimum */
	{HEAD "$TTL 1d\na A 192.0.2.2\n", "a.example.com. 86400 IN A 192.0.2.2\n" NS1},
	{HEAD "$ttl 60\na 30 A 192.0.2.2\nb A 192.0.2.3\n",
		"a.example.com. 30 IN A 192.0.2.2\nb.example.com. 60 IN A 192.0.2.3\n" NS1},
	{HEAD "a 30 A 192.0.2.2\nb A 192.0.2.3\n",
		"a.example.com. 30 IN A 192.0.2.2\nb.example.com. 30 IN A 192.0.2.3\n" NS1},
	/* $ORIGIN in any case, relative ones joined (LIBRARIES.md) */
	{HEAD "$ORIGIN sub\na 60 A 192.0.2.2\n$origin deep\na 60 A 192.0.2.3\n",
		NS1 "a.sub.example.com. 60 IN A 192.0.2.2\n"
		    "a.deep.sub.example.com. 60 IN A 192.0.2.3\n"},
	{HEAD "$Origin example.com.\na 60 NS @\n", "a.example.com. 60 IN NS example.com.\n" NS1},
	/* types by number, RDATA in the form of RFC 3597 */
	{HEAD "a 60 TYPE1 192.0.2.2\n", "a.example.com. 60 IN A 192.0.2.2\n" NS1},
	{HEAD "a 60 A \\# 4 c0 00 0202\n", "a.example.com. 60 IN A 192.0.2.2\n" NS1},
	{HEAD "a 60 TYPE700 \\# 2 abCD\n", "a.example.com. 60 IN TYPE700 \\# 2 abcd\n" NS1},
	{HEAD "a 60 TYPE700 \\# 0\n", "a.example.com. 60 IN TYPE700 \\# 0\n" NS1},
	/* lines and strings */
	{HEAD "a 60 TXT ( one\r\n \"two\nlines\" ) ; three\r\nb 60 TXT four",
		"a.example.com. 60 IN TXT \"one\" \"two\\010lines\"\n"
		"b.example.com. 60 IN TXT \"four\"\n" NS1},
	{HEAD "a 60 ( IN\nA\n192.0.2.2 )\n", "a.example.com. 60 IN A 192.0.2.2\n" NS1},
	{HEAD "a 60 MX 10 Mail\n", "a.example.com. 60 IN MX 10 Mail.example.com.\n" NS1},
	/* POOL: its TTL is a cap, and neither $TTL nor other records' TTLs touch it */
	{HEAD "$TTL 60\na POOL web\nb 30 POOL mail region=london\nc A 192.0.2.2\n",
		"a.example.com. IN POOL web\nb.example.com. 30 IN POOL mail region=london\n"
		"c.example.com. 60 IN A 192.0.2.2\n" NS1},
	{HEAD "a 30 POOL web\na 30 MX 10 @\nb A 192.0.2.2\n",
		"a.example.com. 30 IN MX 10 example.com.\na.example.com. 30 IN POOL web\n"
		"b.example.com. 30 IN A 192.0.2.2\n" NS1},
};

static void accepted_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(prints); i++)
		expect_print(prints[i].text, prints[i].printed);
}

static void a_ttl_may_come_from_the_soa(void **state)
{
	struct zone *z = zone_good("@ SOA ns1 hostmaster 7 7200 3600 1209600 300\n@ NS ns1\n"
				   "ns1 A 192.0.2.1\n");

	(void)state;
	assert_int_equal(load_u32(zone_soa(z)->wire + 6), 300);
	assert_int_equal(load_u32(node_rrset(zone_apex_node(z), TYPE_NS)->wire + 6), 300);
	zone_free(z);
}

static void the_apex_is_the_owner_of_the_soa(void **state)
{
	struct zone *z =
		zone_good("$ORIGIN sub.example.org.\n@ 60 SOA ns. h. 1 1 1 1 1\n@ NS ns.\n");

	(void)state;
	assert_memory_equal(zone_apex(z),
		"\x03sub\x07"
		"example\x03org",
		17);
	assert_int_equal(zone_apex_labels(z), 3);
	assert_int_equal(zone_record_count(z), 2);
	zone_free(z);
	z = zone_good("a. 60 TXT x\n. 60 SOA ns. h. 1 1 1 1 1\n. NS a.\na. A 192.0.2.1\n");
	assert_int_equal(zone_apex_labels(z), 0);
	assert_int_equal(zone_record_count(z), 4);
	zone_free(z);
}

struct message_case {
	const char *text, *messages;
};

static const struct message_case refused[] = {
	{"", "error: the zone has no SOA record\n"},
	{"@ 60 NS ns.\n", "error: the zone has no SOA record\n"},
	{" 60 A 192.0.2.1\n" HEAD, "1:2: error: the first record has no owner name\n"},
	{HEAD "a..b 60 A 192.0.2.1\n  60 A 192.0.2.2\n",
		"4:1: error: owner \"a..b\": a label is empty\n"},
	{HEAD " $TTL 60\n", "4:2: error: \"$TTL\" stands behind a blank, which begins a record: "
			    "directives begin their line\n"},
	{HEAD "\t$ORIGIN a.\n$TTL 60\nb A 192.0.2.1\n",
		"4:2: error: \"$ORIGIN\" stands behind a blank, which begins a record: "
		"directives begin their line\n"},
	{HEAD "a 60\n", "4:3: error: the record has no type\n"},
	{HEAD "a\n", "4:1: error: the record has no type\n"},
	{HEAD "a CH 60 A 192.0.2.1\n", "4:3: error: class \"CH\": only IN is served\n"},
	{HEAD "a 60 CLASS3 A 192.0.2.1\n", "4:6: error: class \"CLASS3\": only IN is served\n"},
	{HEAD "a IN IN A 192.0.2.1\n", "4:6: error: type \"IN\": unknown type\n"},
	{HEAD "a 60 60 A 192.0.2.1\n", "4:6: error: type \"60\": unknown type\n"},
	{HEAD "a 60 AAA 192.0.2.1\n",
		"4:6: error: type \"AAA\": unknown type; did you mean AAAA?\n"},
	{HEAD "a 60 CNMAE b\n", "4:6: error: type \"CNMAE\": unknown type; did you mean CNAME?\n"},
	{HEAD "a 60 ANY b\n", "4:6: error: type \"ANY\": no zone may hold this type\n"},
	/* what people meant who wrote something else */
	{HEAD "www 60 A 192.0.2.1 # web\n",
		"4:20: error: \"#\": one field too many for A; comments begin with ;\n"},
	{HEAD "# web\n", "4:1: warning: owner \"#\"; comments begin with ;\n"
			 "4:3: error: type \"web\": unknown type\n"},
	{HEAD "  www 60 A 192.0.2.1\n",
		"4:3: error: type \"www\": unknown type; a line that begins with a blank goes on "
		"with the name above: an owner stands at the beginning of its line\n"},
	{HEAD "zone \"a.test\" {\n", "4:6: error: type \"a.test\": unknown type; this is a "
				     "statement of named.conf, not a record of a master file\n"},
	{HEAD "www 60 ALIAS web.\n",
		"4:8: error: type \"ALIAS\": unknown type; here POOL answers with the addresses "
		"of a pool's endpoints: \"@ POOL web\"\n"},
	/* LIBRARIES.md: TTLs wrap, unknown types without RDATA */
	{HEAD "a 2147483648 A 192.0.2.1\n",
		"4:3: error: TTL \"2147483648\": above 2147483647 seconds\n"},
	{HEAD "a 9999999999999999999999 A 192.0.2.1\n",
		"4:3: error: TTL \"9999999999999999999999\": above 2147483647 seconds\n"},
	{HEAD "a 100000w A 192.0.2.1\n", "4:3: error: TTL \"100000w\": above 2147483647 seconds\n"},
	{HEAD "a 1y A 192.0.2.1\n", "4:3: error: TTL \"1y\": not a time such as 3600 or 1h30m\n"},
	{HEAD "a 1h30 A 192.0.2.1\n",
		"4:3: error: TTL \"1h30\": not a time such as 3600 or 1h30m\n"},
	{HEAD "a NOSUCH\n", "4:3: error: type \"NOSUCH\": unknown type\n"},
	{HEAD "a TYPE700\n", "4:3: error: TYPE700 can only be given as \\# LENGTH HEXADECIMAL\n"},
	{"a A 192.0.2.1\n" HEAD, "1:3: error: no TTL here, no $TTL and no SOA before it\n"},
	/* directives */
	{HEAD "$NOSUCH x\n", "4:1: error: \"$NOSUCH\": unknown directive\n"},
	{HEAD "$ORIGN x\n", "4:1: error: \"$ORIGN\": unknown directive; did you mean $ORIGIN?\n"},
	{HEAD "$TTL\n", "4:1: error: $TTL needs a time\n"},
	{HEAD "$TTL 1 2\n", "4:8: error: \"2\": $TTL takes only a time\n"},
	{HEAD "$TTL 4294967296\n", "4:6: error: $TTL \"4294967296\": above 2147483647 seconds\n"},
	{HEAD "$TTL x\n", "4:6: error: $TTL \"x\": not a time such as 3600 or 1h30m\n"},
	{HEAD "$ORIGIN\n", "4:1: error: $ORIGIN needs a name\n"},
	{HEAD "$ORIGIN a..b\n", "4:9: error: \"a..b\": a label is empty\n"},
	{HEAD "$INCLUDE other\n", "4:1: error: $INCLUDE is not possible here\n"},
	/* POOL */
	{HEAD "a POOL\n", "4:3: error: POOL has no pool name\n"},
	{HEAD "a POOL wbe\n", "4:8: error: unknown pool \"wbe\"; did you mean \"web\"?\n"},
	{HEAD "a POOL nothing\n", "4:8: error: unknown pool \"nothing\"\n"},
	{HEAD "a POOL web region=londn\n",
		"4:19: error: unknown region \"londn\"; did you mean \"london\"?\n"},
	{HEAD "a POOL web region=\n", "4:19: error: region \"\": empty\n"},
	{HEAD "a POOL web weight=3\n",
		"4:12: error: POOL option \"weight=3\": only region=NAME is known\n"},
	{HEAD "a POOL web region=london x\n", "4:26: error: \"x\": one field too many for POOL\n"},
	{HEAD "a POOL \"\"\n", "4:8: error: pool name \"\": empty\n"},
	/* all of a file in one run; what is missing is not called so when records had mistakes */
	{"@ 60 SOA ns. h. x 1 1 1 1\n@ 60 NS\na 60 A 1.2.3\nb 60 MX mail\nc 60 A 192.0.2.1\n",
		"1:17: error: serial \"x\": not a number from 0 to 4294967295\n"
		"2:6: error: NS has no name\n"
		"3:8: error: address \"1.2.3\": not an IPv4 address\n"
		"4:9: error: preference \"mail\": not a number from 0 to 65535\n"},
	{"@ 60 SOA ns. h. 1 1 1 1 1\n@ 60 NS ns1\nns1 60 A 1.2.3\nb 60 CNAME c\nb 60 TXT x\n",
		"3:10: error: address \"1.2.3\": not an IPv4 address\n"
		"4:6: error: b.example.com. has a CNAME and other data (line 5)\n"},
};

static void refused_records_are_named_with_place_and_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++)
		expect_messages(refused[i].text, refused[i].messages);
}

static void an_origin_that_is_no_name_is_refused(void **state)
{
	const struct zone_pools pools = {.any = true};
	struct report report = {0};
	struct zone *z;

	(void)state;
	assert_int_equal(zone_parse(HEAD, strlen(HEAD), -1, "t", "a..b.", &pools, &z, &report), -1);
	assert_string_equal(report.items[0].text, "origin \"a..b.\": a label is empty");
	report_free(&report);
}

/* What is reported earlier belongs to somebody else. */
static void earlier_errors_in_the_report_do_not_count(void **state)
{
	const struct zone_pools pools = {.any = true};
	struct report report = {0};
	struct zone *z;

	(void)state;
	report_add(&report, SEVERITY_ERROR, "other", 1, 1, "of another zone");
	assert_int_equal(
		zone_parse(HEAD, strlen(HEAD), -1, "t", "example.com.", &pools, &z, &report), 0);
	zone_free(z);
	report_free(&report);
}

static void without_a_configuration_every_pool_is_accepted_unbound(void **state)
{
	static const char text[] = HEAD "a POOL whatever region=somewhere\n";
	const struct zone_pools pools = {.any = true};
	const struct pool_record *pool;
	struct report report = {0};
	struct dname name;
	const char *why;
	struct zone *z;

	(void)state;
	assert_int_equal(
		zone_parse(text, strlen(text), -1, "t", "example.com.", &pools, &z, &report), 0);
	assert_int_equal(dname_from_text(&name, "a.example.com.", NULL, &why), 0);
	pool = node_pool(zone_find_exact(z, &name));
	assert_int_equal(pool->pool, ZONE_POOL_UNBOUND);
	assert_string_equal(pool->pool_name, "whatever");
	assert_string_equal(pool->region_name, "somewhere");
	zone_free(z);
}

/* Only names that a configuration could give: others would not print and read back. */
static void without_a_configuration_pool_names_are_still_names(void **state)
{
	static const struct message_case cases[] = {
		{HEAD "a POOL \"two words\"\n", "pool name \"two words\": no name"},
		{HEAD "a POOL we;b\n", NULL},
		{HEAD "a POOL w\\;b\n", "pool name \"w\\;b\": no name"},
		{HEAD "a POOL \"\"\n", "pool name \"\": empty"},
		{HEAD "a POOL web region=a:b\n", "region \"a:b\": no name"},
		{HEAD "a POOL "
		      "x23456789012345678901234567890123456789012345678901234567890123\n",
			NULL},
		{HEAD "a POOL "
		      "x234567890123456789012345678901234567890123456789012345678901234\n",
			"pool name "
			"\"x23456789012345678901234567890123456789012345678901234567890123"
			"4\": no name"},
	};
	const struct zone_pools pools = {.any = true};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct report report = {0};
		struct zone *z = NULL;
		int rc = zone_parse(cases[i].text, strlen(cases[i].text), -1, "t", "example.com.",
			&pools, &z, &report);

		assert_int_equal(rc, cases[i].messages != NULL ? -1 : 0);
		if (rc == 0)
			zone_free(z);
		else if (strncmp(report.items[0].text, cases[i].messages,
				 strlen(cases[i].messages)) != 0)
			fail_msg("%s: %s", cases[i].text, report.items[0].text);
		report_free(&report);
	}
}

static void pools_and_regions_are_bound_by_their_places(void **state)
{
	struct zone *z = zone_good(HEAD "a 30 POOL mail region=newyork\nb POOL web\n");
	const struct pool_record *pool;
	struct dname name;
	const char *why;

	(void)state;
	assert_int_equal(dname_from_text(&name, "a.example.com.", NULL, &why), 0);
	pool = node_pool(zone_find_exact(z, &name));
	assert_int_equal(pool->pool, 1);
	assert_int_equal(pool->region, 1);
	assert_int_equal(pool->ttl_cap_s, 30);
	assert_int_equal(dname_from_text(&name, "b.example.com.", NULL, &why), 0);
	pool = node_pool(zone_find_exact(z, &name));
	assert_int_equal(pool->pool, 0);
	assert_int_equal(pool->region, UINT16_MAX);
	assert_true(pool->ttl_cap_s == UINT32_MAX);
	assert_null(pool->region_name);
	zone_free(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_records),
		cmocka_unit_test(a_ttl_may_come_from_the_soa),
		cmocka_unit_test(the_apex_is_the_owner_of_the_soa),
		cmocka_unit_test(refused_records_are_named_with_place_and_reason),
		cmocka_unit_test(an_origin_that_is_no_name_is_refused),
		cmocka_unit_test(earlier_errors_in_the_report_do_not_count),
		cmocka_unit_test(without_a_configuration_every_pool_is_accepted_unbound),
		cmocka_unit_test(without_a_configuration_pool_names_are_still_names),
		cmocka_unit_test(pools_and_regions_are_bound_by_their_places),
	};

	TEST_MAIN(tests);
}
