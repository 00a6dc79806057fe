/*
 * The table that is looked up: per family the sorted starts of ranges and their values, under a
 * first level that says which few ranges an address can lie in.
 *
 *   IPv4   65,536 slots: the first 16 bits
 *   IPv6   4,096 blocks (the first 12 bits), each with 2^bits slots of its own: as many as ranges
 *          begin in it, or up to twice that
 *
 *   first[slot] ..= first[slot + 1]  ──▶  binary search for the last start <= address
 *
 * Allocated IPv6 space is crowded into few blocks: 64 Ki even slots over 2000::/3 left 11 steps of
 * search (32 to 53 ns on a country database), slots where the ranges are leave two or three. Tried
 * and dropped as well: tries (three to five dependent reads), and starts of IPv6 cut to 64 bits
 * (databases have longer prefixes).
 */
#include "geo/table.h"

#include "base/wire.h"
#include "geo/embedded.h"
#include "geo/layers.h"
#include "geo/order.h"

#include <stdlib.h>

#define IPV4_SLOTS    65536u
#define IPV6_BLOCKS   4096u
#define IPV6_BITS_MAX 16u /* of one block's slots */

struct table_ipv4 {
	uint32_t *first; /* [IPV4_SLOTS + 1] range of a slot's first address; the last range */
	uint32_t *start;
	uint16_t *value;
	uint32_t count;
};

struct block {
	uint32_t slot; /* its first one */
	uint32_t bits; /* it has 2^bits */
};

struct table_ipv6 {
	struct block *block;  /* [IPV6_BLOCKS] */
	uint32_t *first;      /* [all slots + 1], as above */
	uint64_t *high, *low; /* of each start */
	uint16_t *value;
	uint32_t count;
};

struct geo_table {
	struct table_ipv4 ipv4;
	struct table_ipv6 ipv6;
	size_t region_count;
	uint16_t fallback; /* value of addresses of no family */
	const uint16_t *order;
	struct arena arena; /* owns all of it */
};

/* ---- building ---- */

static int pack_ipv4(struct arena *a, const struct ranges *r, struct table_ipv4 *t)
{
	uint32_t at = 0;

	t->count = (uint32_t)r->count;
	t->first = arena_calloc(a, IPV4_SLOTS + 1, sizeof *t->first);
	t->start = arena_calloc(a, t->count, sizeof *t->start);
	t->value = arena_calloc(a, t->count, sizeof *t->value);
	if (t->first == NULL || t->start == NULL || t->value == NULL)
		return -1;
	for (uint32_t i = 0; i < t->count; i++) {
		t->start[i] = (uint32_t)r->start[i];
		t->value[i] = r->value[i];
	}
	for (uint32_t slot = 0; slot < IPV4_SLOTS; slot++) {
		while (at + 1 < t->count && t->start[at + 1] <= slot << 16)
			at++;
		t->first[slot] = at;
	}
	t->first[IPV4_SLOTS] = t->count - 1;
	return 0;
}

/* How many slots each block gets, and where they begin. Returns the number of all. */
static uint32_t place_slots(const struct table_ipv6 *t)
{
	uint32_t slots = 0;

	for (uint32_t i = 0; i < t->count; i++)
		t->block[t->high[i] >> 52].slot++; /* for now: ranges that begin here */
	for (uint32_t b = 0; b < IPV6_BLOCKS; b++) {
		uint32_t ranges = t->block[b].slot, bits = 0;

		while (bits < IPV6_BITS_MAX && ranges >> bits != 0)
			bits++;
		t->block[b] = (struct block){slots, bits};
		slots += UINT32_C(1) << bits;
	}
	return slots;
}

static int index_ipv6(struct arena *a, struct table_ipv6 *t)
{
	uint32_t slots, at = 0;

	t->block = arena_calloc(a, IPV6_BLOCKS, sizeof *t->block);
	if (t->block == NULL)
		return -1;
	slots = place_slots(t);
	t->first = arena_calloc(a, slots + 1, sizeof *t->first);
	if (t->first == NULL)
		return -1;
	for (uint64_t b = 0; b < IPV6_BLOCKS; b++) {
		uint32_t bits = t->block[b].bits;

		for (uint64_t i = 0; i >> bits == 0; i++) {
			uint64_t high = b << 52 | i << (52 - bits);

			while (at + 1 < t->count &&
				(t->high[at + 1] < high ||
					(t->high[at + 1] == high && t->low[at + 1] == 0)))
				at++;
			t->first[t->block[b].slot + i] = at;
		}
	}
	t->first[slots] = t->count - 1;
	return 0;
}

