#include "control/target.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGION_PREFIX "region:"

/* ---- errors with a hint ---- */

static int unknown(struct err *e, const char *thing, const char *wrong, const char *nearest)
{
	if (nearest != NULL)
		return err_set(
			e, "there is no %s \"%s\"; did you mean \"%s\"?", thing, wrong, nearest);
	return err_set(e, "there is no %s \"%s\"", thing, wrong);
}

static int unknown_region(const struct conf *c, const char *wrong, struct err *e)
{
	const char **names = calloc(c->region_count + 1, sizeof *names);
	const char *nearest;

	for (size_t i = 0; names != NULL && i < c->region_count; i++)
		names[i] = c->regions[i].name;
	nearest = names != NULL ? text_nearest(wrong, names, c->region_count) : NULL;
	free(names);
	return unknown(e, "region", wrong, nearest);
}

static int unknown_pool(const struct conf *c, const char *wrong, struct err *e)
{
	const char **names = calloc(c->pool_count + 1, sizeof *names);
	const char *nearest;

	for (size_t i = 0; names != NULL && i < c->pool_count; i++)
		names[i] = c->pools[i].name;
	nearest = names != NULL ? text_nearest(wrong, names, c->pool_count) : NULL;
	free(names);
	return unknown(e, "pool", wrong, nearest);
}

/* Among endpoints[first, first + count); the hint is a whole POOL/ENDPOINT. */
static int unknown_endpoint(const struct conf *c, size_t first, size_t count, const char *name,
	const char *wrong, struct err *e)
{
	const char **names = calloc(count + 1, sizeof *names);
	char hint[TARGET_MAX + 1];
	const char *nearest;

	for (size_t i = 0; names != NULL && i < count; i++)
		names[i] = c->endpoints[first + i].name;
	nearest = names != NULL ? text_nearest(name, names, count) : NULL;
	for (size_t i = 0; nearest != NULL && i < count; i++) {
		if (names[i] != nearest)
			continue;
		(void)snprintf(hint, sizeof hint, "%s/%s",
			c->pools[c->endpoints[first + i].pool].name, nearest);
		free(names);
		return unknown(e, "endpoint", wrong, hint);
	}
	free(names);
	return unknown(e, "endpoint", wrong, NULL);
}

static int ambiguous(const struct conf *c, const char *name, struct err *e)
{
	struct text list = {0};
	size_t count = 0;

	for (size_t i = 0; i < c->endpoint_count; i++) {
		if (strcmp(c->endpoints[i].name, name) != 0)
			continue;
		if (count++ < TARGET_CANDIDATES)
			text_printf(&list, "%s%s/%s", count > 1 ? ", " : "",
				c->pools[c->endpoints[i].pool].name, name);
	}
	if (count > TARGET_CANDIDATES)
		text_printf(&list, " and %zu more", count - TARGET_CANDIDATES);
	err_set(e, "%zu pools have an endpoint \"%s\"; say which: %s", count, name,
		list.data != NULL ? list.data : "");
	text_free(&list);
	return -1;
}

/* ---- the three forms ---- */

static int resolve_region(const struct conf *c, const char *name, struct target *out, struct err *e)
{
	uint16_t region = conf_find_region(c, name);

	if (region == CONF_NONE)
		return unknown_region(c, name, e);
	for (size_t i = 0; i < c->endpoint_count; i++) {
		if (c->endpoints[i].region == region)
			out->endpoint[out->count++] = (uint32_t)i;
	}
	return out->count > 0 ? 0 : err_set(e, "no endpoint is in region \"%s\"", name);
}

static int resolve_pair(const struct conf *c, const char *text, const char *slash,
	struct target *out, struct err *e)
{
	char pool_name[TARGET_MAX + 1];
	const struct conf_pool *pool;
	uint32_t endpoint;
	uint16_t p;

	(void)snprintf(pool_name, sizeof pool_name, "%.*s", (int)(slash - text), text);
	p = conf_find_pool(c, pool_name);
	if (p == CONF_NONE)
		return unknown_pool(c, pool_name, e);
	pool = &c->pools[p];
	endpoint = conf_find_endpoint(c, p, slash + 1);
	if (endpoint == UINT32_MAX)
		return unknown_endpoint(
			c, pool->first_endpoint, pool->endpoint_count, slash + 1, text, e);
	out->endpoint[out->count++] = endpoint;
	return 0;
}

static int resolve_name(const struct conf *c, const char *name, struct target *out, struct err *e)
{
	for (size_t i = 0; i < c->endpoint_count; i++) {
		if (strcmp(c->endpoints[i].name, name) == 0)
			out->endpoint[out->count++] = (uint32_t)i;
	}
	if (out->count == 1)
		return 0;
	if (out->count > 1)
		return ambiguous(c, name, e);
	if (conf_find_pool(c, name) != CONF_NONE)
		return err_set(e, "\"%s\" is a pool; name one of its endpoints as %s/ENDPOINT",
			name, name);
	return unknown_endpoint(c, 0, c->endpoint_count, name, name, e);
}

int target_resolve(const struct conf *c, const char *text, struct target *out, struct err *e)
{
	struct target t = {.endpoint = NULL};
	const char *slash = strchr(text, '/');
	int rc;

	if (text[0] == '\0')
		return err_set(
			e, "no endpoint is named; give POOL/ENDPOINT, ENDPOINT or region:NAME");
	if (strlen(text) > TARGET_MAX)
		return err_set(e,
			"the target \"%.20s...\" is longer than any name can be (%u octets)", text,
			TARGET_MAX);
	t.endpoint = calloc(c->endpoint_count + 1, sizeof *t.endpoint);
	if (t.endpoint == NULL)
		return err_set(e, "out of memory");
	if (strncmp(text, REGION_PREFIX, strlen(REGION_PREFIX)) == 0)
		rc = resolve_region(c, text + strlen(REGION_PREFIX), &t, e);
	else if (slash != NULL)
		rc = resolve_pair(c, text, slash, &t, e);
	else
		rc = resolve_name(c, text, &t, e);
	if (rc < 0)
		target_free(&t);
	else
		*out = t;
	return rc;
}

void target_free(struct target *t)
{
	free(t->endpoint);
	*t = (struct target){0};
}

int target_filter(const struct conf *c, const char *pool, const char *endpoint, struct err *e)
{
	uint16_t p = pool[0] != '\0' ? conf_find_pool(c, pool) : CONF_NONE;
	size_t first = 0, count = c->endpoint_count;

	if (strlen(pool) > CONF_NAME_MAX || strlen(endpoint) > CONF_NAME_MAX)
		return err_set(e, "a name has at most %u octets", CONF_NAME_MAX);
	if (pool[0] != '\0' && p == CONF_NONE)
		return unknown_pool(c, pool, e);
	if (p != CONF_NONE) {
		first = c->pools[p].first_endpoint;
		count = c->pools[p].endpoint_count;
	}
	if (endpoint[0] == '\0') /* all of them, be it none */
		return 0;
	for (size_t i = first; i < first + count; i++) {
		if (strcmp(c->endpoints[i].name, endpoint) == 0)
			return 0;
	}
	return unknown_endpoint(c, first, count, endpoint, endpoint, e);
}
