/* Lookups in a zone: what exists, what does not, and what decides instead (RFC 1034, 4.3.2; RFC 4592; RFC 6672). */
#include "tests/unit/zone_fixture.h"

#include "base/wire.h"
#include "zones/layout.h"
#include "zones/rdata.h"

static const char text[] = HEAD /* names of RFC 4592, 2.2.1, and cuts and DNAMEs around them */
	"* 60 TXT wild\n"
	"* 60 MX 10 host1\n"
	"sub.* 60 TXT below-an-asterisk\n"
	"host1 60 A 192.0.2.2\n"
	"_ssh._tcp.host1 60 SRV 0 0 22 host1\n"
	"subdel 60 NS ns.subdel\n"
	"ns.subdel 60 A 192.0.2.3\n"
	"deep.er.subdel 60 NS ns.elsewhere.\n"
	"dn 60 DNAME example.net.\n"
	"dn 60 TXT beside\n"
	"a.b.c.d.e.f 60 A 192.0.2.4\n"
	"*.w.f 60 POOL web\n"
	"Upper.CASE 60 A 192.0.2.5\n";

struct find_case {
	const char *name;
	enum find_kind kind;
	const char *owner; /* of find.node below the apex as it is printed; NULL = no node */
	unsigned label;    /* labels of `name` in front of the node or the closest encloser */
};

static const struct find_case cases[] = {
	{"example.com.", FIND_NODE, "", 0},
	{"host1.example.com.", FIND_NODE, "host1.", 0},
	{"HOST1.Example.Com.", FIND_NODE, "host1.", 0},
	{"upper.case.example.com.", FIND_NODE, "upper.case.", 0},
	/* empty non-terminals exist (RFC 4592, 2.2.2) */
	{"_tcp.host1.example.com.", FIND_NODE, "_tcp.host1.", 0},
	{"c.d.e.f.example.com.", FIND_NODE, "c.d.e.f.", 0},
	{"f.example.com.", FIND_NODE, "f.", 0},
	/* the examples of RFC 4592, 2.2.1 */
	{"host3.example.com.", FIND_WILDCARD, "*.", 1},
	{"foo.bar.example.com.", FIND_WILDCARD, "*.", 2},
	{"*.example.com.", FIND_NODE, "*.", 0},
	{"sub.*.example.com.", FIND_NODE, "sub.*.", 0},
	{"ghost.*.example.com.", FIND_NX, NULL, 1},
	{"_telnet._tcp.host1.example.com.", FIND_NX, NULL, 1},
	{"x.host1.example.com.", FIND_NX, NULL, 1},
	{"host.subdel.example.com.", FIND_CUT, "subdel.", 1},
	/* cuts: at it, glue below it, the topmost of two */
	{"subdel.example.com.", FIND_CUT, "subdel.", 0},
	{"ns.subdel.example.com.", FIND_CUT, "subdel.", 1},
	{"deep.er.subdel.example.com.", FIND_CUT, "subdel.", 2},
	{"x.deep.er.subdel.example.com.", FIND_CUT, "subdel.", 3},
	/* DNAME: its owner is a node, what is below it is not */
	{"dn.example.com.", FIND_NODE, "dn.", 0},
	{"x.dn.example.com.", FIND_DNAME, "dn.", 1},
	{"x.y.dn.example.com.", FIND_DNAME, "dn.", 2},
	{"*.dn.example.com.", FIND_DNAME, "dn.", 1},
	/* bisection: above and below what exists */
	{"x.b.c.d.e.f.example.com.", FIND_NX, NULL, 1},
	{"x.y.z.a.b.c.d.e.f.example.com.", FIND_NX, NULL, 3},
	{"y.x.d.e.f.example.com.", FIND_NX, NULL, 2},
	{"v.w.f.example.com.", FIND_WILDCARD, "*.w.f.", 1},
	{"u.v.w.f.example.com.", FIND_WILDCARD, "*.w.f.", 2},
	{"w.f.example.com.", FIND_NODE, "w.f.", 0},
	/* a name in which the apex comes twice */
	{"example.com.example.com.", FIND_WILDCARD, "*.", 2},
};

static void parse_name(struct dname *out, const char *name)
{
	const char *why = NULL;

	if (dname_from_text(out, name, NULL, &why) < 0)
		fail_msg("%s: %s", name, why);
}

