#include "conf/resolve.h"

#include "conf/scalar.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_MS 2000u

static int compare_names(const void *left, const void *right)
{
	const struct conf_name *a = left, *b = right;

	return strcmp(a->name, b->name);
}

/* Names of `count` structs `size` apart that begin with their name. A name that could not be
 * read is "". */
static struct conf_name *sort_names(struct binder *b, const void *array, size_t count, size_t size)
{
	struct conf_name *names = arena_calloc(&b->conf->arena, count, sizeof *names);

	if (names == NULL) {
		binder_out_of_memory(b);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const char *name;

		memcpy(&name, (const char *)array + i * size, sizeof name);
		names[i] = (struct conf_name){name != NULL ? name : "", (uint32_t)i};
	}
	if (count > 1)
		qsort(names, count, sizeof *names, compare_names);
	return names;
}

static void sort_all(struct binder *b)
{
	struct conf *c = b->conf;

	c->regions_by_name = sort_names(b, c->regions, c->region_count, sizeof *c->regions);
	c->checks_by_name = sort_names(b, c->checks, c->check_count, sizeof *c->checks);
	c->pools_by_name = sort_names(b, c->pools, c->pool_count, sizeof *c->pools);
	c->endpoints_by_name =
		arena_calloc(&c->arena, c->endpoint_count, sizeof *c->endpoints_by_name);
	if (c->endpoints_by_name == NULL) {
		binder_out_of_memory(b);
		return;
	}
	for (size_t i = 0; i < c->endpoint_count; i++)
		c->endpoints_by_name[i] = (struct conf_name){
			c->endpoints[i].name != NULL ? c->endpoints[i].name : "", (uint32_t)i};
	for (size_t i = 0; i < c->pool_count; i++)
		if (c->pools[i].endpoint_count > 1)
			qsort(c->endpoints_by_name + c->pools[i].first_endpoint,
				c->pools[i].endpoint_count, sizeof *c->endpoints_by_name,
				compare_names);
}

/* The names a reference may mean. */
static const struct conf_name *names_of(const struct conf *c, enum value_type type, size_t *count)
{
	if (type == TYPE_REGION) {
		*count = c->region_count;
		return c->regions_by_name;
	}
	if (type == TYPE_CHECK) {
		*count = c->check_count;
		return c->checks_by_name;
	}
	*count = c->pool_count;
	return c->pools_by_name;
}

static void unknown_name(
	struct binder *b, const struct reference *r, const struct conf_name *names, size_t count)
{
	const char *nearest = NULL, **words = calloc(count + 1, sizeof *words);
	const char *kind = value_type_name(r->key->type);
	char shown[VALUE_SHOWN_MAX];

	for (size_t i = 0; words != NULL && i < count; i++)
		words[i] = names[i].name;
	if (words != NULL)
		nearest = binder_nearest(b, r->name, words, count);
	value_shown(r->name, shown);
	if (nearest != NULL)
		binder_error(b, r->position, "there is no %s %s; did you mean \"%s\"?", kind, shown,
			nearest);
	else if (count == 0)
		binder_error(b, r->position, "there is no %s %s: the file has no \"%ss\"", kind,
			shown, kind);
	else
		binder_error(b, r->position, "there is no %s %s", kind, shown);
	free(words);
}

static void resolve_references(struct binder *b)
{
	for (size_t i = 0; i < b->reference_count; i++) {
		const struct reference *r = &b->references[i];
		const struct conf_name key = {.name = r->name}, *names, *found;
		size_t count;

		names = names_of(b->conf, r->key->type, &count);
		found = count > 0 ? bsearch(&key, names, count, sizeof key, compare_names) : NULL;
		if (found != NULL)
			scalar_store(r->field, r->key->size, found->index);
		else
			unknown_name(b, r, names, count);
	}
}

/* Without a selector the pipeline ends in `weighted`. */
static void add_selector(struct conf_pool *pool)
{
	for (size_t i = 0; i < pool->step_count; i++)
		if (pool->steps[i] == STEER_WEIGHTED || pool->steps[i] == STEER_ROUND_ROBIN)
			return;
	if (pool->step_count < CONF_STEPS_MAX)
		pool->steps[pool->step_count++] = STEER_WEIGHTED;
}

/* address[0] is IPv4 and address[1] IPv6, however the file orders them. */
static void order_addresses(struct binder *b, struct conf_endpoint *e)
{
	struct addr first = e->address[0], second = e->address[1];

	if (first.family != FAMILY_NONE && first.family == second.family)
		binder_error(b, binder_position(b, &e->address[1], e->position),
			"endpoint \"%s/%s\" has two %s addresses: give one of each family, or two "
			"endpoints",
			b->conf->pools[e->pool].name, e->name,
			first.family == FAMILY_IPV4 ? "IPv4" : "IPv6");
	if (first.family == FAMILY_IPV6 || second.family == FAMILY_IPV4) {
		e->address[0] = second;
		e->address[1] = first;
	}
}

static void resolve_pool(struct binder *b, uint16_t index)
{
	struct conf_pool *pool = &b->conf->pools[index];

	add_selector(pool);
	if (pool->fallback_pool != CONF_NONE)
		pool->when_all_down = ALL_DOWN_POOL;
	if (!binder_given(b, &pool->ttl_min_s))
		pool->ttl_min_s = pool->ttl_s > 1 ? pool->ttl_s / 2 : pool->ttl_s;
	for (size_t i = 0; i < pool->endpoint_count; i++) {
		struct conf_endpoint *e = &b->conf->endpoints[pool->first_endpoint + i];

		e->pool = index;
		order_addresses(b, e);
	}
}

/* A server that is not named otherwise goes by the machine's name. */
static void resolve_nsid(struct binder *b)
{
	const struct schema_key *key = schema_find(schema_find(NULL, "dns"), "nsid");
	char name[CONF_TEXT_MAX + 1] = "";
	struct err e;

	if (b->conf->dns.nsid != NULL)
		return;
	if (gethostname(name, sizeof name - 1) < 0 ||
		value_parse(&b->values, key, name, &b->conf->dns.nsid, &e) < 0)
		b->conf->dns.nsid = "";
}

void resolve_names(struct binder *b)
{
	struct conf *c = b->conf;

	sort_all(b);
	if (b->out_of_memory)
		return;
	resolve_references(b);
	for (size_t i = 0; i < c->check_count; i++) {
		struct conf_check *check = &c->checks[i];

		if (!binder_given(b, &check->timeout_ms))
			check->timeout_ms = check->interval_ms < TIMEOUT_DEFAULT_MS
						    ? check->interval_ms
						    : TIMEOUT_DEFAULT_MS;
	}
	for (size_t i = 0; i < c->pool_count; i++)
		resolve_pool(b, (uint16_t)i);
	for (size_t i = 0; i < c->balancer_count; i++)
		if (!binder_given(b, &c->balancers[i].retries))
			c->balancers[i].retries = CONF_RETRIES_ALL;
	resolve_nsid(b);
}
