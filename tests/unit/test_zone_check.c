/* What a zone must be, and what is dropped or warned about. */
#include "tests/unit/conf_fixture.h"
#include "tests/unit/zone_fixture.h"

struct message_case {
	const char *text, *messages;
};

static const struct message_case cases[] = {
	{HEAD, ""},
	/* SOA */
	{HEAD "@ 3600 SOA a. b. 1 1 1 1 1\n",
		"4:8: error: example.com. has a second SOA (line 1)\n"},
	{HEAD "@ 3600 SOA ns1 hostmaster 7 7200 3600 1209600 300\n",
		"4:8: warning: repeats the record in line 1: dropped\n"},
	{HEAD "a 60 SOA a. b. 1 1 1 1 1\n",
		"4:6: error: a.example.com. has a second SOA (line 1)\n"},
	{"@ 60 SOA a. b. 1 1 1 1 1\n",
		"1:6: error: example.com. is the apex and has no NS record\n"},
	/* CNAME */
	{HEAD "a 60 CNAME b\na 60 A 192.0.2.2\n",
		"4:6: error: a.example.com. has a CNAME and other data (line 5)\n"},
	{HEAD "a 60 A 192.0.2.2\nb 60 A 192.0.2.3\na 60 CNAME b\n",
		"6:6: error: a.example.com. has a CNAME and other data (line 4)\n"},
	{HEAD "a 60 CNAME b\na 60 CNAME c\n",
		"5:6: error: a.example.com. has several CNAMEs (line 4)\n"},
	{HEAD "a 60 CNAME b\na 60 CNAME B\n",
		"5:6: warning: repeats the record in line 4: dropped\n"},
	{HEAD "a 60 CNAME b\na 60 RRSIG CNAME 8 3 60 20300101000000 20200101000000 1 @ AAAA\n"
	      "a 60 NSEC b.example.com. CNAME RRSIG NSEC\n",
		"5:6: warning: 2 " ZONE_LEFT_OUT_TEXT "\n"},
	{HEAD "a 60 CNAME b\na 60 POOL web\n",
		"4:6: error: a.example.com. has a CNAME and other data (line 5)\n"},
	{HEAD "@ 60 CNAME b\n", "4:6: error: example.com. has a CNAME and other data (line 1)\n"},
	/* DNAME */
	{HEAD "a 60 DNAME b.\na 60 DNAME c.\n",
		"5:6: error: a.example.com. has several DNAMEs (line 4)\n"},
	{HEAD "a 60 DNAME b.\na 60 NS c.\n",
		"4:6: error: a.example.com. has a DNAME and an NS below the apex (line 5)\n"},
	{HEAD "a 60 DNAME b.\na 60 CNAME c.\n",
		"5:6: error: a.example.com. has a CNAME and other data (line 4)\n"},
	{HEAD "a 60 DNAME b.\na 60 MX 10 c.\n", ""},
	/* at wildcards, where RFC 4592 gives them no meaning */
	{HEAD "*.b 60 DNAME c.\n",
		"4:8: warning: *.b.example.com. is a wildcard: its DNAME "
		"redirects nothing below the names that it stands for (RFC 4592, 4.4)\n"},
	{HEAD "*.b 60 NS c.\n", "4:8: warning: *.b.example.com. is a wildcard: its NS delegates "
				"none of the names that it stands for (RFC 4592, 4.2)\n"},
	{HEAD "x.*.b 60 NS c.\nb 60 TXT x\n", ""},
	{HEAD "b 60 NS c.\n*.b 60 NS c.\n", ""},
	{HEAD "a 60 DNAME b.\nx.a 60 A 192.0.2.2\n",
		"5:8: error: x.a.example.com. is below the DNAME of a.example.com.\n"},
	{HEAD "y.x.a 60 A 192.0.2.2\na 60 DNAME b.\n",
		"4:10: error: y.x.a.example.com. is below the DNAME of a.example.com.\n"},
	{"@ 60 SOA a. b. 1 1 1 1 1\n@ 60 NS a.\n@ 60 DNAME c.\nx 60 TXT x\n",
		"4:6: error: x.example.com. is below the DNAME of example.com.\n"},
	/* below a cut everything is occluded, a DNAME and what is below it too */
	{HEAD "a 60 NS b.\nx.a 60 DNAME c.\ny.x.a 60 A 192.0.2.2\n", ""},
	{HEAD "a 60 DNAME b.\nx.a 60 NS c.\n",
		"5:8: error: x.a.example.com. is below the DNAME of a.example.com.\n"},
	/* out of the zone */
	{HEAD "www.example.org. 60 A 192.0.2.2\n  60 A 192.0.2.3\n",
		"4:21: warning: www.example.org. is not in zone example.com.: skipped\n"},
	{HEAD "com. 60 A 192.0.2.2\n", "4:9: warning: com. is not in zone example.com.: skipped\n"},
	{HEAD "notexample.com. 60 A 192.0.2.2\n",
		"4:20: warning: notexample.com. is not in zone example.com.: skipped\n"},
	{"www.example.org. 60 A 192.0.2.2\n" HEAD,
		"1:21: warning: www.example.org. is not in zone example.com.: skipped\n"},
	/* duplicates and TTLs */
	{HEAD "a 60 A 192.0.2.2\nb 60 A 192.0.2.2\na 60 A 192.0.2.2\n",
		"6:6: warning: repeats the record in line 4: dropped\n"},
	{HEAD "a 60 MX 10 Mail.\na 60 MX 10 mAIL.\na 60 MX 11 mail.\n",
		"5:6: warning: repeats the record in line 4: dropped\n"},
	{HEAD "a 60 TXT x\na 60 TXT X\n", ""},
	{HEAD "a 60 A 192.0.2.2\na 30 A 192.0.2.3\na 90 A 192.0.2.4\na 60 TXT x\n",
		"4:6: warning: the TTLs of an RRset differ: 30, the lowest, is used\n"},
	{HEAD "a 60 RRSIG A 8 3 60 20300101000000 20200101000000 1 @ AAAA\n"
	      "a 90 RRSIG MX 8 3 90 20300101000000 20200101000000 1 @ AAAA\n",
		"4:6: warning: 2 " ZONE_LEFT_OUT_TEXT "\n"},
	/* left out, but their mistakes are mistakes of the file */
	{HEAD "@ 60 DNSKEY 256 3 300 AA==\n",
		"4:19: error: DNSKEY field 3 \"300\": not a number from 0 to 255\n"},
	/* NS targets */
	{HEAD "a 60 NS ns.a\n", "4:6: warning: NS target ns.a.example.com. has no address in this "
				"zone (missing glue)\n"},
	{HEAD "a 60 NS ns.a\nns.a 60 A 192.0.2.2\n", ""},
	{HEAD "a 60 NS ns.a\nns.a 60 AAAA ::1\n", ""},
	{HEAD "a 60 NS ns.example.org.\n", ""},
	{HEAD "a 60 NS nosuch\n", "4:6: warning: NS target nosuch.example.com. has no address in "
				  "this zone (missing glue)\n"},
	{HEAD "a 60 NS x.wild\n*.wild 60 A 192.0.2.2\n", ""},
	{HEAD "a 60 NS b\nb 60 CNAME ns1\n",
		"4:6: warning: NS target b.example.com. is a CNAME (RFC 2181, 10.3)\n"},
	{HEAD "@ 3600 NS web\nweb POOL web\n", "4:8: error: NS target web.example.com. is a POOL: "
					       "a name server needs fixed addresses\n"},
	{HEAD "a 60 NS x.wild\n*.wild POOL web\n", "4:6: error: NS target x.wild.example.com. is a "
						   "POOL: a name server needs fixed addresses\n"},
	/* POOL */
	{HEAD "@ POOL web\n@ 60 MX 10 mail.\n@ 60 TXT x\n@ 60 CAA 0 issue x\n", ""},
	{HEAD "*.eu POOL web\n", ""},
	{HEAD "a POOL web\na 60 A 192.0.2.2\n",
		"5:6: error: a.example.com. has a POOL, which owns its A and AAAA (line 4)\n"},
	{HEAD "a 60 AAAA ::1\na POOL web\n",
		"4:6: error: a.example.com. has a POOL, which owns its A and AAAA (line 5)\n"},
	{HEAD "a POOL web\na POOL mail\n",
		"5:3: error: a.example.com. has several POOL records (line 4)\n"},
	{HEAD "a POOL web\na POOL web region=london\n",
		"5:3: error: a.example.com. has several POOL records (line 4)\n"},
	{HEAD "a 60 NS b.\nx.a POOL web\n", "5:5: error: x.a.example.com. is delegated by an NS "
					    "here or above it: no POOL can be "
					    "there\n"},
	{HEAD "a 60 NS b.\na POOL web\n",
		"5:3: error: a.example.com. is delegated by an NS here or above it: no POOL can be "
		"there (line 4)\n"},
	{HEAD "a 60 DNAME b.\na POOL web\n", ""},
};

