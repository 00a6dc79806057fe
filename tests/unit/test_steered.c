/* dns/steered.c: POOL names in replies, the client subnet's scope, and what happens when nothing serves. */
#include "tests/unit/dns_fixture.h"

static const char yaml[] = "listen: 127.0.0.1:53\n"
			   "zones: zones\n"
			   "geo: {networks: {192.0.0.0/16: london, 10.2.0.0/20: newyork, "
			   "\"2001:db8:1::/48\": newyork}}\n"
			   "regions:\n"
			   "  london: {serves: [GB]}\n"
			   "  newyork: {serves: [default]}\n"
			   "checks:\n"
			   "  c: {tcp: {port: 80}}\n"
			   "pools:\n"
			   "  web:\n"
			   "    steer: [geo, weighted]\n"
			   "    ttl: 30s\n"
			   "    endpoints:\n"
			   "      lon: {address: [192.0.2.1, \"2001:db8::1\"], region: london}\n"
			   "      nyc: {address: [192.0.2.2, \"2001:db8::2\"], region: newyork}\n"
			   "  plain:\n"
			   "    answers: 3\n"
			   "    ttl: 1m\n"
			   "    endpoints:\n"
			   "      a: {address: 192.0.2.11, region: london}\n"
			   "      b: {address: 192.0.2.12, region: london}\n"
			   "      c: {address: 192.0.2.13, region: london}\n"
			   "  nodata:\n"
			   "    check: c\n"
			   "    unknown: hold\n"
			   "    ttl: 30s\n"
			   "    ttl_min: 7s\n"
			   "    when_all_down: nodata\n"
			   "    endpoints:\n"
			   "      a: {address: 192.0.2.21, region: london}\n"
			   "  brief:\n"
			   "    check: c\n"
			   "    unknown: hold\n"
			   "    ttl: 10s\n"
			   "    ttl_min: 2s\n"
			   "    when_all_down: {pool: nodata}\n"
			   "    endpoints:\n"
			   "      a: {address: 192.0.2.25, region: london}\n"
			   "  refuse:\n"
			   "    check: c\n"
			   "    unknown: hold\n"
			   "    when_all_down: refuse\n"
			   "    endpoints:\n"
			   "      a: {address: 192.0.2.22, region: london}\n"
			   "  late:\n"
			   "    check: c\n"
			   "    endpoints:\n"
			   "      a: {address: 192.0.2.24, region: london}\n"
			   "  fallback:\n"
			   "    check: c\n"
			   "    unknown: hold\n"
			   "    when_all_down: {pool: plain}\n"
			   "    endpoints:\n"
			   "      a: {address: 192.0.2.23, region: london}\n";

static const char zone[] =
	"$TTL 1h\n"
	"@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\n"
	"@ POOL web\n@ MX 10 mail.test.\n"
	"www 20 POOL web\n"
	"lon POOL web region=london\n"
	"plain POOL plain\n"
	"capped 3 POOL nodata\nbrief POOL brief\n"
	"empty POOL fallback region=newyork\nbare POOL plain region=newyork\n"
	"nodata POOL nodata\nrefuse POOL refuse\nfallback POOL fallback\nlate POOL late\n"
	"alias CNAME www\nto-refuse CNAME refuse\n"
	"*.any POOL plain\n"
	"ns.mx MX 1 www\n"
	"static A 192.0.2.99\n";

#define SOA "NS e.test. 60 IN SOA ns.e.test. h.e.test. 1 1 1 1 60\n"

static struct world *open_world(void)
{
	struct world *w = world_new();

	world_conf(w, yaml);
	world_zone(w, "e.test.", zone);
	world_open(w, NULL);
	return w;
}

struct steered_case {
	const char *what, *name, *type;
	struct how how;
	const char *expected;
	int scope; /* -1: no client subnet in the reply */
};

