#include "geo/layers.h"

#include "geo/embedded.h"

#include <stdlib.h>

static void add_rule(
	struct range_rule *rules, size_t *count, const struct prefix *p, uint16_t value)
{
	unsigned bits = addr_bits(&p->addr);
	uint128 start = addr_number(&p->addr);
	uint128 rest = p->length < bits ? family_end(bits) >> p->length : 0; /* 128 is no shift */

	rules[(*count)++] = (struct range_rule){start, start | rest, value};
}

static bool is_in_embedding(const struct prefix *p)
{
	const struct prefix *block;

	for (size_t i = 0; (block = embedded_block(i)) != NULL; i++)
		if (p->length >= block->length && prefix_contains(block, &p->addr))
			return true;
	return false;
}

/* `networks` of one family, or only those that lie in blocks with IPv4 inside. */
static int network_ranges(const struct conf *c, uint8_t family, bool embedded, struct ranges *out)
{
	struct range_rule *rules = calloc(c->network_count + 1, sizeof *rules);
	size_t count = 0;

	if (rules == NULL)
		return -1;
	for (size_t i = 0; i < c->network_count; i++)
		if (c->networks[i].prefix.addr.family == family &&
			(!embedded || is_in_embedding(&c->networks[i].prefix)))
			add_rule(rules, &count, &c->networks[i].prefix, c->networks[i].region);
	ranges_from_rules(out, rules, count, family_end(family == FAMILY_IPV4 ? 32 : 128));
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
	ranges_from_rules(out, rules, count, family_end(family == FAMILY_IPV4 ? 32 : 128));
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

/* Mark the blocks that have IPv4 inside; but what the operator says of such IPv6 networks
 * themselves stands above it. Nothing is marked where all of both families is one. */
static int mark_embedded(const struct conf *c, const struct ranges *ipv4, struct ranges *out)
{
	struct range_rule rules[EMBEDDED_BLOCKS_MAX];
	struct ranges marks = {0}, networks = {0};
	const struct prefix *block;
	size_t count = 0;
	int rc = -1;

	if (ipv4->count == 1 && out->count == 1 && ipv4->value[0] == out->value[0])
		return 0;
	while ((block = embedded_block(count)) != NULL)
		add_rule(rules, &count, block, RANGE_MARK);
	ranges_from_rules(&marks, rules, count, family_end(128));
	if (!marks.failed && lay_over(&marks, out) == 0 &&
		network_ranges(c, FAMILY_IPV6, true, &networks) == 0)
		rc = lay_over(&networks, out);
	ranges_free(&marks);
	ranges_free(&networks);
	return rc;
}

static int merge_family(const struct conf *c, const struct code_rules *rules,
	const struct database_ranges *databases, size_t count, unsigned f, struct ranges *out)
{
	uint8_t family = f == 0 ? FAMILY_IPV4 : FAMILY_IPV6;
	struct ranges special = {0}, networks = {0};
	int rc = -1;

	ranges_append(out, 0, rules->fallback);
	if (special_ranges(rules->fallback, family, &special) < 0 || lay_over(&special, out) < 0)
		goto out;
	while (count > 0)
		if (lay_over(&databases[--count].family[f], out) < 0)
			goto out;
	if (network_ranges(c, family, false, &networks) < 0 || lay_over(&networks, out) < 0)
		goto out;
	rc = 0;
out:
	ranges_free(&special);
	ranges_free(&networks);
	return rc;
}

int layers_merge(const struct conf *c, const struct code_rules *rules,
	const struct database_ranges *databases, size_t count, struct ranges out[2])
{
	for (unsigned f = 0; f < 2; f++)
		if (merge_family(c, rules, databases, count, f, &out[f]) < 0)
			return -1;
	if (mark_embedded(c, &out[0], &out[1]) < 0)
		return -1;
	return out[0].count < UINT32_MAX && out[1].count < UINT32_MAX ? 0 : -1;
}
