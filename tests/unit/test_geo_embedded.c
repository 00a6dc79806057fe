/* IPv4 inside IPv6: the IPv4 address decides, scopes are translated exactly and never overlap. */
#include "tests/unit/conf_fixture.h"

#include "base/rng.h"
#include "base/wire.h"
#include "geo/embedded.h"
#include "geo/geo.h"

#include <arpa/inet.h>

static struct geo_table *build(const struct conf *c)
{
	struct geo_table *t = NULL;
	struct err e = {0};

	if (geo_build(c, NULL, 0, &t, NULL, &e) < 0)
		fail_msg("%s", e.text);
	return t;
}

/* As a client subnet brings it: a mapped address stays one. */
static struct addr raw_ipv6(const char *text)
{
	struct addr a = {.family = FAMILY_IPV6};

	assert_int_equal(inet_pton(AF_INET6, text, a.bytes), 1);
	return a;
}

struct expectation {
	const char *client;
	uint16_t region;
	uint8_t scope;
	bool known;
};

static void check(const struct geo_table *t, const struct expectation *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct addr a = raw_ipv6(cases[i].client);
		struct geo_answer g = geo_lookup(t, &a);

		if (g.region != cases[i].region || g.scope != cases[i].scope ||
			g.known != cases[i].known)
			fail_msg("%s: region %u scope %u known %d, expected %u %u %d",
				cases[i].client, g.region, g.scope, g.known, cases[i].region,
				cases[i].scope, cases[i].known);
	}
}

enum { LONDON, PARIS, REST };

static struct conf *places_conf(void)
{
	struct conf *c = fixture_conf();

	fixture_region(c, "london", "");
	fixture_region(c, "paris", "");
	fixture_region(c, "rest", "default");
	return c;
}

/* Worked out by hand: IPv4's scope, moved. */
static void the_ipv4_address_decides(void **state)
{
	struct conf *c = places_conf();
	struct geo_table *t;
	const struct expectation cases[] = {
		{"::ffff:81.2.69.142", LONDON, 120, true},
		{"64:ff9b::81.2.69.142", LONDON, 120, true},
		{"2002:5102:458e::1", LONDON, 40, true},
		{"2001:0:4136:e378:8000:63bf:aefd:ba71", LONDON, 120, true}, /* ~81.2.69.142 */
		{"2001:0:5102:458e:8000:63bf:aefd:b971", REST, 119, true},   /* ~81.2.70.142 */
		{"2002:5102:4600::", REST, 39, true},                        /* 81.2.70.0/23 */
		{"2002:a14:1::1", LONDON, 32, true},                         /* 10.20.0.1 */
		{"2001::f5eb:fffe", LONDON, 112, true},                      /* ~10.20.0.1 */
		{"::ffff:10.1.2.3", REST, 108, false}, /* 10.0.0.0/12 is special */
		{"64:ff9b::192.168.1.1", REST, 112, false},
		{"2002:7f00:1::", REST, 24, false},
	};

	(void)state;
	fixture_network(c, "81.2.69.0/24", LONDON);
	fixture_network(c, "10.20.0.0/16", LONDON);
	t = build(c);
	check(t, cases, COUNT(cases));
	geo_free(t);
	fixture_free(c);
}

static void what_is_shorter_than_the_embedding_is_plain_ipv6(void **state)
{
	struct conf *c = places_conf();
	struct geo_table *t;
	const struct expectation cases[] = {
		{"64:ff9b::", PARIS, 128, true}, /* as 64:ff9b::/48 comes */
		{"::ffff:0:0", PARIS, 128, true},
		{"2002::", PARIS, 48, true},
		{"2002:0:0:1::", PARIS, 48, true},
		{"2001::", PARIS, 128, true},
		{"2001:0:4136:e378::", PARIS, 128, true},
		/* neighbours reach up to the block and not into it */
		{"64:ff9b:1::1", PARIS, 48, true},
		{"2003::1", PARIS, 16, true},
		{"2001:1::1", PARIS, 32, true},
		{"::1:0:0:0", PARIS, 80, true},
		/* the IPv4 inside is not of the network around it */
		{"2002:808:808::", REST, 23, true},
		{"64:ff9b::8.8.8.8", REST, 103, true},
	};

	(void)state;
	fixture_network(c, "::/0", PARIS);
	t = build(c);
	check(t, cases, COUNT(cases));
	geo_free(t);
	fixture_free(c);
}

static void a_network_within_a_block_is_meant_as_it_stands(void **state)
{
	struct conf *c = places_conf();
	struct geo_table *t;
	const struct expectation cases[] = {
		{"64:ff9b::81.2.69.142", PARIS, 96, true},
		{"64:ff9b::", PARIS, 96, true},
		{"2002:c000:204:1::1", PARIS, 48, true},
		{"2002:c000:205::1", REST, 48, false}, /* 192.0.2.5: /40 would hold 192.0.2.4 */
		{"2002:c000:2ff::1", REST, 41, false},
		{"::ffff:81.2.69.142", LONDON, 120, true},
	};

	(void)state;
	fixture_network(c, "81.2.69.0/24", LONDON);
	fixture_network(c, "64:ff9b::/96", PARIS);
	fixture_network(c, "2002:c000:204::/48", PARIS);
	t = build(c);
	check(t, cases, COUNT(cases));
	geo_free(t);
	fixture_free(c);
}

/* ---- against IPv4's own answers, and against each other ---- */

#define REGIONS 4
#define ASKED   250