static const struct steered_case cases[] = {
	{"by the packet's source", "www.e.test.", "A", {.edns = 1232, .from = "192.0.2.200"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.1\n", -1},
	{"by the default", "www.e.test.", "A", {.edns = 1232, .from = "198.51.100.1"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.2\n", -1},
	{"the pool's TTL without one on the line", "e.test.", "A",
		{.edns = 1232, .from = "192.0.2.200"}, "NOERROR aa\nAN e.test. 30 IN A 192.0.2.1\n",
		-1},
	{"by the subnet, not the source", "www.e.test.", "A",
		{.edns = 1232, .from = "192.0.2.200", .subnet = "10.2.3.0/24"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.2\n", 20},
	{"the scope may be longer than what was sent", "www.e.test.", "A",
		{.edns = 1232, .subnet = "192.0.0.0/15"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.1\n", 16},
	{"IPv6 subnet", "www.e.test.", "AAAA", {.edns = 1232, .subnet = "2001:db8:1:200::/56"},
		"NOERROR aa\nAN www.e.test. 20 IN AAAA 2001:db8::2\n", 48},
	{"IPv4 inside IPv6: as if it came alone", "www.e.test.", "A",
		{.edns = 1232, .from = "192.0.2.200", .subnet = "64:ff9b::10.2.3.0/120"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.2\n", 96 + 20},
	{"6to4", "www.e.test.", "A",
		{.edns = 1232, .from = "192.0.2.200", .subnet = "2002:a02:300::/40"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.2\n", 16 + 20},
	{"private inside: the source decides, the scope is the block's", "www.e.test.", "A",
		{.edns = 1232, .from = "192.0.2.200", .subnet = "64:ff9b::172.16.5.0/120"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.1\n", 96 + 12},
	{"less than the embedding is plain IPv6", "www.e.test.", "A",
		{.edns = 1232, .from = "192.0.2.200", .subnet = "64:ff9b::/48"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.2\n", 128},
	{"a packet from a 6to4 address", "www.e.test.", "A",
		{.edns = 1232, .from = "2002:c000:2c8::1"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.1\n", -1},
	{"source prefix 0: the source decides, scope 0", "www.e.test.", "A",
		{.edns = 1232, .from = "192.0.2.200", .subnet = "0.0.0.0/0"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.1\n", 0},
	{"a private subnet says nothing: the source decides, the scope is the block's",
		"www.e.test.", "A",
		{.edns = 1232, .from = "192.0.2.200", .subnet = "172.16.5.0/24"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.1\n", 12},
	{"a region without endpoints, and a pool to catch it", "empty.e.test.", "A",
		{.edns = 1232, .subnet = "10.2.3.0/24"},
		"NOERROR aa\nAN empty.e.test. 60 IN A 192.0.2.11\nAN empty.e.test. 60 IN A "
		"192.0.2.12\n"
		"AN empty.e.test. 60 IN A 192.0.2.13\n",
		0},
	{"and none", "bare.e.test.", "A", {.edns = 1232, .subnet = "10.2.3.0/24"},
		"NOERROR aa\n" SOA, 0},
	{"no step uses the client", "plain.e.test.", "MX", {.edns = 1232, .subnet = "10.2.3.0/24"},
		"NOERROR aa\n" SOA, 0},
	{"region= fixes it: scope 0", "lon.e.test.", "A", {.edns = 1232, .subnet = "10.2.3.0/24"},
		"NOERROR aa\nAN lon.e.test. 30 IN A 192.0.2.1\n", 0},
	{"no endpoint of this family there", "plain.e.test.", "AAAA",
		{.edns = 1232, .subnet = "10.2.3.0/24"}, "NOERROR aa\n" SOA, 0},
	{"other types beside it", "e.test.", "MX", {.edns = 1232, .subnet = "10.2.3.0/24"},
		"NOERROR aa\nAN e.test. 3600 IN MX 10 mail.test.\n", 0},
	{"static data do not depend on the client", "static.e.test.", "A",
		{.edns = 1232, .subnet = "10.2.3.0/24"},
		"NOERROR aa\nAN static.e.test. 3600 IN A 192.0.2.99\n", 0},
	{"behind a CNAME", "alias.e.test.", "A", {.edns = 1232, .subnet = "10.2.3.0/24"},
		"NOERROR aa\nAN alias.e.test. 3600 IN CNAME www.e.test.\nAN www.e.test. 20 IN A "
		"192.0.2.2\n",
		20},
	{"all answers", "plain.e.test.", "A", {.edns = 1232},
		"NOERROR aa\nAN plain.e.test. 60 IN A 192.0.2.11\nAN plain.e.test. 60 IN A "
		"192.0.2.12\n"
		"AN plain.e.test. 60 IN A 192.0.2.13\n",
		-1},
	{"at a wildcard", "x.y.any.e.test.", "A", {.edns = 1232},
		"NOERROR aa\nAN x.y.any.e.test. 60 IN A 192.0.2.11\nAN x.y.any.e.test. 60 IN A "
		"192.0.2.12\n"
		"AN x.y.any.e.test. 60 IN A 192.0.2.13\n",
		-1},
	{"ANY never steers", "www.e.test.", "ANY", {.edns = 1232},
		"NOERROR aa\nAN www.e.test. 3600 IN HINFO \"RFC8482\" \"\"\n", -1},
	{"never as additional data", "ns.mx.e.test.", "MX", {.edns = 1232},
		"NOERROR aa\nAN ns.mx.e.test. 3600 IN MX 1 www.e.test.\n", -1},
	/* the TTL is lowered, the SOA's own minimum stays what the zone says */
	{"all down: nodata, with at most ttl_min", "nodata.e.test.", "A",
		{.edns = 1232, .subnet = "10.2.3.0/24"},
		"NOERROR aa\nNS e.test. 7 IN SOA ns.e.test. h.e.test. 1 1 1 1 60\n", 0},
	{"all down: nodata, with at most the TTL on the line", "capped.e.test.", "A",
		{.edns = 1232}, "NOERROR aa\nNS e.test. 3 IN SOA ns.e.test. h.e.test. 1 1 1 1 60\n",
		-1},
	{"all down: nodata of another pool, with at most the lowest ttl_min", "brief.e.test.", "A",
		{.edns = 1232}, "NOERROR aa\nNS e.test. 2 IN SOA ns.e.test. h.e.test. 1 1 1 1 60\n",
		-1},
	{"no such family at all: an ordinary NODATA", "nodata.e.test.", "AAAA", {.edns = 1232},
		"NOERROR aa\n" SOA, -1},
	{"all down: refuse", "refuse.e.test.", "A", {.edns = 1232}, "REFUSED\n", -1},
	{"all down: refuse, behind a CNAME", "to-refuse.e.test.", "A", {.edns = 1232}, "REFUSED\n",
		-1},
	/* its own probe is in doubt, so its ttl_min holds: half of 30 s */
	{"all down: another pool", "fallback.e.test.", "A", {.edns = 1232},
		"NOERROR aa\nAN fallback.e.test. 15 IN A 192.0.2.11\nAN fallback.e.test. 15 IN A "
		"192.0.2.12\n"
		"AN fallback.e.test. 15 IN A 192.0.2.13\n",
		-1},
};

static void pool_names_are_answered_by_steering(void **state)
{
	struct world *w = open_world();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *got;

		world_ask(w, cases[i].name, cases[i].type, &cases[i].how);
		got = reply_text(w->reply, w->length);
		if (strcmp(got, cases[i].expected) != 0 || reply_scope(w) != cases[i].scope)
			fail_msg("%s:\n%sscope %d -- expected:\n%sscope %d", cases[i].what, got,
				reply_scope(w), cases[i].expected, cases[i].scope);
		free(got);
	}
	world_free(w);
}

static void nothing_is_said_before_the_first_checks_are_over(void **state)
{
	struct world *w = open_world();

	(void)state;
	atomic_store(&w->board.supervisor->began_ms, 1000);
	view_build(w->view, w->generation, &w->board, 1000);
	world_expect(w, "nodata.e.test.", "A", &(struct how){.edns = 1232}, "SERVFAIL\n");
	assert_int_equal(reply_ede(w), 14); /* Not Ready (RFC 8914, 4.15) */
	world_expect(w, "static.e.test.", "A", &(struct how){.edns = 1232},
		"NOERROR aa\nAN static.e.test. 3600 IN A 192.0.2.99\n");
	world_expect(w, "www.e.test.", "A", &(struct how){.edns = 1232, .from = "192.0.2.200"},
		"NOERROR aa\nAN www.e.test. 20 IN A 192.0.2.1\n"); /* its pool has no check to wait for */
	world_free(w);
}

static void what_was_decided_is_counted_and_explained(void **state)
{
	struct world *w = open_world();

	(void)state;
	world_ask(w, "fallback.e.test.", "A", &(struct how){.edns = 1232});
	assert_int_equal(reply_ede(w), 0);
	world_ask(w, "www.e.test.", "A", &(struct how){.edns = 1232});
	assert_int_equal(reply_ede(w), -1);
	world_ask(w, "static.e.test.", "A", &(struct how){.edns = 1232});
	assert_int_equal(atomic_load(&w->counter[DNS_STEERED]), 2);
	assert_int_equal(atomic_load(&w->counter[DNS_DEGRADED]), 1);
	assert_int_equal(atomic_load(&w->counter[DNS_ANSWERS_NOERROR]), 3);
	world_free(w);
}

/* Stale Answer (RFC 8914, 4.4), only where checks have a say. */
static void old_verdicts_are_told(void **state)
{
	static const struct {
		const char *name;
		bool old;
		int code;
	} asked[] = {{"late.e.test.", false, -1}, {"late.e.test.", true, 3},
		{"plain.e.test.", true, -1}, {"static.e.test.", true, -1}};
	struct world *w = open_world();

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		w->responder.facts.verdicts_old = asked[i].old;
		world_ask(w, asked[i].name, "A", &(struct how){.edns = 1232});
		assert_int_equal(w->reply[3] & 15, RCODE_NOERROR);
		if (reply_ede(w) != asked[i].code)
			fail_msg("%s: %d", asked[i].name, reply_ede(w));
	}
	world_free(w);
}

static void without_a_configuration_a_pool_name_fails(void **state)
{
	struct world *w = world_new();

	(void)state;
	world_zone(w, "e.test.", zone);
	world_open(w, NULL);
	world_expect(w, "www.e.test.", "A", &(struct how){.edns = 1232}, "SERVFAIL\n");
	assert_true(w->responder.notes.unbound);
	world_expect(w, "www.e.test.", "TXT", &(struct how){.edns = 1232}, "NOERROR aa\n" SOA);
	world_free(w);
}

/* RFC 7871, 7.2.1: every client inside a returned scope gets the same answer. */
static void clients_inside_a_scope_agree(void **state)
{
	struct world *w = open_world();
	struct rng rng;

	(void)state;
	rng_seed(&rng, 7);
	for (unsigned i = 0; i < 2000; i++) {
		struct how how = {.edns = 1232};
		char first[64], second[64], *one, *two;
		uint32_t a = (uint32_t)rng_next(&rng), b;
		int scope;

		if (i % 4 != 0) /* around the networks' edges */
			a = (i % 4 == 1 ? 0xc0000000u : 0x0a020000u) ^ (a & (0x1ffffu << (i % 8)));
		(void)snprintf(first, sizeof first, "%u.%u.%u.%u/32", a >> 24, a >> 16 & 255,
			a >> 8 & 255, a & 255);
		how.subnet = first;
		world_ask(w, "www.e.test.", "A", &how);
		scope = reply_scope(w);
		assert_in_range(scope, 1, 32);
		one = reply_text(w->reply, w->length);
		b = a ^ (scope < 32 ? (uint32_t)rng_next(&rng) >> scope : 0);
		(void)snprintf(second, sizeof second, "%u.%u.%u.%u/32", b >> 24, b >> 16 & 255,
			b >> 8 & 255, b & 255);
		how.subnet = second;
		world_ask(w, "www.e.test.", "A", &how);
		two = reply_text(w->reply, w->length);
		if (strcmp(one, two) != 0 || reply_scope(w) != scope)
			fail_msg("%s scope %d:\n%s%s scope %d:\n%s", first, scope, one, second,
				reply_scope(w), two);
		free(one);
		free(two);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_names_are_answered_by_steering),
		cmocka_unit_test(nothing_is_said_before_the_first_checks_are_over),
		cmocka_unit_test(what_was_decided_is_counted_and_explained),
		cmocka_unit_test(old_verdicts_are_told),
		cmocka_unit_test(without_a_configuration_a_pool_name_fails),
		cmocka_unit_test(clients_inside_a_scope_agree),
	};

	TEST_MAIN(tests);
}