static void names_are_found_or_what_decides_for_them(void **state)
{
	struct zone *z = zone_good(text);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct find_case *c = &cases[i];
		uint8_t owner[NAME_WIRE_MAX];
		char shown[NAME_TEXT_MAX];
		struct dname name;
		struct find f;

		parse_name(&name, c->name);
		zone_find(z, &name, &f);
		if (f.kind != c->kind || (f.node != NULL) != (c->owner != NULL) ||
			f.label != c->label)
			fail_msg("%s: kind %d, label %u, node %d", c->name, f.kind, f.label,
				f.node != NULL);
		if (f.node != NULL) {
			memcpy(owner, node_owner(f.node), f.node->owner_length);
			owner[f.node->owner_length] = 0;
			(void)name_format(owner, shown);
			assert_string_equal(f.node->owner_length > 0 ? shown : "", c->owner);
		}
		if (f.kind == FIND_NODE)
			assert_ptr_equal(zone_find_exact(z, &name), f.node);
	}
	zone_free(z);
}

static void exact_lookups_see_glue_below_cuts(void **state)
{
	struct zone *z = zone_good(text);
	const struct node *n;
	struct dname name;

	(void)state;
	parse_name(&name, "ns.subdel.example.com.");
	n = zone_find_exact(z, &name);
	assert_non_null(n);
	assert_int_equal(node_flags(n), NODE_BELOW_CUT);
	assert_int_equal(node_rrset(n, TYPE_A)->count, 1);
	parse_name(&name, "no.subdel.example.com.");
	assert_null(zone_find_exact(z, &name));
	zone_free(z);
}

/* The longest names there are, in a zone that is less deep: no step is spent on what cannot exist. */
static void names_of_127_labels_are_looked_up(void **state)
{
	struct zone *z = zone_good(text);
	uint8_t wire[NAME_WIRE_MAX];
	struct dname name;
	struct find f;
	size_t at = 0;

	(void)state;
	while (at < NAME_WIRE_MAX - 13 - 1) {
		wire[at++] = 1;
		wire[at++] = 'x';
	}
	memcpy(wire + at,
		"\x07"
		"example\x03"
		"com",
		13);
	assert_int_equal(dname_from_wire(&name, wire, sizeof wire), at + 13);
	zone_find(z, &name, &f);
	assert_int_equal(f.kind, FIND_WILDCARD);
	assert_int_equal(f.label, name.labels - 2u);
	zone_free(z);
}

static void nodes_show_their_rrsets_and_flags(void **state)
{
	static const struct {
		const char *name;
		unsigned flags;
		size_t rrsets;
	} nodes[] = {{"example.com.", NODE_APEX | NODE_WILDCARD_CHILD, 2}, {"*.example.com.", 0, 2},
		{"subdel.example.com.", NODE_CUT, 1}, {"dn.example.com.", NODE_DNAME, 2},
		{"w.f.example.com.", NODE_WILDCARD_CHILD, 0}, {"*.w.f.example.com.", NODE_POOL, 0},
		{"host1.example.com.", 0, 1}};
	struct zone *z = zone_good(text);

	(void)state;
	for (size_t i = 0; i < COUNT(nodes); i++) {
		const struct node *n;
		struct dname name;
		uint16_t last = 0;

		parse_name(&name, nodes[i].name);
		n = zone_find_exact(z, &name);
		assert_non_null(n);
		assert_int_equal(node_flags(n), nodes[i].flags);
		assert_int_equal(node_rrset_count(n), nodes[i].rrsets);
		for (size_t k = 0; k < nodes[i].rrsets; k++) {
			const struct rrset *set = node_rrset_at(n, k);

			assert_true(set->type > last);
			last = set->type;
			assert_ptr_equal(node_rrset(n, set->type), set);
		}
		assert_null(node_rrset(n, TYPE_POOL));
		assert_int_equal(node_pool(n) != NULL, (nodes[i].flags & NODE_POOL) != 0);
	}
	zone_free(z);
}

