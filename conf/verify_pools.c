/* What a pool's keys must be to each other, and pools to pools. */
#include "conf/resolve.h"

#include <stdlib.h>
#include <string.h>

static bool has_step(const struct conf_pool *pool, enum steer_step step)
{
	for (size_t i = 0; i < pool->step_count; i++)
		if (pool->steps[i] == step)
			return true;
	return false;
}

static bool is_tier_maker(enum steer_step step)
{
	return step == STEER_GEO || step == STEER_FAILOVER;
}

/* Does steps[index] stand among those before it? */
static bool is_repeated(const enum steer_step *steps, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (steps[i] == steps[index])
			return true;
	return false;
}

/* The pipeline rule: tier makers first, each at most once; then at most one selector. */
static void verify_steps(struct binder *b, const struct conf_pool *pool)
{
	const enum steer_step *steps = pool->steps;
	const enum steer_step *selector = NULL;

	for (size_t i = 0; i < pool->step_count; i++) {
		struct conf_position at = binder_position(b, &steps[i], pool->position);
		const char *name = conf_steer_step_name(steps[i]);

		if (selector != NULL && is_tier_maker(steps[i]))
			binder_error(b, at,
				"pool \"%s\": \"%s\" makes tiers and comes before \"%s\"",
				pool->name, name, conf_steer_step_name(*selector));
		else if (selector != NULL)
			binder_error(b, at,
				"pool \"%s\": \"%s\" after \"%s\": one step selects, not two",
				pool->name, name, conf_steer_step_name(*selector));
		else if (is_tier_maker(steps[i]) && is_repeated(steps, i))
			binder_error(b, at, "pool \"%s\": \"%s\" is given twice", pool->name, name);
		if (selector == NULL && !is_tier_maker(steps[i]))
			selector = &steps[i];
	}
}

static void verify_steering(struct binder *b, const struct conf_pool *pool)
{
	const struct conf_endpoint *endpoints = &b->conf->endpoints[pool->first_endpoint];
	bool failover = has_step(pool, STEER_FAILOVER), any_tier = false;

	if (binder_spoilt(b, &pool->step_count))
		return;
	verify_steps(b, pool);
	if (has_step(pool, STEER_GEO) && b->conf->region_count == 0)
		binder_error(b, binder_position(b, &pool->step_count, pool->position),
			"pool \"%s\" steers by \"geo\", but the file has no \"regions\"",
			pool->name);
	for (size_t i = 0; i < pool->endpoint_count; i++) {
		const struct conf_endpoint *e = &endpoints[i];
		bool tier = binder_given(b, &e->tier);

		any_tier |= tier;
		if (tier && !failover)
			binder_error(b, binder_position(b, &e->tier, e->position),
				"endpoint \"%s/%s\": \"tier\" means nothing here: \"steer\" has no "
				"\"failover\"",
				pool->name, e->name);
		if (has_step(pool, STEER_GEO) && b->conf->region_count > 0 &&
			!binder_given(b, &e->region) && !binder_spoilt(b, &e->region))
			binder_error(b, e->position,
				"endpoint \"%s/%s\" needs a \"region\": its pool steers by \"geo\"",
				pool->name, e->name);
	}
	if (failover && !any_tier && pool->endpoint_count > 1)
		binder_warning(b, binder_position(b, &pool->step_count, pool->position),
			"pool \"%s\" steers by \"failover\", but no endpoint has a \"tier\": all "
			"are first",
			pool->name);
}

static void verify_numbers(struct binder *b, const struct conf_pool *pool)
{
	if (pool->ttl_min_s > pool->ttl_s && !binder_spoilt(b, &pool->ttl_s))
		binder_error(b, binder_position(b, &pool->ttl_min_s, pool->position),
			"pool \"%s\": ttl_min %us is above ttl %us", pool->name, pool->ttl_min_s,
			pool->ttl_s);
	if (pool->endpoint_count > 0 && pool->min_serving > pool->endpoint_count)
		binder_error(b, binder_position(b, &pool->min_serving, pool->position),
			"pool \"%s\": min_serving %u is above its number of endpoints, %u",
			pool->name, pool->min_serving, pool->endpoint_count);
}

static void verify_weights(struct binder *b, const struct conf_pool *pool)
{
	const struct conf_endpoint *endpoints = &b->conf->endpoints[pool->first_endpoint];

	for (size_t i = 0; i < pool->endpoint_count; i++)
		if (endpoints[i].weight > 0)
			return;
	if (pool->endpoint_count > 0)
		binder_warning(b, pool->position,
			"pool \"%s\": every endpoint has weight 0: all count alike", pool->name);
}

/* One address of one endpoint. */
struct holder {
	const struct addr *address;
	const struct conf_endpoint *endpoint;
};

static int compare_holders(const void *left, const void *right)
{
	const struct holder *a = left, *b = right;
	int order = memcmp(a->address, b->address, sizeof *a->address);

	return order != 0 ? order : a->endpoint < b->endpoint ? -1 : a->endpoint > b->endpoint;
}