static void add_network(struct conf *c, struct rng *rng, const struct addr *near, unsigned length)
{
	struct conf_network *n = &c->networks[c->network_count];

	n->prefix = (struct prefix){*near, (uint8_t)length};
	addr_mask(&n->prefix.addr, n->prefix.length);
	n->region = (uint16_t)rng_below(rng, REGIONS);
	for (size_t k = 0; k < c->network_count; k++)
		if (c->networks[k].prefix.length == n->prefix.length &&
			addr_equal(&c->networks[k].prefix.addr, &n->prefix.addr))
			return;
	c->network_count++;
}

static struct addr random_ipv4(const struct conf *c, struct rng *rng)
{
	struct addr a = {.family = FAMILY_IPV4};
	uint32_t bits = (uint32_t)(rng_next(rng) >> 32);

	/* half of them near a network */
	if (c->network_count > 0 && rng_below(rng, 2)) {
		const struct prefix *p =
			&c->networks[rng_below(rng, (uint32_t)c->network_count)].prefix;

		if (p->addr.family == FAMILY_IPV4)
			bits = load_u32(p->addr.bytes) ^ bits >> rng_below(rng, 32);
	}
	store_u32(a.bytes, bits);
	return a;
}

/* The address in one of the forms; what lies behind it is drawn. */
static struct addr embed(struct rng *rng, const struct addr *ipv4, unsigned *at)
{
	static const char *const blocks[] = {"::ffff:0:0", "64:ff9b::", "2001::", "2002::"};
	uint32_t form = rng_below(rng, 4), bits = load_u32(ipv4->bytes);
	struct addr a = raw_ipv6(blocks[form]);

	*at = form == 3 ? 16 : 96;
	for (size_t i = form == 2 ? 4 : 6; form >= 2 && i < 16; i++)
		a.bytes[i] = (uint8_t)(rng_next(rng) >> 40);
	store_u32(a.bytes + *at / 8, form == 2 ? ~bits : bits);
	return a;
}

static struct conf *random_conf(struct rng *rng, bool within_blocks)
{
	struct conf *c = fixture_conf();
	unsigned at;

	for (int i = 0; i < REGIONS; i++)
		fixture_region(c, "r", i == 0 ? "default" : "");
	for (int i = 0; i < 40; i++) {
		struct addr a = random_ipv4(c, rng);

		add_network(c, rng, &a, 1 + rng_below(rng, 32));
		a = embed(rng, &a, &at);
		if (within_blocks)
			add_network(c, rng, &a, rng_below(rng, 129));
		else if (i % 8 == 0)
			add_network(c, rng, &a, rng_below(rng, 16));
	}
	return c;
}

static void region_and_scope_are_those_of_ipv4(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 4380);
	for (int round = 0; round < 20; round++) {
		struct conf *c = random_conf(&rng, false);
		struct geo_table *t = build(c);

		for (int i = 0; i < 1000; i++) {
			unsigned at;
			struct addr inner = random_ipv4(c, &rng), outer = embed(&rng, &inner, &at);
			struct geo_answer g = geo_lookup(t, &outer),
					  expected = geo_lookup(t, &inner);
			uint32_t bits = load_u32(outer.bytes + at / 8);
			int least = bits != 0 ? __builtin_clz(bits) + 1 : 32; /* apart from ::/at */

			if (bits == 0)
				continue; /* plain */
			assert_int_equal(g.region, expected.region);
			assert_int_equal(g.known, expected.known);
			assert_int_equal(g.scope,
				(int)at + (expected.scope > least ? expected.scope : least));
		}
		geo_free(t);
		fixture_free(c);
	}
}

/* A client subnet as resolvers send them: of any form and length, embedded or beside a block. */
static struct addr random_subnet(const struct conf *c, struct rng *rng)
{
	unsigned at;
	struct addr a = random_ipv4(c, rng);

	a = embed(rng, &a, &at);
	for (uint32_t i = rng_below(rng, 3); i > 0; i--) /* some leave the block */
		a.bytes[rng_below(rng, 16)] ^= (uint8_t)(1u << rng_below(rng, 8));
	if (rng_below(rng, 2))
		addr_mask(&a, (uint8_t)rng_below(rng, 129));
	return a;
}

static void no_two_scopes_overlap_with_different_regions(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3056);
	for (int round = 0; round < 40; round++) {
		struct conf *c = random_conf(&rng, round % 2);
		struct geo_table *t = build(c);
		struct prefix prefix[ASKED];
		struct geo_answer g[ASKED];

		for (size_t i = 0; i < ASKED; i++) {
			prefix[i].addr = random_subnet(c, &rng);
			g[i] = geo_lookup(t, &prefix[i].addr);
			prefix[i].length = g[i].scope;
			addr_mask(&prefix[i].addr, prefix[i].length);
			for (size_t k = 0; k < i; k++) {
				if (!prefix_contains(&prefix[k], &prefix[i].addr) &&
					!prefix_contains(&prefix[i], &prefix[k].addr))
					continue;
				assert_int_equal(g[i].region, g[k].region);
				assert_int_equal(g[i].known, g[k].known);
			}
		}
		geo_free(t);
		fixture_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ipv4_address_decides),
		cmocka_unit_test(what_is_shorter_than_the_embedding_is_plain_ipv6),
		cmocka_unit_test(a_network_within_a_block_is_meant_as_it_stands),
		cmocka_unit_test(region_and_scope_are_those_of_ipv4),
		cmocka_unit_test(no_two_scopes_overlap_with_different_regions),
	};

	TEST_MAIN(tests);
}
