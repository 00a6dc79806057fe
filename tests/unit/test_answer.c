/* dns/answer.c and what it stands on: zone text and question → sections, as the RFCs' own examples have them. */
#include "tests/unit/dns_fixture.h"

struct answer_case {
	const char *what, *name, *type, *expected;
};

static void run_cases(struct world *w, const struct answer_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *got;

		world_ask(w, cases[i].name, cases[i].type, &(struct how){0});
		got = reply_text(w->reply, w->length);
		if (strcmp(got, cases[i].expected) != 0)
			fail_msg("%s: %s %s\n%s-- expected:\n%s", cases[i].what, cases[i].name,
				cases[i].type, got, cases[i].expected);
		free(got);
	}
}

/* RFC 4592, 2.2.1, with an SOA. */
static const char rfc4592[] = "$TTL 3600\n"
			      "example. SOA ns.example.com. h.example. 1 2 3 4 5\n"
			      "example. NS ns.example.com.\n"
			      "example. NS ns.example.net.\n"
			      "*.example. TXT \"this is a wildcard\"\n"
			      "*.example. MX 10 host1.example.\n"
			      "sub.*.example. TXT \"this is not a wildcard\"\n"
			      "host1.example. A 192.0.2.1\n"
			      "_ssh._tcp.host1.example. SRV 0 0 22 host1.example.\n"
			      "_ssh._tcp.host2.example. SRV 0 0 22 host2.example.\n"
			      "subdel.example. NS ns.example.com.\n"
			      "subdel.example. NS ns.example.net.\n";

#define SOA4592 "NS example. 5 IN SOA ns.example.com. h.example. 1 2 3 4 5\n"

static const struct answer_case wildcards[] = {
	{"synthesised", "host3.example.", "MX",
		"NOERROR aa\nAN host3.example. 3600 IN MX 10 host1.example.\nAR host1.example. "
		"3600 IN A 192.0.2.1\n"},
	{"no such type at the wildcard", "host3.example.", "A", "NOERROR aa\n" SOA4592},
	{"two labels below", "foo.bar.example.", "TXT",
		"NOERROR aa\nAN foo.bar.example. 3600 IN TXT \"this is a wildcard\"\n"},
	{"an existing node is not covered", "host1.example.", "MX", "NOERROR aa\n" SOA4592},
	{"the wildcard itself is a name", "sub.*.example.", "MX", "NOERROR aa\n" SOA4592},
	{"closest encloser exists", "_telnet._tcp.host1.example.", "SRV", "NXDOMAIN aa\n" SOA4592},
	{"below a cut", "host.subdel.example.", "A",
		"NOERROR\nNS subdel.example. 3600 IN NS ns.example.com.\nNS subdel.example. 3600 "
		"IN NS ns.example.net.\n"},
	{"closest encloser is the wildcard", "ghost.*.example.", "MX", "NXDOMAIN aa\n" SOA4592},
	{"the wildcard asked for", "*.example.", "TXT",
		"NOERROR aa\nAN *.example. 3600 IN TXT \"this is a wildcard\"\n"},
	{"empty non-terminal", "_tcp.host1.example.", "A", "NOERROR aa\n" SOA4592},
};

static void wildcards_follow_the_examples_of_rfc_4592(void **state)
{
	struct world *w = world_new();

	(void)state;
	world_zone(w, ".", rfc4592);
	world_open(w, NULL);
	run_cases(w, wildcards, COUNT(wildcards));
	world_free(w);
}

