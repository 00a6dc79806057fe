/*
 * A database from anywhere: reading it must end, stay inside its octets and, when it is accepted,
 * give a table in which everyone inside a returned scope gets the same answer.
 */
#include "base/rng.h"
#include "geo/geo.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void check_scope(const struct geo_table *t, struct rng *rng, uint8_t family)
{
	struct addr a = {.family = family}, other;
	struct geo_answer g, o;
	size_t n = addr_size(&a);

	for (size_t i = 0; i < n; i++)
		a.bytes[i] = (uint8_t)(rng_next(rng) >> 24);
	if (family == FAMILY_IPV6)
		a.bytes[0] = (uint8_t)(0x20 | (a.bytes[0] & 0x1f));
	g = geo_lookup(t, &a);
	other = a;
	for (unsigned bit = g.scope; bit < 8 * n; bit++)
		if (rng_next(rng) >> 63)
			other.bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
	o = geo_lookup(t, &other);
	if (g.scope > 8 * n || o.region != g.region || o.known != g.known)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_rule gb = {RULE_COUNTRY, "GB", {0, 0}}, eu = {RULE_CONTINENT, "EU", {0, 0}},
			 rest = {RULE_DEFAULT, "", {0, 0}};
	struct conf_region regions[] = {
		{.name = "a", .rules = &gb, .rule_count = 1},
		{.name = "b", .rules = &eu, .rule_count = 1},
		{.name = "c", .rules = &rest, .rule_count = 1},
	};
	struct conf conf = {.regions = regions, .region_count = 3};
	struct geo_source source = {"fuzz.mmdb", data, size};
	struct geo_table *t = NULL;
	struct rng rng;
	struct err e;

	if (geo_build(&conf, &source, 1, &t, NULL, &e) < 0)
		return 0;
	rng_seed(&rng, size);
	for (int i = 0; i < 64; i++)
		check_scope(t, &rng, i % 2 ? FAMILY_IPV4 : FAMILY_IPV6);
	geo_free(t);
	return 0;
}