static int pack_ipv6(struct arena *a, const struct ranges *r, struct table_ipv6 *t)
{
	t->count = (uint32_t)r->count;
	t->high = arena_calloc(a, t->count, sizeof *t->high);
	t->low = arena_calloc(a, t->count, sizeof *t->low);
	t->value = arena_calloc(a, t->count, sizeof *t->value);
	if (t->high == NULL || t->low == NULL || t->value == NULL)
		return -1;
	for (uint32_t i = 0; i < t->count; i++) {
		t->high[i] = (uint64_t)(r->start[i] >> 64);
		t->low[i] = (uint64_t)r->start[i];
		t->value[i] = r->value[i];
	}
	return index_ipv6(a, t);
}

int table_build(const struct conf *c, const struct code_rules *rules,
	const struct database_ranges *databases, size_t count, struct geo_table **out,
	struct err *e)
{
	struct geo_table *t = calloc(1, sizeof *t);
	struct ranges merged[2] = {{0}, {0}};
	int rc = -1;

	if (t == NULL)
		goto out;
	t->region_count = c->region_count;
	t->fallback = rules->fallback;
	t->order = geo_order_build(&t->arena, c);
	if (t->order == NULL)
		goto out;
	if (layers_merge(c, rules, databases, count, merged) < 0)
		goto out;
	if (pack_ipv4(&t->arena, &merged[0], &t->ipv4) < 0 ||
		pack_ipv6(&t->arena, &merged[1], &t->ipv6) < 0)
		goto out;
	*out = t;
	rc = 0;
out:
	ranges_free(&merged[0]);
	ranges_free(&merged[1]);
	if (rc < 0) {
		geo_free(t);
		return err_set(e, "cannot build the geo table: out of memory");
	}
	return 0;
}

int geo_build(const struct conf *c, const struct geo_source *sources, size_t source_count,
	struct geo_table **out, struct geo_database *info, struct err *e)
{
	struct database_ranges databases[CONF_DATABASES_MAX] = {0};
	struct code_rules rules;
	int rc = -1;

	if (source_count > CONF_DATABASES_MAX)
		return err_set(e, "more than %u geo databases", CONF_DATABASES_MAX);
	code_rules_build(&rules, c);
	for (size_t i = 0; i < source_count; i++)
		if (database_reduce(&rules, &sources[i], &databases[i],
			    info != NULL ? &info[i] : NULL, e) < 0)
			goto out;
	rc = table_build(c, &rules, databases, source_count, out, e);
out:
	for (size_t i = 0; i < source_count; i++)
		database_ranges_free(&databases[i]);
	return rc;
}

void geo_free(struct geo_table *t)
{
	if (t == NULL)
		return;
	arena_free(&t->arena);
	free(t);
}

size_t geo_memory(const struct geo_table *t)
{
	return sizeof *t + t->arena.total;
}

/* ---- looking up ---- */

static struct geo_answer answer_of(uint16_t value, int scope)
{
	uint16_t region = value & (uint16_t) ~(RANGE_SPECIAL | RANGE_EMBEDDED);

	return (struct geo_answer){
		.region = region == RANGE_NO_REGION ? CONF_NONE : region,
		.scope = (uint8_t)scope,
		.known = (value & RANGE_SPECIAL) == 0,
	};
}

static int max(int a, int b)
{
	return a > b ? a : b;
}

/* The shortest prefix around an address that leaves out another one: a bit longer than what they
 * have in common. */
static int apart_ipv4(uint32_t a, uint32_t other)
{
	return __builtin_clz(a ^ other) + 1;
}

static int apart_ipv6(uint64_t high, uint64_t low, uint64_t other_high, uint64_t other_low)
{
	if (high != other_high)
		return __builtin_clzll(high ^ other_high) + 1;
	return 64 + __builtin_clzll(low ^ other_low) + 1;
}