static const char plain[] =
	"$TTL 1h\n"
	"@ 2h SOA ns1 hostmaster 7 1h 10m 1w 60\n"
	"@ NS ns1\n"
	"@ MX 10 mail\n@ MX 20 mail\n@ MX 30 mail.other.\n"
	"ns1 A 192.0.2.53\nns1 AAAA 2001:db8::53\n"
	"mail A 192.0.2.25\n"
	"pc A 192.0.2.26\npc 60 HINFO AMD64 LINUX\n*.pcs 60 HINFO VAX UNIX\n*.pcs TXT x\n"
	"www CNAME web\nweb A 192.0.2.80\n"
	"out CNAME elsewhere.test.\n"
	"dead CNAME nothing\n"
	"loop1 CNAME loop2\nloop2 CNAME loop1\nself CNAME self\n"
	"c0 CNAME c1\nc1 CNAME c2\nc2 CNAME c3\nc3 CNAME c4\nc4 CNAME c5\nc5 CNAME c6\nc6 A "
	"192.0.2.6\n"
	"into CNAME host.sub\n"
	"sub NS ns.sub\nsub NS ns1\nsub NS ns.other.\n"
	"ns.sub A 192.0.2.54\nns.sub AAAA 2001:db8::54\n"
	"d DNAME target.test.\nd TXT here\n"
	"near DNAME web2\nx.web2 A 192.0.2.7\n"
	"_s._tcp SRV 1 2 3 mail\n"
	"far NS ns.far\n*.far A 192.0.2.61\n*.pool A 192.0.2.62\nmx MX 1 x.pool\nmx MX 2 "
	"y.pool\nmx MX 3 Y.pool\n"
	"grow DNAME x.grow\n"
	"back DNAME hosts\nx.hosts CNAME back\n";

#define SOA_PLAIN                                                                                  \
	"NS example.com. 60 IN SOA ns1.example.com. hostmaster.example.com. 7 3600 600 604800 "    \
	"60\n"

