/* The table without databases: networks, special blocks, default; region and scope against slow
 * references. */
#include "tests/unit/conf_fixture.h"

#include "base/rng.h"
#include "base/wire.h"
#include "geo/embedded.h"
#include "geo/geo.h"

static struct geo_table *build(const struct conf *c)
{
	struct geo_table *t = NULL;
	struct err e = {0};

	if (geo_build(c, NULL, 0, &t, NULL, &e) < 0)
		fail_msg("%s", e.text);
	return t;
}

static struct geo_answer ask(const struct geo_table *t, const char *text)
{
	struct addr a = fixture_addr(text);

	return geo_lookup(t, &a);
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
		struct geo_answer g = ask(t, cases[i].client);

		if (g.region != cases[i].region || g.scope != cases[i].scope ||
			g.known != cases[i].known)
			fail_msg("%s: region %u scope %u known %d, expected %u %u %d",
				cases[i].client, g.region, g.scope, g.known, cases[i].region,
				cases[i].scope, cases[i].known);
	}
}

/* Worked out by hand: the scope is one bit longer than what the client has in common with the
 * nearest address of another decision, on either side. */
static void networks_decide_and_scopes_are_exact(void **state)
{
	struct conf *c = fixture_conf();
	uint16_t london = fixture_region(c, "london", "GB");
	uint16_t rest = fixture_region(c, "rest", "default");
	struct geo_table *t;
	const struct expectation cases[] = {
		{"81.2.69.142", london, 24, true},
		{"81.2.69.0", london, 24, true},
		{"81.2.68.255", rest, 24, true},
		{"81.2.70.0", rest, 23, true}, /* 81.2.70.0/23 is free, 81.2.68.0/22 is not */
		{"81.2.80.1", rest, 20, true},
		{"193.1.2.3", rest, 8, true},  /* 192.0.0.0/24 is special, 192/7 not free */
		{"10.1.2.3", rest, 12, false}, /* 10/8 without 10.20/16 */
		{"10.20.255.255", london, 16, true},
		{"10.21.0.1", rest, 16, false},
		{"10.200.0.1", rest, 9, false},
		{"127.0.0.1", rest, 8, false},
		{"255.255.255.255", rest, 3, false},
		{"2001:db8::1", rest, 32, false},
		{"2a00::1", london, 64,
			true}, /* all but the last of 64 bits are 2a00:0:0:1::1's too */
		{"2a01::1", rest, 16, true},
		{"2a00:0:0:1::1", rest, 128, true},
		{"2a00:0:0:1::2", london, 127, true},
		{"2a00:0:0:1::", london, 128, true},
		{"::1", rest, 127, false},
	};

	(void)state;
	fixture_network(c, "81.2.69.0/24", london);
	fixture_network(c, "10.20.0.0/16", london);
	fixture_network(c, "2a00::/16", london);
	fixture_network(c, "2a00:0:0:1::1/128", rest);
	t = build(c);
	check(t, cases, COUNT(cases));
	geo_free(t);
	fixture_free(c);
}

static void the_most_specific_network_wins(void **state)
{
	struct conf *c = fixture_conf();
	uint16_t a = fixture_region(c, "a", ""), b = fixture_region(c, "b", ""),
		 d = fixture_region(c, "d", "default");
	struct geo_table *t;
	const struct expectation cases[] = {
		{"20.0.0.1", a, 13, true}, /* 20.0/13 does not reach 20.8/13 ... */
		{"20.8.0.1", b, 15, true},
		{"20.9.0.1", b, 15, true}, /* 20.8/15; 20.10.1/24 is another's */
		{"20.10.1.1", d, 24, true},
		{"20.10.0.1", b, 24, true},
		{"20.255.255.255", a, 9, true},
	};

	(void)state;
	fixture_network(c, "20.10.1.0/24", d);
	fixture_network(c, "20.0.0.0/8", a);
	fixture_network(c, "20.8.0.0/13", b);
	t = build(c);
	check(t, cases, COUNT(cases));
	geo_free(t);
	fixture_free(c);
}

static void neighbours_of_one_region_are_one_range(void **state)
{
	struct conf *c = fixture_conf();
	uint16_t a = fixture_region(c, "a", "");
	struct geo_table *t;

	(void)state;
	fixture_region(c, "rest", "default");
	for (int i = 0; i < 256; i++)
		fixture_network(c, arena_printf(&c->arena, "20.%d.0.0/16", i), a);
	t = build(c);
	assert_int_equal(ask(t, "20.77.1.1").scope, 8);
	geo_free(t);
	fixture_free(c);
}