static struct geo_answer lookup_ipv4(const struct table_ipv4 *t, const uint8_t *bytes)
{
	uint32_t a = load_u32(bytes);
	uint32_t at = t->first[a >> 16], n = t->first[(a >> 16) + 1] - at + 1;
	int scope = 0;

	while (n > 1) {
		uint32_t half = n / 2;

		at += t->start[at + half] <= a ? half : 0;
		n -= half;
	}
	if (at > 0)
		scope = apart_ipv4(a, t->start[at] - 1);
	if (at + 1 < t->count)
		scope = max(scope, apart_ipv4(a, t->start[at + 1]));
	return answer_of(t->value[at], scope);
}

/* The last range of at ..= last that starts at or before the address; the one at `at` does. */
static uint32_t search_ipv6(
	const struct table_ipv6 *t, uint64_t high, uint64_t low, uint32_t at, uint32_t last)
{
	uint32_t from = at;

	for (uint32_t n = last - at + 1; n > 1;) {
		uint32_t half = n / 2;

		at += t->high[at + half] <= high ? half : 0;
		n -= half;
	}
	if (t->high[at] != high || t->low[at] <= low)
		return at;
	for (last = at, at = from; at + 1 < last;) { /* several start within this /64 */
		uint32_t middle = at + (last - at) / 2;

		if (t->high[middle] < high || t->low[middle] <= low)
			at = middle;
		else
			last = middle;
	}
	return at;
}

/* The client's IPv4 address decides, if it has one: `plain` is what is known of its IPv6 address,
 * and as far as it reaches the blocks and networks around it. */
static __attribute__((cold, noinline)) struct geo_answer lookup_embedded(
	const struct geo_table *t, const struct addr *client, struct geo_answer plain)
{
	struct embedded inside;
	struct geo_answer g;

	if (!embedded_find(client, &inside))
		return plain; /* no range is marked elsewhere */
	if (inside.bits == 0) {
		plain.scope = (uint8_t)max(plain.scope, inside.at + 32);
		return plain;
	}
	g = lookup_ipv4(&t->ipv4, inside.ipv4.bytes);
	g.scope = (uint8_t)(inside.at + max(g.scope, apart_ipv4(inside.bits, 0)));
	g.scope = (uint8_t)max(g.scope, plain.scope);
	return g;
}

static struct geo_answer lookup_ipv6(const struct geo_table *table, const struct addr *client)
{
	const struct table_ipv6 *t = &table->ipv6;
	const uint8_t *bytes = client->bytes;
	uint64_t high = (uint64_t)load_u32(bytes) << 32 | load_u32(bytes + 4);
	uint64_t low = (uint64_t)load_u32(bytes + 8) << 32 | load_u32(bytes + 12);
	const struct block *b = &t->block[high >> 52];
	uint64_t slot =
		b->slot + (high << 12 >> 1 >> (63 - b->bits)); /* two shifts: bits may be 0 */
	uint32_t at = search_ipv6(t, high, low, t->first[slot], t->first[slot + 1]);
	int scope = 0;

	if (at > 0)
		scope = apart_ipv6(high, low, t->high[at] - (t->low[at] == 0), t->low[at] - 1);
	if (at + 1 < t->count)
		scope = max(scope, apart_ipv6(high, low, t->high[at + 1], t->low[at + 1]));
	if (__builtin_expect((t->value[at] & RANGE_EMBEDDED) != 0, 0))
		return lookup_embedded(table, client, answer_of(t->value[at], scope));
	return answer_of(t->value[at], scope);
}

struct geo_answer geo_lookup(const struct geo_table *t, const struct addr *client)
{
	if (client->family == FAMILY_IPV4)
		return lookup_ipv4(&t->ipv4, client->bytes);
	if (client->family == FAMILY_IPV6)
		return lookup_ipv6(t, client);
	return answer_of(t->fallback | RANGE_SPECIAL, 0);
}

const uint16_t *geo_region_order(const struct geo_table *t, uint16_t home)
{
	size_t row = home < t->region_count ? home : t->region_count;

	return t->order + row * t->region_count;
}
