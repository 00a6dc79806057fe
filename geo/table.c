/*
 * The table that is looked up: per family the sorted starts of ranges and their values, under a first level
 * of 64 Ki slots that says which few ranges a slot's addresses can lie in.
 *
 *   IPv4   slot = the first 16 bits
 *   IPv6   slot = the 16 bits behind the first 3, for 2000::/3, where all global addresses are; the few ranges outside are
 *          searched without it
 *
 *   first[slot] ..= first[slot + 1]  ──▶  binary search for the last start <= address
 *
 * Tried and dropped: tries (three to five dependent reads where this has two and a search in one or two cache lines),
 * and starts of IPv6 cut to 64 bits (databases have longer prefixes).
 */
#include "geo/table.h"

#include "geo/order.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 65536u

struct table_ipv4 {
	uint32_t *
		first; /* [SLOTS + 1] the range that holds the slot's first address; the last range */
	uint32_t *start;
	uint16_t *value;
	uint32_t count;
};

struct table_ipv6 {
	uint32_t *first;      /* [SLOTS + 1]; the last one for the address behind 2000::/3 */
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

static void add_rule(
	struct range_rule *rules, size_t *count, const struct prefix *p, uint16_t value)
{
	unsigned bits = addr_bits(&p->addr);
	uint128 start = addr_number(&p->addr);

	rules[(*count)++] =
		(struct range_rule){start, start | (family_end(bits) >> p->length), value};
}

/* `networks` of one family. */
static int network_ranges(const struct conf *c, uint8_t family, struct ranges *out)
{
	struct range_rule *rules = calloc(c->network_count + 1, sizeof *rules);
	size_t count = 0;

	if (rules == NULL)
		return -1;
	for (size_t i = 0; i < c->network_count; i++)
		if (c->networks[i].prefix.addr.family == family)
			add_rule(rules, &count, &c->networks[i].prefix, c->networks[i].region);
	ranges_from_rules(out, rules, count);
	free(rules);
	return out->failed ? -1 : 0;
}

/* Special-purpose blocks of one family: the default's region, but not known. */
static int special_ranges(uint16_t fallback, uint8_t family, struct ranges *out)
{
	struct range_rule *rules;
	size_t blocks = 0, count = 0;
	struct prefix p;

	while (addr_special_block(blocks, &p) == 0)
		blocks++;
	rules = calloc(blocks + 1, sizeof *rules);
	if (rules == NULL)
		return -1;
	for (size_t i = 0; i < blocks; i++)
		if (addr_special_block(i, &p) == 0 && p.addr.family == family)
			add_rule(rules, &count, &p, fallback | RANGE_SPECIAL);
	ranges_from_rules(out, rules, count);
	free(rules);
	return out->failed ? -1 : 0;
}

/* Put `top` over *below, which becomes the result. */
static int lay_over(const struct ranges *top, struct ranges *below)
{
	struct ranges both = {0};

	ranges_overlay(&both, top, below);
	ranges_free(below);
	*below = both;
	return both.failed ? -1 : 0;
}

static int merge_family(const struct conf *c, const struct code_rules *rules,
	const struct database_ranges *databases, size_t count, unsigned f, struct ranges *out)
{
	uint8_t family = f == 0 ? FAMILY_IPV4 : FAMILY_IPV6;
	struct ranges special = {0}, networks = {0};
	int rc = -1;

	ranges_append(out, 0, rules->fallback);
	while (count > 0)
		if (lay_over(&databases[--count].family[f], out) < 0)
			goto out;
	if (special_ranges(rules->fallback, family, &special) < 0 || lay_over(&special, out) < 0)
		goto out;
	if (network_ranges(c, family, &networks) < 0 || lay_over(&networks, out) < 0)
		goto out;
	rc = out->count < UINT32_MAX ? 0 : -1;
out:
	ranges_free(&special);
	ranges_free(&networks);
	return rc;
}

static int pack_ipv4(struct arena *a, const struct ranges *r, struct table_ipv4 *t)
{
	uint32_t at = 0;

	t->count = (uint32_t)r->count;
	t->first = arena_calloc(a, SLOTS + 1, sizeof *t->first);
	t->start = arena_calloc(a, t->count, sizeof *t->start);
	t->value = arena_calloc(a, t->count, sizeof *t->value);
	if (t->first == NULL || t->start == NULL || t->value == NULL)
		return -1;
	for (uint32_t i = 0; i < t->count; i++) {
		t->start[i] = (uint32_t)r->start[i];
		t->value[i] = r->value[i];
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		while (at + 1 < t->count && t->start[at + 1] <= slot << 16)
			at++;
		t->first[slot] = at;
	}
	t->first[SLOTS] = t->count - 1;
	return 0;
}

/* First address of a slot of 2000::/3; for SLOTS that is 4000::. */
static uint64_t slot_high(uint32_t slot)
{
	return (UINT64_C(1) << 61) + ((uint64_t)slot << 45);
}

static int pack_ipv6(struct arena *a, const struct ranges *r, struct table_ipv6 *t)
{
	uint32_t at = 0;

	t->count = (uint32_t)r->count;
	t->first = arena_calloc(a, SLOTS + 1, sizeof *t->first);
	t->high = arena_calloc(a, t->count, sizeof *t->high);
	t->low = arena_calloc(a, t->count, sizeof *t->low);
	t->value = arena_calloc(a, t->count, sizeof *t->value);
	if (t->first == NULL || t->high == NULL || t->low == NULL || t->value == NULL)
		return -1;
	for (uint32_t i = 0; i < t->count; i++) {
		t->high[i] = (uint64_t)(r->start[i] >> 64);
		t->low[i] = (uint64_t)r->start[i];
		t->value[i] = r->value[i];
	}
	for (uint32_t slot = 0; slot <= SLOTS; slot++) {
		while (at + 1 < t->count && r->start[at + 1] <= (uint128)slot_high(slot) << 64)
			at++;
		t->first[slot] = at;
	}
	return 0;
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
	for (unsigned f = 0; f < 2; f++)
		if (merge_family(c, rules, databases, count, f, &merged[f]) < 0)
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
	uint16_t region = value & (uint16_t)~RANGE_SPECIAL;

	return (struct geo_answer){
		.region = region == RANGE_NO_REGION ? CONF_NONE : region,
		.scope = (uint8_t)scope,
		.known = (value & RANGE_SPECIAL) == 0,
	};
}

/* A prefix around an address leaves out another address when it is longer than what the two have in common. */
static int max(int a, int b)
{
	return a > b ? a : b;
}

static int apart_32(uint32_t a, uint32_t b)
{
	return __builtin_clz(a ^ b) + 1;
}

static int apart_128(uint64_t high, uint64_t low, uint64_t other_high, uint64_t other_low)
{
	if (high != other_high)
		return __builtin_clzll(high ^ other_high) + 1;
	return 64 + __builtin_clzll(low ^ other_low) + 1;
}

static struct geo_answer lookup_ipv4(const struct table_ipv4 *t, const uint8_t *bytes)
{
	uint32_t a = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		     bytes[3];
	uint32_t at = t->first[a >> 16], n = t->first[(a >> 16) + 1] - at + 1;
	int scope = 0;

