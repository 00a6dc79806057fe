/*
 * Configurations built by hand, for tests below conf/'s reader: what a test wants to say in a line
 * or two. Everything lives in the configuration's arena; fixture_free() gives it back.
 */
#ifndef TESTS_UNIT_CONF_FIXTURE_H
#define TESTS_UNIT_CONF_FIXTURE_H

#include "tests/unit/test.h"

#include "conf/conf.h"

#define FIXTURE_REGIONS   64u
#define FIXTURE_NETWORKS  1000u
#define FIXTURE_POOLS     16u
#define FIXTURE_ENDPOINTS 256u

static inline struct conf *fixture_conf(void)
{
	struct conf *c = calloc(1, sizeof *c);

	assert_non_null(c);
	c->file = "test.yaml";
	c->zones.rescan_ms = 30000;
	c->regions = arena_calloc(&c->arena, FIXTURE_REGIONS, sizeof *c->regions);
	c->networks = arena_calloc(&c->arena, FIXTURE_NETWORKS, sizeof *c->networks);
	c->pools = arena_calloc(&c->arena, FIXTURE_POOLS, sizeof *c->pools);
	c->endpoints = arena_calloc(&c->arena, FIXTURE_ENDPOINTS, sizeof *c->endpoints);
	c->checks = arena_calloc(&c->arena, 4, sizeof *c->checks);
	c->databases = arena_calloc(&c->arena, CONF_DATABASES_MAX, sizeof *c->databases);
	assert_non_null(c->databases);
	return c;
}

static inline void fixture_free(struct conf *c)
{
	arena_free(&c->arena);
	free(c);
}

/* `serves` as in the file: "GB IE continent:EU default". Returns the region's index. */
static inline uint16_t fixture_region(struct conf *c, const char *name, const char *serves)
{
	struct conf_region *r = &c->regions[c->region_count];

	assert_true(c->region_count < FIXTURE_REGIONS);
	r->name = name;
	r->rules = arena_calloc(&c->arena, 32, sizeof *r->rules);
	while (*serves != '\0') {
		size_t length = strcspn(serves, " ");
		struct conf_rule *rule = &r->rules[r->rule_count++];

		if (length == 7 && strncmp(serves, "default", 7) == 0) {
			rule->kind = RULE_DEFAULT;
		} else if (length == 12) {
			rule->kind = RULE_CONTINENT;
			memcpy(rule->code, serves + 10, 2);
		} else {
			rule->kind = RULE_COUNTRY;
			memcpy(rule->code, serves, 2);
		}
		serves += length;
		serves += strspn(serves, " ");
	}
	return (uint16_t)c->region_count++;
}

static inline uint16_t fixture_region_at(
	struct conf *c, const char *name, const char *serves, double latitude, double longitude)
{
	uint16_t index = fixture_region(c, name, serves);

	c->regions[index].has_at = true;
	c->regions[index].latitude = latitude;
	c->regions[index].longitude = longitude;
	return index;
}

static inline void fixture_network(struct conf *c, const char *prefix, uint16_t region)
{
	struct conf_network *n = &c->networks[c->network_count++];

	assert_true(c->network_count <= FIXTURE_NETWORKS);
	assert_int_equal(prefix_parse(prefix, &n->prefix), 0);
	n->region = region;
}

/* A pool with the defaults of the reference: weighted, one answer, 30 s, min 15 s, serve_all. */
static inline struct conf_pool *fixture_pool(struct conf *c, const char *name)
{
	struct conf_pool *p = &c->pools[c->pool_count++];

	assert_true(c->pool_count <= FIXTURE_POOLS);
	*p = (struct conf_pool){
		.name = name,
		.check = CONF_NONE,
		.answers = 1,
		.ttl_s = 30,
		.ttl_min_s = 15,
		.min_serving = 1,
		.unknown_serves = true,
		.when_all_down = ALL_DOWN_SERVE_ALL,
		.fallback_pool = CONF_NONE,
		.first_endpoint = (uint32_t)c->endpoint_count,
	};
	return p;
}

static inline void fixture_step(struct conf_pool *p, enum steer_step step)
{
	p->steps[p->step_count++] = step;
}

/* The newest pool's next endpoint. `ipv4` and `ipv6` may be NULL. Returns its index. */
static inline uint32_t fixture_endpoint(
	struct conf *c, uint16_t region, const char *ipv4, const char *ipv6, uint16_t weight)
{
	struct conf_endpoint *e = &c->endpoints[c->endpoint_count];

	assert_true(c->endpoint_count < FIXTURE_ENDPOINTS);
	*e = (struct conf_endpoint){.name = arena_printf(&c->arena, "e%zu", c->endpoint_count),
		.pool = (uint16_t)(c->pool_count - 1),
		.region = region,
		.weight = weight,
		.tier = 1};
	if (ipv4 != NULL)
		assert_int_equal(addr_parse(ipv4, &e->address[0]), 0);
	if (ipv6 != NULL)
		assert_int_equal(addr_parse(ipv6, &e->address[1]), 0);
	c->pools[e->pool].endpoint_count++;
	return (uint32_t)c->endpoint_count++;
}

static inline struct addr fixture_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

#endif