static const struct answer_case algorithm[] = {
	{"SOA keeps its TTL when asked for", "example.com.", "SOA",
		"NOERROR aa\nAN example.com. 7200 IN SOA ns1.example.com. hostmaster.example.com. "
		"7 3600 600 604800 60\n"},
	{"negative answers carry the minimum (RFC 2308, 5)", "nothing.example.com.", "A",
		"NXDOMAIN aa\n" SOA_PLAIN},
	{"NODATA", "web.example.com.", "AAAA", "NOERROR aa\n" SOA_PLAIN},
	{"NS with additional addresses", "example.com.", "NS",
		"NOERROR aa\nAN example.com. 3600 IN NS ns1.example.com.\n"
		"AR ns1.example.com. 3600 IN A 192.0.2.53\nAR ns1.example.com. 3600 IN AAAA "
		"2001:db8::53\n"},
	{"a host comes once", "example.com.", "MX",
		"NOERROR aa\nAN example.com. 3600 IN MX 10 mail.example.com.\nAN example.com. 3600 "
		"IN MX 20 mail.example.com.\n"
		"AN example.com. 3600 IN MX 30 mail.other.\nAR mail.example.com. 3600 IN A "
		"192.0.2.25\n"},
	{"SRV target", "_s._tcp.example.com.", "SRV",
		"NOERROR aa\nAN _s._tcp.example.com. 3600 IN SRV 1 2 3 mail.example.com.\n"
		"AR mail.example.com. 3600 IN A 192.0.2.25\n"},
	{"CNAME is followed", "www.example.com.", "A",
		"NOERROR aa\nAN web.example.com. 3600 IN A 192.0.2.80\nAN www.example.com. 3600 IN "
		"CNAME web.example.com.\n"},
	{"CNAME to NODATA", "www.example.com.", "MX",
		"NOERROR aa\nAN www.example.com. 3600 IN CNAME web.example.com.\n" SOA_PLAIN},
	{"CNAME asked for", "www.example.com.", "CNAME",
		"NOERROR aa\nAN www.example.com. 3600 IN CNAME web.example.com.\n"},
	{"CNAME out of the server's zones", "out.example.com.", "A",
		"NOERROR aa\nAN out.example.com. 3600 IN CNAME elsewhere.test.\n"},
	{"CNAME to nothing", "dead.example.com.", "A",
		"NXDOMAIN aa\nAN dead.example.com. 3600 IN CNAME nothing.example.com.\n" SOA_PLAIN},
	{"loop of two", "loop1.example.com.", "A",
		"NOERROR aa\nAN loop1.example.com. 3600 IN CNAME loop2.example.com.\n"
		"AN loop2.example.com. 3600 IN CNAME loop1.example.com.\n"},
	{"loop of one", "self.example.com.", "A",
		"NOERROR aa\nAN self.example.com. 3600 IN CNAME self.example.com.\n"},
	{"a chain of four is followed to its end", "c2.example.com.", "A",
		"NOERROR aa\nAN c2.example.com. 3600 IN CNAME c3.example.com.\nAN c3.example.com. "
		"3600 IN CNAME c4.example.com.\n"
		"AN c4.example.com. 3600 IN CNAME c5.example.com.\nAN c5.example.com. 3600 IN "
		"CNAME c6.example.com.\n"
		"AN c6.example.com. 3600 IN A 192.0.2.6\n"},
	{"a chain of five is followed to its end, too", "c1.example.com.", "A",
		"NOERROR aa\nAN c1.example.com. 3600 IN CNAME c2.example.com.\nAN c2.example.com. "
		"3600 IN CNAME c3.example.com.\n"
		"AN c3.example.com. 3600 IN CNAME c4.example.com.\nAN c4.example.com. 3600 IN "
		"CNAME c5.example.com.\n"
		"AN c5.example.com. 3600 IN CNAME c6.example.com.\nAN c6.example.com. 3600 IN A "
		"192.0.2.6\n"},
	{"a chain of six is cut", "c0.example.com.", "A",
		"NOERROR aa\nAN c0.example.com. 3600 IN CNAME c1.example.com.\n"
		"AN c1.example.com. 3600 IN CNAME c2.example.com.\nAN c2.example.com. "
		"3600 IN CNAME c3.example.com.\n"
		"AN c3.example.com. 3600 IN CNAME c4.example.com.\nAN c4.example.com. 3600 IN "
		"CNAME c5.example.com.\n"},
	{"a referral is not authoritative", "host.sub.example.com.", "A",
		"NOERROR\nNS sub.example.com. 3600 IN NS ns.other.\nNS sub.example.com. 3600 IN NS "
		"ns.sub.example.com.\n"
		"NS sub.example.com. 3600 IN NS ns1.example.com.\nAR ns.sub.example.com. 3600 IN A "
		"192.0.2.54\n"
		"AR ns.sub.example.com. 3600 IN AAAA 2001:db8::54\nAR ns1.example.com. 3600 IN A "
		"192.0.2.53\n"
		"AR ns1.example.com. 3600 IN AAAA 2001:db8::53\n"},
	{"glue is not an answer", "ns.sub.example.com.", "A",
		"NOERROR\nNS sub.example.com. 3600 IN NS ns.other.\nNS sub.example.com. 3600 IN NS "
		"ns.sub.example.com.\n"
		"NS sub.example.com. 3600 IN NS ns1.example.com.\nAR ns.sub.example.com. 3600 IN A "
		"192.0.2.54\n"
		"AR ns.sub.example.com. 3600 IN AAAA 2001:db8::54\nAR ns1.example.com. 3600 IN A "
		"192.0.2.53\n"
		"AR ns1.example.com. 3600 IN AAAA 2001:db8::53\n"},
	{"a wildcard gives glue (NSD and Knot do)", "host.far.example.com.", "A",
		"NOERROR\nNS far.example.com. 3600 IN NS ns.far.example.com.\n"
		"AR ns.far.example.com. 3600 IN A 192.0.2.61\n"},
	{"a wildcard gives each host its address", "mx.example.com.", "MX",
		"NOERROR aa\nAN mx.example.com. 3600 IN MX 1 x.pool.example.com.\n"
		"AN mx.example.com. 3600 IN MX 2 y.pool.example.com.\n"
		"AN mx.example.com. 3600 IN MX 3 y.pool.example.com.\n"
		"AR x.pool.example.com. 3600 IN A 192.0.2.62\nAR y.pool.example.com. 3600 IN A "
		"192.0.2.62\n"},
	{"a referral behind a CNAME", "into.example.com.", "A",
		"NOERROR aa\nAN into.example.com. 3600 IN CNAME host.sub.example.com.\n"
		"NS sub.example.com. 3600 IN NS ns.other.\nNS sub.example.com. 3600 IN NS "
		"ns.sub.example.com.\n"
		"NS sub.example.com. 3600 IN NS ns1.example.com.\nAR ns.sub.example.com. 3600 IN A "
		"192.0.2.54\n"
		"AR ns.sub.example.com. 3600 IN AAAA 2001:db8::54\nAR ns1.example.com. 3600 IN A "
		"192.0.2.53\n"
		"AR ns1.example.com. 3600 IN AAAA 2001:db8::53\n"},
	{"DS at a cut is the parent's (RFC 4035, 3.1.4.1)", "sub.example.com.", "DS",
		"NOERROR aa\n" SOA_PLAIN},
	{"DS below a cut is not", "a.sub.example.com.", "DS",
		"NOERROR\nNS sub.example.com. 3600 IN NS ns.other.\nNS sub.example.com. 3600 IN NS "
		"ns.sub.example.com.\n"
		"NS sub.example.com. 3600 IN NS ns1.example.com.\nAR ns.sub.example.com. 3600 IN A "
		"192.0.2.54\n"
		"AR ns.sub.example.com. 3600 IN AAAA 2001:db8::54\nAR ns1.example.com. 3600 IN A "
		"192.0.2.53\n"
		"AR ns1.example.com. 3600 IN AAAA 2001:db8::53\n"},
	{"DS at the apex without a parent here", "example.com.", "DS", "NOERROR aa\n" SOA_PLAIN},
	{"DNAME with its CNAME (RFC 6672, 3.2)", "a.b.d.example.com.", "A",
		"NOERROR aa\nAN a.b.d.example.com. 3600 IN CNAME a.b.target.test.\n"
		"AN d.example.com. 3600 IN DNAME target.test.\n"},
	{"DNAME does not touch its owner", "d.example.com.", "TXT",
		"NOERROR aa\nAN d.example.com. 3600 IN TXT \"here\"\n"},
	{"DNAME asked for", "d.example.com.", "DNAME",
		"NOERROR aa\nAN d.example.com. 3600 IN DNAME target.test.\n"},
	{"a DNAME that its own chain ends at comes once", "x.back.example.com.", "DNAME",
		"NOERROR aa\nAN back.example.com. 3600 IN DNAME hosts.example.com.\n"
		"AN x.back.example.com. 3600 IN CNAME x.hosts.example.com.\nAN "
		"x.hosts.example.com. "
		"3600 IN CNAME back.example.com.\n"},
	{"DNAME inside the zone", "x.near.example.com.", "A",
		"NOERROR aa\nAN near.example.com. 3600 IN DNAME web2.example.com.\n"
		"AN x.near.example.com. 3600 IN CNAME x.web2.example.com.\nAN x.web2.example.com. "
		"3600 IN A 192.0.2.7\n"},
	{"a DNAME comes once, its chain is cut", "a.grow.example.com.", "A",
		"NOERROR aa\nAN a.grow.example.com. 3600 IN CNAME a.x.grow.example.com.\n"
		"AN a.x.grow.example.com. 3600 IN CNAME a.x.x.grow.example.com.\n"
		"AN a.x.x.grow.example.com. 3600 IN CNAME a.x.x.x.grow.example.com.\n"
		"AN a.x.x.x.grow.example.com. 3600 IN CNAME a.x.x.x.x.grow.example.com.\n"
		"AN a.x.x.x.x.grow.example.com. 3600 IN CNAME a.x.x.x.x.x.grow.example.com.\n"
		"AN grow.example.com. 3600 IN DNAME x.grow.example.com.\n"},
	{"ANY is a HINFO (RFC 8482, 4.2)", "web.example.com.", "ANY",
		"NOERROR aa\nAN web.example.com. 3600 IN HINFO \"RFC8482\" \"\"\n"},
	{"ANY at a HINFO of the zone is that", "pc.example.com.", "ANY",
		"NOERROR aa\nAN pc.example.com. 60 IN HINFO \"AMD64\" \"LINUX\"\n"},
	{"the same by a wildcard", "any.pcs.example.com.", "ANY",
		"NOERROR aa\nAN any.pcs.example.com. 60 IN HINFO \"VAX\" \"UNIX\"\n"},
	{"ANY at a CNAME is the CNAME", "www.example.com.", "ANY",
		"NOERROR aa\nAN www.example.com. 3600 IN CNAME web.example.com.\n"},
	{"ANY at an empty non-terminal", "_tcp.example.com.", "ANY", "NOERROR aa\n" SOA_PLAIN},
	{"ANY of nothing", "nothing.example.com.", "ANY", "NXDOMAIN aa\n" SOA_PLAIN},
	{"not ours", "example.org.", "A", "REFUSED\n"},
	{"above ours", "com.", "A", "REFUSED\n"},
	{"the root is not ours", ".", "NS", "REFUSED\n"},
};