/* RFC 2308, 5: the lesser of the SOA's TTL and its MINIMUM. */
static void the_soa_of_negative_answers_has_the_lesser_ttl(void **state)
{
	static const struct {
		const char *text;
		uint32_t own, negative;
	} soas[] = {{"@ 3600 SOA ns. h. 1 2 3 4 300\n@ 60 NS ns.\n", 3600, 300},
		{"@ 60 SOA ns. h. 1 2 3 4 300\n@ 60 NS ns.\n", 60, 60},
		{"@ 60 SOA ns. h. 1 2 3 4 0\n@ 60 NS ns.\n", 60, 0},
		{"@ 60 SOA ns. h. 1 2 3 4 4294967295\n@ 60 NS ns.\n", 60, 60}};

	(void)state;
	for (size_t i = 0; i < COUNT(soas); i++) {
		struct zone *z = zone_good(soas[i].text);
		const struct rrset *negative = zone_negative_soa(z), *own = zone_soa(z);

		assert_int_equal(load_u32(own->wire + 6), soas[i].own);
		assert_int_equal(load_u32(negative->wire + 6), soas[i].negative);
		assert_int_equal(negative->length, own->length);
		assert_memory_equal(negative->wire + 10, own->wire + 10, own->length - 10);
		assert_int_equal(zone_serial(z), 1);
		zone_free(z);
	}
}

static int count_node(void *arg, const uint8_t *owner, const struct node *n)
{
	size_t *left = arg;

	(void)owner;
	(void)n;
	return --*left == 0 ? -1 : 0;
}

static void a_walk_visits_every_node_once_or_stops(void **state)
{
	struct zone *z = zone_good(text);
	size_t left = 100;

	(void)state;
	assert_int_equal(zone_walk(z, count_node, &left), 0);
	/* apex ns1 * sub.* host1 _tcp _ssh subdel ns.subdel er deep dn a b c d e f w.f *.w.f case upper */
	assert_int_equal(100 - left, 22);
	left = 3;
	assert_int_equal(zone_walk(z, count_node, &left), -1);
	assert_int_equal(left, 0);
	zone_free(z);
}

/* Many names: each is found, its neighbours that do not exist are not, and memory is what was promised. */
static void a_hundred_thousand_names_are_found(void **state)
{
	struct text in = {0};
	struct zone *z;
	char name[64];
	struct dname n;
	struct find f;

	(void)state;
	text_puts(&in, HEAD);
	for (unsigned i = 0; i < 100000; i++)
		text_printf(&in, "h%u 60 A 10.%u.%u.%u\n", i, i >> 16, i >> 8 & 255, i & 255);
	z = zone_good(in.data);
	assert_int_equal(zone_record_count(z), 100003);
	assert_true(zone_memory(z) <= 90u * 100003);
	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(name, sizeof name, "h%u.example.com.", i);
		parse_name(&n, name);
		zone_find(z, &n, &f);
		assert_int_equal(f.kind, FIND_NODE);
		assert_int_equal(load_u32(node_rrset(f.node, TYPE_A)->wire + 12), 0x0a000000u + i);
		(void)snprintf(name, sizeof name, "h%u.example.com.", i + 100000);
		parse_name(&n, name);
		zone_find(z, &n, &f);
		assert_int_equal(f.kind, FIND_NX);
		assert_int_equal(f.label, 1);
	}
	zone_free(z);
	text_free(&in);
}

static void a_zone_of_the_root_works(void **state)
{
	struct zone *z = zone_good("$ORIGIN .\n@ 60 SOA a. b. 1 1 1 1 1\n@ 60 NS ns.a.\n"
				   "a 60 NS ns.a.\nns.a 60 A 192.0.2.1\n* 60 TXT x\n");
	struct dname name;
	struct find f;

	(void)state;
	parse_name(&name, ".");
	zone_find(z, &name, &f);
	assert_int_equal(f.kind, FIND_NODE);
	assert_ptr_equal(f.node, zone_apex_node(z));
	parse_name(&name, "www.a.");
	zone_find(z, &name, &f);
	assert_int_equal(f.kind, FIND_CUT);
	assert_int_equal(f.label, 1);
	parse_name(&name, "www.b.");
	zone_find(z, &name, &f);
	assert_int_equal(f.kind, FIND_WILDCARD);
	assert_int_equal(f.label, 2);
	zone_free(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_or_what_decides_for_them),
		cmocka_unit_test(exact_lookups_see_glue_below_cuts),
		cmocka_unit_test(names_of_127_labels_are_looked_up),
		cmocka_unit_test(nodes_show_their_rrsets_and_flags),
		cmocka_unit_test(the_soa_of_negative_answers_has_the_lesser_ttl),
		cmocka_unit_test(a_walk_visits_every_node_once_or_stops),
		cmocka_unit_test(a_hundred_thousand_names_are_found),
		cmocka_unit_test(a_zone_of_the_root_works),
	};

	TEST_MAIN(tests);
}
