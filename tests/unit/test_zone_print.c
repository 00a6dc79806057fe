/* Zones as canonical text: its order, and that it reads back to the same zone. */
#include "tests/unit/zone_fixture.h"

/* The names of RFC 4034, 6.1, in another order; SOA first, types by number, POOL last. */
static void names_and_types_come_in_canonical_order(void **state)
{
	struct zone *z = zone_good("$TTL 60\nz TXT 1\n\\200.z TXT 2\n*.z TXT 3\n\\001.z TXT 4\n"
				   "zABC.a TXT 5\nZ.a TXT 6\nyljkjljk.a TXT 7\na TXT 8\n"
				   "@ POOL web\n@ CAA 0 issue x\n@ NS ns.org.\n@ MX 2 b\n@ MX 1 c\n"
				   "@ 3600 SOA ns.org. h 1 1h 2 3 4\n");
	struct text out = {0};

	(void)state;
	zone_print(z, &out);
	assert_string_equal(out.data,
		"example.com. 3600 IN SOA ns.org. h.example.com. 1 3600 2 3 4\n"
		"example.com. 60 IN NS ns.org.\n"
		"example.com. 60 IN MX 2 b.example.com.\n"
		"example.com. 60 IN MX 1 c.example.com.\n"
		"example.com. 60 IN CAA 0 issue \"x\"\n"
		"example.com. IN POOL web\n"
		"a.example.com. 60 IN TXT \"8\"\n"
		"yljkjljk.a.example.com. 60 IN TXT \"7\"\n"
		"z.a.example.com. 60 IN TXT \"6\"\n"
		"zabc.a.example.com. 60 IN TXT \"5\"\n"
		"z.example.com. 60 IN TXT \"1\"\n"
		"\\001.z.example.com. 60 IN TXT \"4\"\n"
		"*.z.example.com. 60 IN TXT \"3\"\n"
		"\\200.z.example.com. 60 IN TXT \"2\"\n");
	text_free(&out);
	zone_free(z);
}

static const char *const odd[] = {
	/* names with octets that mean something in a master file */
	"a\\.b 60 TXT x\n\\@ 60 TXT x\n\\$ORIGIN 60 TXT x\n\\;\\(\\)\\\"\\\\ 60 TXT "
	"x\n\\000\\032\\255 60 "
	"TXT x\n60 60 TXT x\nIN 60 TXT x\nTXT 60 TXT x\n",
	"a 60 NS \\@\nb 60 NS \\$x.\nc 60 MX 1 \\\"\\;.\nd 60 CNAME \\\\\\..\n",
	/* strings with any octet */
	"a 60 TXT \"\\000\\001\\t\\\"\\\\;()$@\\127\\128\\255\" \"\" x\\ y \"two\nlines\"\n",
	"a 60 CAA 0 issue \"\\000;\\\"\"\nb 60 URI 1 1 \"\\255 \\\\\"\nc 60 HINFO \"\" \"\\010\"\n",
	"a 60 SVCB 1 . key7=\"\\000\\034\\\\,;()\" key667=\" \" alpn=\"a\\\\\\\\b\\\\,c\"\n",
	/* by number or in hexadecimal */
	"a 60 TYPE65280 \\# 0\nb 60 TYPE1 \\# 4 01020304\nc 60 NAPTR \\# 8 0001 0001 00 00 00 00\n",
	"a 60 MX \\# 6 0001 02 2e5c 00\nb 60 SRV \\# 9 0001 0002 0003 01 40 00\n",
	"a 60 APL \\# 6 0003 00 02 ff01\nb 60 LOC \\# 16 00000000 80000000 80000000 00000000\n",
	"a 60 NSEC \\# 4 00 ff 01 80\nb 60 SVCB \\# 7 0001 00 0009 0000\n",
	/* TTLs */
	"a 0 A 192.0.2.1\nb 2147483647 A 192.0.2.1\nc 0 POOL web\nd 1w POOL mail region=london\n",
};

static void what_is_accepted_reads_back_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		struct text in = {0}, one = {0}, two = {0};
		struct zone *first, *second;

		text_puts(&in, HEAD);
		text_puts(&in, odd[i]);
		first = zone_good(in.data);
		zone_print(first, &one);
		second = zone_good(one.data);
		zone_print(second, &two);
		assert_string_equal(one.data, two.data);
		assert_true(zone_digest(first) == zone_digest(second));
		assert_int_equal(zone_record_count(first), zone_record_count(second));
		text_free(&in);
		text_free(&one);
		text_free(&two);
		zone_free(first);
		zone_free(second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_types_come_in_canonical_order),
		cmocka_unit_test(what_is_accepted_reads_back_the_same),
	};

	TEST_MAIN(tests);
}