static void the_algorithm_of_rfc_1034_is_followed(void **state)
{
	struct world *w = world_new();

	(void)state;
	world_zone(w, "example.com.", plain);
	world_open(w, NULL);
	run_cases(w, algorithm, COUNT(algorithm));
	assert_int_equal(atomic_load(&w->counter[DNS_CHAIN_LIMIT]), 2);
	world_free(w);
}

/* Parent and child on one server. */
static const struct answer_case families[] = {
	{"the child answers for itself", "child.example.com.", "SOA",
		"NOERROR aa\nAN child.example.com. 60 IN SOA ns.child.example.com. "
		"h.child.example.com. 9 1 1 1 60\n"},
	{"and below", "x.child.example.com.", "A",
		"NOERROR aa\nAN x.child.example.com. 60 IN A 192.0.2.91\n"},
	{"DS is asked of the parent", "child.example.com.", "DS",
		"NOERROR aa\nNS example.com. 60 IN SOA ns.example.com. h.example.com. 8 1 1 1 "
		"60\n"},
	{"a CNAME crosses zones", "to-child.example.com.", "A",
		"NOERROR aa\nAN to-child.example.com. 60 IN CNAME x.child.example.com.\n"
		"AN x.child.example.com. 60 IN A 192.0.2.91\n"},
	{"DS of a child whose parent is elsewhere", "deep.cut.example.com.", "DS",
		"NOERROR aa\nNS deep.cut.example.com. 60 IN SOA ns.deep.cut.example.com. "
		"h.deep.cut.example.com. 3 1 1 1 60\n"},
};