/* Two endpoints with one address would stand in one answer twice. */
static void verify_addresses(struct binder *b, const struct conf_pool *pool)
{
	struct holder *holders = calloc((size_t)pool->endpoint_count * 2 + 1, sizeof *holders);
	const struct conf_endpoint *endpoints = &b->conf->endpoints[pool->first_endpoint];
	char text[ADDR_TEXT_MAX];
	size_t count = 0;

	if (holders == NULL) {
		binder_out_of_memory(b);
		return;
	}
	for (size_t i = 0; i < (size_t)pool->endpoint_count * 2; i++) {
		const struct conf_endpoint *e = &endpoints[i / 2];

		if (e->address[i % 2].family != FAMILY_NONE)
			holders[count++] = (struct holder){&e->address[i % 2], e};
	}
	if (count > 1)
		qsort(holders, count, sizeof *holders, compare_holders);
	for (size_t i = 1; i < count; i++)
		if (addr_equal(holders[i - 1].address, holders[i].address) &&
			holders[i - 1].endpoint != holders[i].endpoint)
			binder_error(b, holders[i].endpoint->position,
				"endpoint \"%s/%s\" has the address %s of endpoint \"%s\"",
				pool->name, holders[i].endpoint->name,
				addr_format(holders[i].address, text),
				holders[i - 1].endpoint->name);
	free(holders);
}

/* "a → b → a" for the cycle that `start` is on. */
static void report_cycle(struct binder *b, uint16_t start)
{
	const struct conf *c = b->conf;
	struct text cycle = {0};
	uint16_t pool = start;

	do {
		text_printf(&cycle, "%s → ", c->pools[pool].name);
		pool = c->pools[pool].fallback_pool;
	} while (pool != start);
	text_puts(&cycle, c->pools[start].name);
	binder_error(b,
		binder_position(b, &c->pools[start].fallback_pool, c->pools[start].position),
		"when_all_down is a cycle: %s", cycle.data != NULL ? cycle.data : "");
	text_free(&cycle);
}

/* Follow each pool's fallbacks. `seen` says in which walk a pool was met: meeting one of the
 * same walk is a cycle, one of an earlier walk is known, so each cycle is reported once and the
 * whole takes linear time. */
static void verify_fallbacks(struct binder *b)
{
	const struct conf *c = b->conf;
	size_t *seen = calloc(c->pool_count + 1, sizeof *seen);

	if (seen == NULL) {
		binder_out_of_memory(b);
		return;
	}
	for (size_t i = 0; i < c->pool_count; i++) {
		uint16_t pool = (uint16_t)i;

		while (pool != CONF_NONE && seen[pool] == 0) {
			seen[pool] = i + 1;
			pool = c->pools[pool].fallback_pool;
		}
		if (pool != CONF_NONE && seen[pool] == i + 1)
			report_cycle(b, pool);
	}
	free(seen);
}

/* `geo` that cannot tell clients apart, or leaves some without a region. Once a file: at the first
 * pool that steers by it. */
static void verify_geo(struct binder *b, const struct conf_pool *pool)
{
	struct conf_position at = binder_position(b, &pool->step_count, pool->position);
	const struct conf *c = b->conf;
	bool by_place = false, by_default = false;

	if (c->region_count < 2)
		return; /* nothing to choose from */
	for (size_t i = 0; i < c->region_count; i++) {
		by_default |= binder_spoilt(b, &c->regions[i].rule_count);
		for (size_t k = 0; k < c->regions[i].rule_count; k++) {
			bool is_default = c->regions[i].rules[k].kind == RULE_DEFAULT;

			by_default |= is_default;
			by_place |= !is_default;
		}
	}
	if (by_place && c->database_count == 0 && c->network_count == 0 &&
		!binder_spoilt(b, &c->database_count) && !binder_spoilt(b, &c->network_count))
		binder_warning(b, at,
			"pool \"%s\" steers by \"geo\", but there are no \"geo.databases\" and no "
			"\"geo.networks\": nothing says where clients are, so %s",
			pool->name,
			by_default ? "all of them get the region that serves \"default\""
				   : "none of them has a region");
	if (!by_default)
		binder_warning(b, at,
			"pool \"%s\" steers by \"geo\", but no region serves \"default\": clients "
			"that no rule matches get the regions in the order of the file",
			pool->name);
}

void verify_pools(struct binder *b)
{
	const struct conf *c = b->conf;
	bool geo_seen = false;

	for (size_t i = 0; i < c->pool_count; i++) {
		const struct conf_pool *pool = &c->pools[i];

		verify_steering(b, pool);
		verify_numbers(b, pool);
		verify_weights(b, pool);
		verify_addresses(b, pool);
		if (!geo_seen && has_step(pool, STEER_GEO) && !binder_spoilt(b, &pool->step_count))
			verify_geo(b, pool);
		geo_seen |= has_step(pool, STEER_GEO);
	}
	verify_fallbacks(b);
}