static void rules_between_records_and_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_messages(cases[i].text, cases[i].messages);
}

static void a_pool_that_stands_twice_is_dropped_once(void **state)
{
	(void)state;
	expect_messages(HEAD "a POOL web\na POOL web\n",
		"5:3: warning: repeats the record in line 4: dropped\n");
}

static void dropped_and_lowered_records_show_in_print(void **state)
{
	(void)state;
	expect_print(HEAD "a 60 A 192.0.2.2\nb 60 TXT x\na 30 A 192.0.2.3\na 90 A 192.0.2.2\n"
			  "x.org. 60 TXT x\n",
		"a.example.com. 30 IN A 192.0.2.2\na.example.com. 30 IN A 192.0.2.3\n"
		"b.example.com. 60 IN TXT \"x\"\nns1.example.com. 3600 IN A 192.0.2.1\n");
}

/* What a signer adds is not there: no records, no names, and no name above one exists for it. */
static void dnssec_records_are_left_out(void **state)
{
	static const char signer[] =
		"@ 60 DNSKEY 257 3 13 AAAA\n@ 60 CDS 1 13 2 "
		"2bb183af5f22588179a53b0a98631fad1a2921182bb183af5f22588179a53b0a\n"
		"@ 60 CDNSKEY 257 3 13 AAAA\n@ 60 NSEC3PARAM 1 0 0 -\n"
		"@ 60 RRSIG NS 13 2 60 20300101000000 20200101000000 1 @ AAAA\n"
		"a 60 TXT x\na 60 RRSIG TXT 13 3 60 20300101000000 20200101000000 1 @ AAAA\n"
		"a 60 NSEC b.example.com. TXT RRSIG NSEC\n"
		"a 60 TXT y\n"
		"2t7b4g4vsa5smi47k61mv5bv1a22bojr 60 NSEC3 1 1 0 - "
		"gb093clfbnbl08077rbodjp7omr2magd A\n"
		"x.y.z 60 RRSIG A 13 5 60 20300101000000 20200101000000 1 @ AAAA\n"
		"*.w 60 NSEC a.example.com. TXT\n"
		"cut 60 NS ns.example.org.\n"
		"cut 60 DS 1 13 2 "
		"2bb183af5f22588179a53b0a98631fad1a2921182bb183af5f22588179a53b0a\n";
	static const char *const missing[] = {"2t7b4g4vsa5smi47k61mv5bv1a22bojr.example.com.",
		"x.y.z.example.com.", "y.z.example.com.", "z.example.com.", "*.w.example.com.",
		"w.example.com."};
	struct text in = {0};
	struct dname name;
	const char *why;
	struct zone *z;

	(void)state;
	expect_print(HEAD "a 60 NSEC b.example.com. TXT\nb 60 TXT x\n",
		"b.example.com. 60 IN TXT \"x\"\nns1.example.com. 3600 IN A 192.0.2.1\n");
	text_puts(&in, HEAD);
	text_puts(&in, signer);
	z = zone_good(in.data);
	assert_int_equal(zone_left_out(z), 10);
	assert_int_equal(zone_record_count(z), 7);
	assert_int_equal(node_rrset_count(zone_apex_node(z)), 2);
	for (size_t i = 0; i < COUNT(missing); i++) {
		assert_int_equal(dname_from_text(&name, missing[i], NULL, &why), 0);
		assert_null(zone_find_exact(z, &name));
	}
	assert_int_equal(dname_from_text(&name, "a.example.com.", NULL, &why), 0);
	assert_int_equal(node_rrset(zone_find_exact(z, &name), TYPE_TXT)->count, 2);
	assert_int_equal(dname_from_text(&name, "cut.example.com.", NULL, &why), 0);
	assert_non_null(node_rrset(zone_find_exact(z, &name), TYPE_DS));
	zone_free(z);
	text_free(&in);
}