static void parent_and_child_share_a_server(void **state)
{
	struct world *w = world_new();

	(void)state;
	world_zone(w, "example.com.",
		"$TTL 60\n@ SOA ns h 8 1 1 1 60\n@ NS ns.test.\nchild NS ns.test.\n"
		"to-child CNAME x.child\ncut NS ns.test.\n");
	world_zone(w, "child.example.com.",
		"$TTL 60\n@ SOA ns h 9 1 1 1 60\n@ NS ns.test.\nx A 192.0.2.91\n");
	world_zone(w, "deep.cut.example.com.", "$TTL 60\n@ SOA ns h 3 1 1 1 60\n@ NS ns.test.\n");
	world_open(w, NULL);
	run_cases(w, families, COUNT(families));
	world_free(w);
}

static void a_substituted_name_that_is_too_long_is_yxdomain(void **state)
{
	char zone[1024], name[512];
	char label[64];
	struct world *w = world_new();

	(void)state;
	memset(label, 'a', 63);
	label[63] = '\0';
	(void)snprintf(zone, sizeof zone,
		"$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\nd DNAME %s.%s.test.\n", label,
		label);
	(void)snprintf(name, sizeof name, "%s.%s.d.example.com.", label, label);
	world_zone(w, "example.com.", zone);
	world_open(w, NULL);
	world_ask(w, name, "A", &(struct how){0});
	assert_int_equal(w->reply[3] & 15, 6);       /* YXDOMAIN (RFC 6672, 2.2) */
	assert_int_equal(w->reply[2] & 4, 4);        /* AA */
	assert_int_equal(load_u16(w->reply + 6), 1); /* the DNAME */
	world_free(w);
}

