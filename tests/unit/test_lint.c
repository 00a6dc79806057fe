/* zones/lint.c: what is warned about, where, and what is not. */
#include "tests/unit/zone_fixture.h"

struct lint_case {
	const char *what, *text, *messages;
};

#define NO_DOT(what, name, full) what " \"" name "\" has no final dot: it is " full "\n"
#define RAW                      "raw octets above 127; resolvers ask for the xn-- form of such a name (RFC 5891)\n"
#define CUT                      "the text ends at this ';', which begins a comment: quote the text or write \\;\n"

static const struct lint_case cases[] = {
	/* names without their final dot */
	{"an owner", HEAD "www.example.com 60 A 192.0.2.2\n",
		"4:1: warning: " NO_DOT(
			"owner", "www.example.com", "www.example.com.example.com.")},
	{"the apex", HEAD "example.com 60 A 192.0.2.2\n",
		"4:1: warning: " NO_DOT("owner", "example.com", "example.com.example.com.")},
	{"in any case", HEAD "WWW.Example.COM 60 A 192.0.2.2\n",
		"4:1: warning: " NO_DOT(
			"owner", "WWW.Example.COM", "www.example.com.example.com.")},
	{"a target", HEAD "a 60 CNAME b.example.com\n",
		"4:12: warning: " NO_DOT("name", "b.example.com", "b.example.com.example.com.")},
	{"an exchange, of which there is none either", HEAD "a 60 MX 1 b.example.com\n",
		"4:11: warning: " NO_DOT("exchange", "b.example.com",
			"b.example.com.example.com.") "4:6: warning: MX target "
						      "b.example.com.example.com. does not exist "
						      "in this zone\n"},
	{"a name of a less common type", HEAD "a 60 RP x.example.com y.\n",
		"4:9: warning: " NO_DOT(
			"RP field 1", "x.example.com", "x.example.com.example.com.")},
	{"below another origin", HEAD "$ORIGIN sub.example.com.\nwww.example.com 60 A 192.0.2.2\n",
		"5:1: warning: " NO_DOT(
			"owner", "www.example.com", "www.example.com.sub.example.com.")},
	{"of $GENERATE, once", HEAD "$GENERATE 1-2 a$.example.com 60 TXT x\n",
		"4:15: warning: " NO_DOT("owner", "a1.example.com", "a1.example.com.example.com.")},
	{"with it", HEAD "www.example.com. 60 CNAME b.example.com.\n", ""},
	{"another domain that ends likewise",
		HEAD "www.myexample.com 60 A 192.0.2.2\na 60 CNAME com\n", ""},
	{"the labels in its middle", HEAD "www.example.com.x 60 A 192.0.2.2\n", ""},
	{"@", HEAD "@ 60 TXT x\na 60 CNAME @\n", ""},

	/* raw UTF-8 */
	{"an owner of UTF-8", HEAD "zw\xc3\xb6lf 60 A 192.0.2.2\n",
		"4:1: warning: owner \"zw??lf\": " RAW},
	{"a target of UTF-8", HEAD "a 60 CNAME zw\xc3\xb6lf-und-mehr.\n",
		"4:12: warning: name \"zw??lf-und-mehr.\": " RAW},
	{"escaped octets are meant", HEAD "zw\\195\\182lf 60 A 192.0.2.2\n", ""},
	{"text may hold any", HEAD "a 60 TXT zw\xc3\xb6lf\n", ""},

	/* the SOA's mailbox */
	{"an @", "@ 60 SOA ns1 host@x 1 1 1 1 1\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n",
		"1:14: warning: mailbox \"host@x\": the @ is part of the name; a mailbox has a dot "
		"in its place (RFC 1035, 8)\n"},
	{"@ alone", "@ 60 SOA ns1 @ 1 1 1 1 1\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n", ""},

	/* text that a comment cuts */
	{"DKIM without quotes", HEAD "a 60 TXT v=DKIM1; k=rsa; p=MIIB\n", "4:17: warning: " CUT},
	{"in brackets, the first one", HEAD "a 60 TXT ( v=DKIM1; k=rsa\n  p=x; y\n )\n",
		"4:19: warning: " CUT},
	{"CAA without quotes", HEAD "a 60 CAA 0 issue ca.net; policy=ev\n", "4:24: warning: " CUT},
	{"SPF", HEAD "a 60 SPF v=spf1;x\n", "4:16: warning: " CUT},
	{"once for a $GENERATE", HEAD "$GENERATE 1-3 a$ 60 TXT v=DKIM1;k=rsa\n",
		"4:32: warning: " CUT},
	{"behind a blank", HEAD "a 60 TXT v=DKIM1 ; a comment\n", ""},
	{"behind quotes", HEAD "a 60 TXT \"v=DKIM1; k=rsa\"; a comment\n", ""},
	{"escaped", HEAD "a 60 TXT v=DKIM1\\; k=rsa\n", ""},
	{"types without text", HEAD "a 60 A 192.0.2.2;a comment\nb 60 CNAME c;x\n", ""},

	/* targets */
	{"MX without an address", HEAD "a 60 MX 10 m\nm 60 TXT x\n",
		"4:6: warning: MX target m.example.com. has no address in this zone\n"},
	{"MX to nothing", HEAD "a 60 MX 10 m\n",
		"4:6: warning: MX target m.example.com. does not exist in this zone\n"},
	{"MX to a CNAME", HEAD "a 60 MX 10 m\nm 60 CNAME ns1\n",
		"4:6: warning: MX target m.example.com. is a CNAME, which it must not be (RFC "
		"2181, 10.3; RFC 2782)\n"},
	{"SRV likewise", HEAD "_s._tcp 60 SRV 0 0 1 m\n_t._tcp 60 SRV 0 0 1 n\nn 60 CNAME ns1\n",
		"4:12: warning: SRV target m.example.com. does not exist in this zone\n"
		"5:12: warning: SRV target n.example.com. is a CNAME, which it must not be (RFC "
		"2181, 10.3; RFC 2782)\n"},
	{"below a DNAME", HEAD "a 60 MX 10 m.d\nd 60 DNAME x.\n",
		"4:6: warning: MX target m.d.example.com. is below a DNAME\n"},
	{"NS to a CNAME", HEAD "s 60 NS n\nn 60 CNAME ns1\n",
		"4:6: warning: NS target n.example.com. is a CNAME (RFC 2181, 10.3)\n"},
	{"NS without an address", HEAD "s 60 NS n.s\n",
		"4:6: warning: NS target n.s.example.com. has no address in this zone (missing "
		"glue)\n"},
	{"with one", HEAD "a 60 MX 10 m\nm 60 AAAA 2001:db8::1\n_s 60 SRV 0 0 1 m\n", ""},
	{"with a POOL", HEAD "a 60 MX 10 m\nm 60 POOL web\n", ""},
	{"by a wildcard", HEAD "a 60 MX 10 m.w\n*.w 60 A 192.0.2.2\n", ""},
	{"elsewhere", HEAD "a 60 MX 10 m.other.\n_s 60 SRV 0 0 1 m.other.\n", ""},
	{"no host (RFC 7505, RFC 2782)", HEAD "a 60 MX 0 .\n_s 60 SRV 0 0 0 .\n", ""},
	{"below a cut", HEAD "a 60 MX 10 m.s\ns 60 NS n.other.\n", ""},
	{"of names below a cut", HEAD "a.s 60 MX 10 m\ns 60 NS n.other.\n", ""},
	{"not when records are missing", HEAD "a 60 MX 10 m\nm 60 A 192.0.2.\n",
		"5:8: error: address \"192.0.2.\": not an IPv4 address\n"},
};

static void what_is_hardly_meant_is_warned_about_at_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_messages(cases[i].text, cases[i].messages);
}

/* A zone is never refused for it, and a million mistakes cost no more than a hundred. */
static void warnings_of_one_load_are_bounded(void **state)
{
	struct report report = {0};
	struct text t = {0};
	struct zone *z = NULL;

	(void)state;
	text_puts(&t, HEAD);
	for (unsigned i = 0; i < 5000; i++)
		text_printf(&t, "h%u.example.com 60 MX 10 m%u\n", i, i);
	assert_int_equal(zone_read(t.data, &z, &report), 0);
	assert_int_equal(zone_record_count(z), 5003);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.warnings, ZONE_LINT_MAX + 1);
	assert_null(strstr(report.items[ZONE_LINT_MAX - 1].text, "further"));
	assert_non_null(strstr(
		report.items[ZONE_LINT_MAX].text, "; further warnings of this kind are not shown"));
	zone_free(z);
	report_free(&report);
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_hardly_meant_is_warned_about_at_its_place),
		cmocka_unit_test(warnings_of_one_load_are_bounded),
	};

	TEST_MAIN(tests);
}