static void without_default_the_rest_has_no_region(void **state)
{
	struct conf *c = fixture_conf();
	struct geo_table *t;

	(void)state;
	fixture_region(c, "london", "GB");
	t = build(c);
	assert_int_equal(ask(t, "8.8.8.8").region, CONF_NONE);
	assert_true(ask(t, "8.8.8.8").known);
	assert_int_equal(ask(t, "10.0.0.1").region, CONF_NONE);
	assert_false(ask(t, "10.0.0.1").known);
	assert_int_equal(geo_region_order(t, CONF_NONE)[0], 0);
	geo_free(t);
	fixture_free(c);
}

static void the_whole_space_as_one_network_has_scope_0(void **state)
{
	struct conf *c = fixture_conf();
	uint16_t a = fixture_region(c, "a", "");
	struct geo_table *t;
	const struct expectation cases[] = {{"0.0.0.0", a, 0, true}, {"10.0.0.1", a, 0, true},
		{"255.255.255.255", a, 0, true}, {"::", a, 0, true}, {"ffff::", a, 0, true}};

	(void)state;
	fixture_network(c, "0.0.0.0/0", a);
	fixture_network(c, "::/0", a);
	t = build(c);
	check(t, cases, COUNT(cases));
	geo_free(t);
	fixture_free(c);
}

static void the_ends_of_both_families_are_found(void **state)
{
	struct conf *c = fixture_conf();
	uint16_t a = fixture_region(c, "a", ""), b = fixture_region(c, "b", "default");
	struct geo_table *t;
	const struct expectation cases[] = {{"0.0.0.0", a, 32, true}, {"0.0.0.1", b, 32, false},
		{"255.255.255.255", a, 32, true}, {"255.255.255.254", b, 32, false},
		{"::", a, 128, true}, {"::1", b, 128, false},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", a, 128, true},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", b, 128, false}};

	(void)state;
	fixture_network(c, "0.0.0.0/32", a);
	fixture_network(c, "255.255.255.255/32", a);
	fixture_network(c, "::/128", a);
	fixture_network(c, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", a);
	t = build(c);
	check(t, cases, COUNT(cases));
	geo_free(t);
	fixture_free(c);
}

static void no_family_has_no_data(void **state)
{
	struct conf *c = fixture_conf();
	uint16_t rest = fixture_region(c, "rest", "default");
	struct geo_table *t = build(c);
	struct addr nobody = {0};
	struct geo_answer g = geo_lookup(t, &nobody);

	(void)state;
	assert_int_equal(g.region, rest);
	assert_int_equal(g.scope, 0);
	assert_false(g.known);
	geo_free(t);
	fixture_free(c);
}

/* ---- against slow references ---- */

#define REGIONS 5

static void random_networks(struct conf *c, struct rng *rng, uint8_t family, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct conf_network *n = &c->networks[c->network_count];
		bool twice = false;

		*n = (struct conf_network){.prefix.addr.family = family};
		for (size_t b = 0; b < addr_size(&n->prefix.addr); b++)
			n->prefix.addr.bytes[b] = (uint8_t)(rng_next(rng) >> 13);
		if (family == FAMILY_IPV6) { /* crowded: some share their first 64 bits and more */
			memset(n->prefix.addr.bytes, 0, 11);
			n->prefix.addr.bytes[0] = rng_below(rng, 2) ? 0x20 : 0x2a;
			n->prefix.addr.bytes[7] &= 3;
			n->prefix.addr.bytes[4] = (uint8_t)rng_below(rng, 3);
		} else if (rng_below(rng, 2)) {
			n->prefix.addr.bytes[0] = 10;
		}
		n->prefix.length = (uint8_t)(1 + rng_below(rng, family == FAMILY_IPV4 ? 24 : 128));
		n->region = (uint16_t)rng_below(rng, REGIONS);
		addr_mask(&n->prefix.addr, n->prefix.length);
		for (size_t k = 0; k < c->network_count; k++)
			twice = twice ||
				(c->networks[k].prefix.length == n->prefix.length &&
					addr_equal(&c->networks[k].prefix.addr, &n->prefix.addr));
		c->network_count += !twice;
	}
}