/* Scattered owners and types come together; order inside an RRset is the file's. */
static void records_are_grouped_by_owner_and_type(void **state)
{
	struct text in = {0};
	struct zone *z;
	struct dname name;
	const struct rrset *set;
	const char *why;

	(void)state;
	text_puts(&in, HEAD);
	for (unsigned i = 0; i < 300; i++) {
		text_printf(&in, "h%u 60 A 10.0.%u.%u\n", i % 7, i / 7, i % 7);
		text_printf(&in, "h%u 60 MX %u mail\n", i % 5, i);
	}
	z = zone_good(in.data);
	assert_int_equal(zone_record_count(z), 603);
	assert_int_equal(dname_from_text(&name, "h3.example.com.", NULL, &why), 0);
	set = node_rrset(zone_find_exact(z, &name), TYPE_A);
	assert_int_equal(set->count, 43); /* 3, 10, … 297 */
	for (unsigned i = 0; i < set->count; i++) {
		const uint8_t *r = set->wire + (size_t)i * 16;

		assert_memory_equal(r, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0", 14);
		assert_int_equal(r[14], i);
		assert_int_equal(r[15], 3);
	}
	assert_int_equal(node_rrset(zone_find_exact(z, &name), TYPE_MX)->count, 60);
	zone_free(z);
	text_free(&in);
}

/* An RRset that no message can hold, and many equal records in linear time. */
static void rrsets_are_bounded(void **state)
{
	struct text in = {0};
	struct report report = {0};
	struct zone *z = NULL;

	(void)state;
	text_puts(&in, HEAD);
	for (unsigned i = 0; i < 4062; i++) /* of 16 octets: 64,992 */
		text_printf(&in, "big 60 A 10.0.%u.%u\n", i >> 8, i & 255);
	z = zone_good(in.data);
	zone_free(z);
	text_puts(&in, "big 60 A 10.1.0.0\n");
	assert_int_equal(zone_read(in.data, &z, &report), -1);
	assert_string_equal(report.items[0].text,
		"the A records of this name take 65008 octets; an answer holds 65000");
	report_free(&report);
	text_free(&in);
	text_puts(&in, HEAD);
	for (unsigned i = 0; i < 200000; i++)
		text_puts(&in, "same 60 A 10.0.0.1\n");
	assert_int_equal(zone_read(in.data, &z, &report), 0);
	assert_int_equal(report.warnings, 199999);
	assert_int_equal(zone_record_count(z), 4);
	zone_free(z);
	report_free(&report);
	text_free(&in);
}

/* Names picked so that they all belong to one place in the table: a zone of a million of them would
 * take hours to load, and every query for one a tenth of a millisecond. */
static void names_that_collide_are_refused_in_time(void **state)
{
	struct text in = {0};
	struct report report = {0};
	struct zone *z = NULL;
	struct dname name;
	const char *why = NULL;
	char owner[32];

	(void)state;
	text_puts(&in, HEAD);
	for (unsigned i = 0, found = 0; found < 1100; i++) {
		(void)snprintf(owner, sizeof owner, "h%u.example.com.", i);
		assert_int_equal(dname_from_text(&name, owner, NULL, &why), 0);
		if (name.hash[0] >> 55 != 7) /* one in 512 */
			continue;
		text_printf(&in, "%s 60 A 192.0.2.1\n", owner);
		found++;
		if (found == 1000)
			zone_free(zone_good(in.data));
	}
	assert_int_equal(zone_read(in.data, &z, &report), -1);
	assert_int_equal(report.errors, 1);
	assert_string_equal(report.items[0].text, "more than 1024 names with nearly the same hash: "
						  "no table can hold them well");
	report_free(&report);
	text_free(&in);
}

static void the_digest_sees_content_and_not_order(void **state)
{
	static const char *const others[] = {
		HEAD "a 60 A 192.0.2.2\n",
		HEAD "a 60 A 192.0.2.2\nb 60 A 192.0.2.4\n",
		HEAD "a 60 A 192.0.2.2\nb 61 A 192.0.2.3\n",
		HEAD "a 60 A 192.0.2.3\nb 60 A 192.0.2.2\n",
		HEAD "a 60 A 192.0.2.2\nb 60 A 192.0.2.3\nc POOL web\n",
		HEAD "a 60 A 192.0.2.2\nb 60 A 192.0.2.3\nc 60 POOL web\n",
		HEAD "a 60 A 192.0.2.2\nb 60 A 192.0.2.3\nc POOL web region=london\n",
	};
	struct zone *one = zone_good(HEAD "a 60 A 192.0.2.2\nb 60 A 192.0.2.3\n");
	struct zone *same = zone_good("b 60 IN A 192.0.2.3\n" HEAD "a 60 A 192.0.2.2\n");
	uint64_t digests[COUNT(others)];

	(void)state;
	assert_true(zone_digest(one) == zone_digest(same));
	for (size_t i = 0; i < COUNT(others); i++) {
		struct zone *z = zone_good(others[i]);

		digests[i] = zone_digest(z);
		assert_true(digests[i] != zone_digest(one));
		for (size_t k = 0; k < i; k++)
			assert_true(digests[k] != digests[i]);
		zone_free(z);
	}
	zone_free(one);
	zone_free(same);
}

/* london has web's one endpoint; mail has none in newyork, but another pool behind it. */
static struct conf *two_pools(void)
{
	struct conf *c = fixture_conf();
	uint16_t london = fixture_region(c, "london", ""), pool;

	fixture_region(c, "newyork", "");
	for (pool = 0; pool < 2; pool++) {
		fixture_pool(c, pool == 0 ? "web" : "mail");
		fixture_endpoint(c, london, "192.0.2.1", NULL, 1);
	}
	c->pools[1].when_all_down = ALL_DOWN_POOL;
	c->pools[1].fallback_pool = 0;
	return c;
}

static void a_pool_without_an_endpoint_in_the_region_is_told(void **state)
{
	static const char *const names[] = {"web", "mail", "london", "newyork"};
	static const char text[] = HEAD "a POOL web region=london\nb POOL web region=newyork\n"
					"c POOL mail region=newyork\nd POOL web\n";
	static const char expected[] =
		"pool \"web\" has no endpoint in region \"newyork\": this name is NODATA for "
		"everyone; give it one there, or the pool a when_all_down: {pool: NAME}";
	struct conf *c = two_pools();
	struct report misfits = {0};
	struct zone_pools pools = {.pools = names,
		.pool_count = 2,
		.regions = names + 2,
		.region_count = 2,
		.conf = c};

	(void)state;
	for (int errors = 0; errors < 2; errors++) {
		struct report report = {0};
		const struct report *told = errors ? &misfits : &report;
		struct zone *z = NULL;

		pools.misfits = errors ? &misfits : NULL;
		assert_int_equal(zone_parse(text, strlen(text), -1, "t", "example.com.", &pools, &z,
					 &report),
			0);
		assert_int_equal(report.errors, 0);
		assert_int_equal(report.warnings, !errors);
		assert_int_equal(misfits.errors, errors);
		assert_int_equal(told->count, 1);
		assert_string_equal(told->items[0].text, expected);
		assert_string_equal(told->items[0].file, "t");
		assert_int_equal(told->items[0].line, 5);
		assert_int_equal(told->items[0].column, 19);
		zone_free(z);
		report_free(&report);
	}
	report_free(&misfits);
	fixture_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_between_records_and_names),
		cmocka_unit_test(a_pool_that_stands_twice_is_dropped_once),
		cmocka_unit_test(dropped_and_lowered_records_show_in_print),
		cmocka_unit_test(dnssec_records_are_left_out),
		cmocka_unit_test(records_are_grouped_by_owner_and_type),
		cmocka_unit_test(rrsets_are_bounded),
		cmocka_unit_test(names_that_collide_are_refused_in_time),
		cmocka_unit_test(the_digest_sees_content_and_not_order),
		cmocka_unit_test(a_pool_without_an_endpoint_in_the_region_is_told),
	};

	TEST_MAIN(tests);
}
