/* $GENERATE, as in BIND 9. */
#include "tests/unit/zone_fixture.h"

struct print_case {
	const char *text, *printed; /* without HEAD's own records */
};

#define NS1 "ns1.example.com. 3600 IN A 192.0.2.1\n"

static const struct print_case prints[] = {
	{"$GENERATE 1-3 a$ 60 A 10.0.0.$\n",
		"a1.example.com. 60 IN A 10.0.0.1\na2.example.com. 60 IN A 10.0.0.2\n"
		"a3.example.com. 60 IN A 10.0.0.3\n" NS1},
	{"$generate 1-5/2 a$ 60 IN A 10.0.0.$\n",
		"a1.example.com. 60 IN A 10.0.0.1\na3.example.com. 60 IN A 10.0.0.3\n"
		"a5.example.com. 60 IN A 10.0.0.5\n" NS1},
	{"$GENERATE 7-7 a$ IN 60 CNAME b$-${0,3}\n", "a7.example.com. 60 IN CNAME "
						     "b7-007.example.com.\n" NS1},
	{"$GENERATE 9-10 a${1,3,d} 60 CNAME ${-1}.b\n",
		"a010.example.com. 60 IN CNAME 8.b.example.com.\n"
		"a011.example.com. 60 IN CNAME 9.b.example.com.\n" NS1},
	{"$GENERATE 10-10 a-${0,0,o}-${0,4,x}-${0,0,X} 60 TXT x\n",
		"a-12-000a-a.example.com. 60 IN TXT \"x\"\n" NS1},
	{"$GENERATE 171-171 a 60 TXT ${0,4,x} ${0,0,X}\n",
		"a.example.com. 60 IN TXT \"00ab\" \"AB\"\n" NS1},
	/* reversed nibbles; the width counts digits and dots */
	{"$GENERATE 18-18 a 60 TXT ${0,0,n} ${0,7,n} ${154,0,N}\n",
		"a.example.com. 60 IN TXT \"2.1\" \"2.1.0.0\" \"C.A\"\n" NS1},
	/* below 0: signed in base d, 32 bits in the others, as BIND 9.18 prints them */
	{"$GENERATE 1-2 a${-5}.${-5,4,d} 60 TXT ${-5,0,x} ${-5,0,X} ${-5,0,o} ${-5,0,n}\n",
		"a-3.-003.example.com. 60 IN TXT \"fffffffd\" \"FFFFFFFD\" \"37777777775\" "
		"\"d.f.f.f.f.f.f.f\"\n"
		"a-4.-004.example.com. 60 IN TXT \"fffffffc\" \"FFFFFFFC\" \"37777777774\" "
		"\"c.f.f.f.f.f.f.f\"\n" NS1},
	{"$GENERATE 0-0 a${-2147483648}-${2147483647} 60 TXT x\n",
		"a-2147483648-2147483647.example.com. 60 IN TXT \"x\"\n" NS1},
	/* a quoted value stays glued to its key */
	{"$GENERATE 1-1 a$ 60 HTTPS $ . alpn=\"h$\"\n",
		"a1.example.com. 60 IN HTTPS 1 . alpn=h1\n" NS1},
	{"$GENERATE 1-1 a$ 60 TXT a\"b $\\\"\"c\n",
		"a1.example.com. 60 IN TXT \"a\" \"b 1\\\"\" \"c\"\n" NS1},
	/* dollar signs, escapes, quoted RDATA is split again */
	{"$GENERATE 1-1 a$ 60 TXT $$-\\$-$\n", "a1.example.com. 60 IN TXT \"$-$-1\"\n" NS1},
	{"$GENERATE 1-2 a$ 60 MX \"$ mail$\"\n",
		"a1.example.com. 60 IN MX 1 mail1.example.com.\n"
		"a2.example.com. 60 IN MX 2 mail2.example.com.\n" NS1},
	{"$GENERATE 1-1 a$ 60 TXT \"\\\"one $\\\" two\"\n",
		"a1.example.com. 60 IN TXT \"one 1\" \"two\"\n" NS1},
	/* the owner of the next line is what it was */
	{"b 60 A 192.0.2.2\n$GENERATE 1-1 a$ 60 A 10.0.0.$\n  60 A 192.0.2.3\n",
		"a1.example.com. 60 IN A 10.0.0.1\nb.example.com. 60 IN A 192.0.2.2\n"
		"b.example.com. 60 IN A 192.0.2.3\n" NS1},
	{"$GENERATE 1-2 p$ 30 POOL web region=london\n",
		NS1 "p1.example.com. 30 IN POOL web region=london\n"
		    "p2.example.com. 30 IN POOL web region=london\n"},
	{"$GENERATE 0-0 a$ 60 A 10.0.0.$\n", "a0.example.com. 60 IN A 10.0.0.0\n" NS1},
};

static void ranges_and_modifiers_are_expanded(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(prints); i++) {
		struct text t = {0};

		text_puts(&t, HEAD);
		text_puts(&t, prints[i].text);
		expect_print(t.data, prints[i].printed);
		text_free(&t);
	}
}

#define RANGE      "4:11: error: $GENERATE \""
#define RANGE_WHY  "\": not a range such as 1-100 or 0-254/2\n"
#define DOLLAR_WHY "\": not $ or ${offset,width,base}, or above 2147483647\n"