/* Region and known, by longest match over the list. */
static struct geo_answer reference(const struct conf *c, const struct addr *a)
{
	struct geo_answer best = {.region = REGIONS - 1, .known = addr_is_global(a, NULL)};
	int length = -1;

	for (size_t i = 0; i < c->network_count; i++) {
		const struct conf_network *n = &c->networks[i];

		if (prefix_contains(&n->prefix, a) && n->prefix.length > length) {
			length = n->prefix.length;
			best = (struct geo_answer){.region = n->region, .known = true};
		}
	}
	return best;
}

static struct conf *random_conf(struct rng *rng, uint8_t family)
{
	struct conf *c = fixture_conf();

	for (int i = 0; i < REGIONS; i++)
		fixture_region(c, "r", i == REGIONS - 1 ? "default" : "");
	random_networks(c, rng, family, 60);
	return c;
}

/* IPv4 in units of /24, which all prefixes here are made of: decisions, then the scope as the
 * shortest prefix whose units all have one decision. */
static void ipv4_equals_a_full_enumeration(void **state)
{
	uint8_t *decision = malloc(1u << 24);
	uint32_t *run = malloc(sizeof *run << 24); /* number of the run of equal decisions */
	struct rng rng;

	(void)state;
	rng_seed(&rng, 20261123);
	for (int round = 0; round < 3; round++) {
		struct conf *c = random_conf(&rng, FAMILY_IPV4);
		struct geo_table *t = build(c);
		struct prefix block;

		memset(decision, REGIONS - 1, 1u << 24);
		for (size_t i = 0; addr_special_block(i, &block) == 0; i++)
			if (block.addr.family == FAMILY_IPV4)
				memset(decision + (load_u32(block.addr.bytes) >> 8),
					0x80 | (REGIONS - 1), 1u << (24 - block.length));
		for (unsigned length = 1; length <= 24; length++)
			for (size_t i = 0; i < c->network_count; i++)
				if (c->networks[i].prefix.length == length)
					memset(decision + (load_u32(c->networks[i]
									    .prefix.addr.bytes) >>
								  8),
						c->networks[i].region, 1u << (24 - length));
		run[0] = 0;
		for (uint32_t u = 1; u < 1u << 24; u++)
			run[u] = run[u - 1] + (decision[u] != decision[u - 1]);
		for (int i = 0; i < 100000; i++) {
			struct addr a = {.family = FAMILY_IPV4};
			uint32_t number = (uint32_t)(rng_next(&rng) >> 32), unit;
			unsigned scope = 24;
			struct geo_answer g;

			if (i % 2 == 0) /* near an edge */
				number = load_u32(c->networks[number % c->network_count]
							  .prefix.addr.bytes) +
					 (uint32_t)(i % 8) - 4;
			store_u32(a.bytes, number);
			unit = number >> 8;
			while (scope > 0) {
				uint32_t size = 1u << (24 - (scope - 1)),
					 first = unit & ~(size - 1);

				if (run[first] != run[first + size - 1])
					break;
				scope--;
			}
			g = geo_lookup(t, &a);
			assert_int_equal(g.region, decision[unit] & 0x7f);
			assert_int_equal(g.known, (decision[unit] & 0x80) == 0);
			assert_int_equal(g.scope, scope);
		}
		geo_free(t);
		fixture_free(c);
	}
	free(run);
	free(decision);
}

/* An address inside the prefix of `length` around `a`. */
static struct addr random_inside(struct rng *rng, const struct addr *a, unsigned length)
{
	struct addr other = *a;

	for (unsigned bit = length; bit < addr_bits(a); bit++)
		if (rng_next(rng) >> 63)
			other.bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
	return other;
}

/* The first or last address of a prefix. */
static struct addr edge_of(const struct prefix *p, bool last)
{
	struct addr a = p->addr;

	for (unsigned bit = p->length; last && bit < addr_bits(&a); bit++)
		a.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return a;
}