static void broken_zones_fail_and_others_serve(void **state)
{
	struct world *w = world_new();
	struct dname *broken = malloc(sizeof *broken);
	const char *why;

	(void)state;
	assert_int_equal(dname_from_text(broken, "broken.example.com.", NULL, &why), 0);
	world_zone(w, "example.com.",
		"$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\nto CNAME a.broken\na A "
		"192.0.2.1\n");
	world_open(w, broken);
	world_expect(w, "a.example.com.", "A", &(struct how){0},
		"NOERROR aa\nAN a.example.com. 60 IN A 192.0.2.1\n");
	world_expect(w, "a.broken.example.com.", "A", &(struct how){.edns = 1232}, "SERVFAIL\n");
	assert_int_equal(reply_ede(w), 24);
	world_expect(w, "broken.example.com.", "A", &(struct how){0}, "SERVFAIL\n");
	world_expect(w, "to.example.com.", "A", &(struct how){0},
		"NOERROR aa\nAN to.example.com. 60 IN CNAME a.broken.example.com.\n");
	world_expect(w, "example.org.", "A", &(struct how){.edns = 1232}, "REFUSED\n");
	assert_int_equal(reply_ede(w), 20);
	free(broken);
	world_free(w);
}

/* The parent is this server's, so its child must not deny the DS in its place (RFC 4035, 3.1.4.1). */
static void ds_of_a_broken_parent_fails(void **state)
{
	struct world *w = world_new();
	struct dname *broken = malloc(sizeof *broken);
	const char *why;

	(void)state;
	assert_int_equal(dname_from_text(broken, "example.com.", NULL, &why), 0);
	world_zone(w, "child.example.com.", "$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\n");
	world_open(w, broken);
	world_expect(w, "child.example.com.", "DS", &(struct how){0}, "SERVFAIL\n");
	world_expect(w, "child.example.com.", "NS", &(struct how){0},
		"NOERROR aa\nAN child.example.com. 60 IN NS ns.test.\n");
	free(broken);
	world_free(w);
}

static void case_of_the_question_is_kept(void **state)
{
	struct world *w = world_new();
	static const uint8_t asked[] = {3, 'W', 'w', 'W', 7, 'e', 'X', 'a'};

	(void)state;
	world_zone(w, "example.com.", plain);
	world_open(w, NULL);
	world_ask(w, "WwW.eXample.cOm.", "A", &(struct how){0});
	assert_memory_equal(w->reply + 12, asked, sizeof asked);
	world_expect(w, "A.b.D.example.com.", "A", &(struct how){0},
		"NOERROR aa\nAN A.b.D.example.com. 3600 IN CNAME A.b.target.test.\nAN "
		"D.example.com. 3600 IN DNAME target.test.\n");
	world_free(w);
}

static void addresses_rotate(void **state)
{
	struct world *w = world_new();
	unsigned first[4] = {0};

	(void)state;
	world_zone(w, "example.com.",
		"$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\nw A 192.0.2.1\nw A 192.0.2.2\nw A "
		"192.0.2.3\n");
	world_open(w, NULL);
	for (unsigned i = 0; i < 300; i++) {
		world_ask(w, "w.example.com.", "A", &(struct how){0});
		assert_int_equal(load_u16(w->reply + 6), 3);
		first[w->reply[12 + 19 + 15] & 3]++; /* last octet of the first address */
	}
	for (unsigned i = 1; i <= 3; i++)
		assert_in_range(first[i], 50, 150); /* 100 ± 5 standard deviations */
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wildcards_follow_the_examples_of_rfc_4592),
		cmocka_unit_test(the_algorithm_of_rfc_1034_is_followed),
		cmocka_unit_test(parent_and_child_share_a_server),
		cmocka_unit_test(a_substituted_name_that_is_too_long_is_yxdomain),
		cmocka_unit_test(broken_zones_fail_and_others_serve),
		cmocka_unit_test(ds_of_a_broken_parent_fails),
		cmocka_unit_test(case_of_the_question_is_kept),
		cmocka_unit_test(addresses_rotate),
	};

	TEST_MAIN(tests);
}