	while (n > 1) {
		uint32_t half = n / 2;

		at += t->start[at + half] <= a ? half : 0;
		n -= half;
	}
	if (at > 0)
		scope = apart_32(a, t->start[at] - 1);
	if (at + 1 < t->count)
		scope = max(scope, apart_32(a, t->start[at + 1]));
	return answer_of(t->value[at], scope);
}

static uint64_t load_u64(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

static struct geo_answer lookup_ipv6(const struct table_ipv6 *t, const uint8_t *bytes)
{
	uint64_t high = load_u64(bytes), low = load_u64(bytes + 8);
	uint32_t at = 0, last = t->count - 1, n;
	int scope = 0;

	if (high >> 61 == 1) {
		uint32_t slot = (uint32_t)(high >> 45) & 0xffffu;

		at = t->first[slot];
		last = t->first[slot + 1];
	}
	for (n = last - at + 1; n > 1;) {
		uint32_t half = n / 2, middle = at + half;
		bool reached = t->high[middle] < high ||
			       (t->high[middle] == high && t->low[middle] <= low);

		at = reached ? middle : at;
		n -= half;
	}
	if (at > 0) {
		uint64_t before = t->low[at] - 1;

		scope = apart_128(high, low, t->high[at] - (t->low[at] == 0), before);
	}
	if (at + 1 < t->count)
		scope = max(scope, apart_128(high, low, t->high[at + 1], t->low[at + 1]));
	return answer_of(t->value[at], scope);
}

struct geo_answer geo_lookup(const struct geo_table *t, const struct addr *client)
{
	if (client->family == FAMILY_IPV4)
		return lookup_ipv4(&t->ipv4, client->bytes);
	if (client->family == FAMILY_IPV6)
		return lookup_ipv6(&t->ipv6, client->bytes);
	return answer_of(t->fallback | RANGE_SPECIAL, 0);
}

const uint16_t *geo_region_order(const struct geo_table *t, uint16_t home)
{
	size_t row = home < t->region_count ? home : t->region_count;

	return t->order + row * t->region_count;
}