static const struct {
	const char *text, *messages;
} refused[] = {
	{"$GENERATE\n", "4:1: error: $GENERATE takes a range, an owner, a type and RDATA\n"},
	{"$GENERATE 1-2 a$ A\n",
		"4:1: error: $GENERATE takes a range, an owner, a type and RDATA\n"},
	{"$GENERATE 1 a$ 60 A 10.0.0.$\n", RANGE "1" RANGE_WHY},
	{"$GENERATE 2-1 a$ 60 A 10.0.0.$\n", RANGE "2-1" RANGE_WHY},
	{"$GENERATE 1-2/0 a$ 60 A 10.0.0.$\n", RANGE "1-2/0" RANGE_WHY},
	{"$GENERATE -1-2 a$ 60 A 10.0.0.$\n", RANGE "-1-2" RANGE_WHY},
	{"$GENERATE 1/2-3 a$ 60 A 10.0.0.$\n", RANGE "1/2-3" RANGE_WHY},
	{"$GENERATE 1-2147483648 a$ 60 A 10.0.0.$\n", RANGE "1-2147483648" RANGE_WHY},
	{"$GENERATE 1-65537 a$ 60 A 10.0.0.$\n", RANGE "1-65537\": more than 65536 steps\n"},
	{"$GENERATE 0-2147483647 a$ 60 A 10.0.0.$\n",
		RANGE "0-2147483647\": more than 65536 steps\n"},
	/* one message, not one a step, at the place of the directive's own token */
	{"$GENERATE 250-300 a$ 60 A 10.0.0.$\n",
		"4:27: error: address \"10.0.0.256\": not an IPv4 address\n"},
	{"$GENERATE 1-3 a..$ 60 A 10.0.0.$\n", "4:15: error: owner \"a..1\": a label is empty\n"},
	{"$GENERATE 1-3 a$ 60 NOSUCH $\n", "4:21: error: type \"NOSUCH\": unknown type\n"},
	{"$GENERATE 0-1 a 60 A 10.0.0.${-1}\n",
		"4:22: error: address \"10.0.0.-1\": not an IPv4 address\n"},
	{"$GENERATE 1-2 a${2147483646} 60 A 10.0.0.1\n",
		"4:15: error: $GENERATE \"a${2147483646}" DOLLAR_WHY},
	{"$GENERATE 1-2 a${2147483648} 60 A 10.0.0.1\n",
		"4:15: error: $GENERATE \"a${2147483648}" DOLLAR_WHY},
	{"$GENERATE 1-2 a${-2147483649} 60 A 10.0.0.1\n",
		"4:15: error: $GENERATE \"a${-2147483649}" DOLLAR_WHY},
	{"$GENERATE 0-1 a${ 60 A 10.0.0.1\n", "4:15: error: $GENERATE \"a${" DOLLAR_WHY},
	{"$GENERATE 0-1 a${} 60 A 10.0.0.1\n", "4:15: error: $GENERATE \"a${}" DOLLAR_WHY},
	{"$GENERATE 0-1 a${0,} 60 A 10.0.0.1\n", "4:15: error: $GENERATE \"a${0,}" DOLLAR_WHY},
	{"$GENERATE 0-1 a${0,1,} 60 A 10.0.0.1\n", "4:15: error: $GENERATE \"a${0,1,}" DOLLAR_WHY},
	{"$GENERATE 0-1 a${0,1,z} 60 A 10.0.0.1\n",
		"4:15: error: $GENERATE \"a${0,1,z}" DOLLAR_WHY},
	{"$GENERATE 0-1 a${0,256} 60 A 10.0.0.1\n",
		"4:15: error: $GENERATE \"a${0,256}" DOLLAR_WHY},
	{"$GENERATE 0-1 a${0,1,dd} 60 A 10.0.0.1\n",
		"4:15: error: $GENERATE \"a${0,1,dd}" DOLLAR_WHY},
};

static void malformed_directives_are_refused_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct text t = {0};

		text_puts(&t, HEAD);
		text_puts(&t, refused[i].text);
		expect_messages(t.data, refused[i].messages);
		text_free(&t);
	}
}

static void the_largest_range_is_accepted(void **state)
{
	struct zone *z = zone_good(HEAD "$GENERATE 1-65536 h$ 60 A 10.0.0.1\n");

	(void)state;
	assert_int_equal(zone_record_count(z), 65536 + 3);
	zone_free(z);
}

/* 256 MiB of text, so that a short file cannot take the machine's memory. */
static void what_all_directives_make_is_bounded(void **state)
{
	struct text in = {0};
	struct report report = {0};
	struct zone *z = NULL;

	(void)state;
	text_puts(&in, HEAD "$GENERATE 1-4170 h$ 60 EID ");
	for (unsigned i = 0; i < 16000; i++) /* 64,014 octets of text a step: 266 MB */
		text_puts(&in, "0123");
	text_puts(&in, "\n");
	/* the first fits in what is left, the second does not */
	text_puts(&in, "$GENERATE 1-65536 j$ 60 A 10.0.0.1\n"
		       "$GENERATE 1-65536 k$ 60 A 10.0.0.1\n");
	assert_int_equal(zone_read(in.data, &z, &report), -1);
	assert_int_equal(report.errors, 1);
	assert_string_equal(report.items[0].text,
		"$GENERATE: the zone's make more than 268435456 octets of records");
	report_free(&report);
	text_free(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_and_modifiers_are_expanded),
		cmocka_unit_test(malformed_directives_are_refused_once),
		cmocka_unit_test(the_largest_range_is_accepted),
		cmocka_unit_test(what_all_directives_make_is_bounded),
	};

	TEST_MAIN(tests);
}