/* Is it in a block with IPv4 inside, and no network in there has it? (test_geo_embedded.c) */
static bool is_embedded(const struct conf *c, const struct addr *a)
{
	const struct prefix *block;

	for (size_t i = 0; (block = embedded_block(i)) != NULL; i++) {
		bool embedded = prefix_contains(block, a);

		for (size_t k = 0; embedded && k < c->network_count; k++)
			embedded = c->networks[k].prefix.length < block->length ||
				   !prefix_contains(&c->networks[k].prefix, a);
		if (embedded)
			return true;
	}
	return false;
}

/* Does any address of the prefix get another answer? Decisions change at edges of networks and
 * blocks only. */
static bool differs_inside(
	const struct conf *c, const struct prefix *around, const struct geo_answer *g)
{
	struct prefix p;

	for (size_t i = 0, block = 0;; i++) {
		if (i < c->network_count)
			p = c->networks[i].prefix;
		else if (addr_special_block(i - c->network_count, &p) < 0) {
			if (embedded_block(block) == NULL)
				return false;
			p = *embedded_block(block++);
		}
		for (unsigned place = 0; place < 4; place++) {
			struct addr a = edge_of(&p, place >= 2);
			struct geo_answer other;

			for (size_t b = addr_size(&a); (place == 1 || place == 3) && b-- > 0;)
				if (place == 3 ? ++a.bytes[b] != 0 : a.bytes[b]-- != 0)
					break; /* one past the last, one before the first */
			if (!prefix_contains(around, &a))
				continue;
			if (is_embedded(c, &a))
				return true;
			other = reference(c, &a);
			if (other.region != g->region || other.known != g->known)
				return true;
		}
	}
}

static void ipv6_equals_longest_match_and_scopes_are_exact(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 7871);
	for (int round = 0; round < 20; round++) {
		struct conf *c = random_conf(&rng, FAMILY_IPV6);
		struct geo_table *t = build(c);

		for (int i = 0; i < 500; i++) {
			size_t pick = rng_below(&rng, (uint32_t)c->network_count);
			const struct prefix *near = &c->networks[pick].prefix;
			struct addr a = random_inside(&rng, &near->addr,
				rng_below(&rng, 2) ? near->length : rng_below(&rng, 129));
			struct geo_answer g = geo_lookup(t, &a), expected = reference(c, &a);
			struct prefix around = {a, g.scope};

			if (is_embedded(c, &a))
				continue;
			assert_int_equal(g.region, expected.region);
			assert_int_equal(g.known, expected.known);
			addr_mask(&around.addr, around.length);
			assert_false(differs_inside(c, &around, &g));
			if (around.length > 0) {
				around.length--;
				addr_mask(&around.addr, around.length);
				assert_true(differs_inside(c, &around, &g));
			}
		}
		geo_free(t);
		fixture_free(c);
	}
}

/* What a resolver relies on: whoever is inside the scope gets the same answer, with the same
 * scope. */
static void everyone_inside_a_scope_gets_the_same_answer(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 42);
	for (int round = 0; round < 20; round++) {
		uint8_t family = round % 2 ? FAMILY_IPV6 : FAMILY_IPV4;
		struct conf *c = random_conf(&rng, family);
		struct geo_table *t = build(c);

		for (int i = 0; i < 300; i++) {
			const struct prefix *near =
				&c->networks[rng_below(&rng, (uint32_t)c->network_count)].prefix;
			struct addr a = random_inside(&rng, &near->addr, near->length / 2);
			struct geo_answer g = geo_lookup(t, &a);

			for (int k = 0; k < 20; k++) {
				struct addr other = random_inside(&rng, &a, g.scope);
				struct geo_answer o = geo_lookup(t, &other);

				assert_int_equal(o.region, g.region);
				assert_int_equal(o.known, g.known);
			}
		}
		geo_free(t);
		fixture_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_decide_and_scopes_are_exact),
		cmocka_unit_test(the_most_specific_network_wins),
		cmocka_unit_test(neighbours_of_one_region_are_one_range),
		cmocka_unit_test(without_default_the_rest_has_no_region),
		cmocka_unit_test(the_whole_space_as_one_network_has_scope_0),
		cmocka_unit_test(the_ends_of_both_families_are_found),
		cmocka_unit_test(no_family_has_no_data),
		cmocka_unit_test(ipv4_equals_a_full_enumeration),
		cmocka_unit_test(ipv6_equals_longest_match_and_scopes_are_exact),
		cmocka_unit_test(everyone_inside_a_scope_gets_the_same_answer),
	};

	TEST_MAIN(tests);
}
