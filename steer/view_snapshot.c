/*
 * The server's clocks are not asked for: times in a snapshot are unix milliseconds, and the
 * caller's own pair turns them into its monotonic time.
 */
#include "steer/view_snapshot.h"

#include "board/serving.h"
#include "board/snapshot.h"

#include <stdio.h>
#include <string.h>

/* A future unix time below `key` as monotonic; 0 when there is none or it is over. */
static uint64_t future(const json_t *object, const char *key, uint64_t now_ms, uint64_t real_ms)
{
	json_int_t at = json_integer_value(json_object_get(object, key));

	return at > 0 && (uint64_t)at > real_ms ? now_ms + ((uint64_t)at - real_ms) : 0;
}

/* The entry of this address, NULL when the server's endpoint has another one. */
static const json_t *find_address(const json_t *endpoint, const struct addr *address)
{
	const json_t *list = json_object_get(endpoint, "addresses"), *entry;
	char text[ADDR_TEXT_MAX];
	size_t i;

	(void)addr_format(address, text);
	json_array_foreach((json_t *)(uintptr_t)list, i, entry)
	{
		const char *word = json_string_value(json_object_get(entry, "address"));

		if (word != NULL && strcmp(word, text) == 0)
			return entry;
	}
	return NULL;
}

static void fill_state(struct view_state *s, const struct conf_pool *pool, const json_t *endpoint,
	const json_t *address, uint64_t now_ms, uint64_t real_ms)
{
	enum verdict verdict =
		pool->check == CONF_NONE
			? VERDICT_UP
			: verdict_from_name(json_string_value(json_object_get(address, "verdict")));
	enum override override =
		override_from_name(json_string_value(json_object_get(endpoint, "override")));

	s->exists = true;
	s->verdict = (uint8_t)verdict;
	s->override = (uint8_t) override;
	s->serving = serving_rule(override, verdict, pool->unknown_serves);
	if (override != OVERRIDE_NONE || pool->check == CONF_NONE)
		return;
	s->doubt_until_ms = future(address, "doubt_until_ms", now_ms, real_ms);
	if (verdict == VERDICT_UNKNOWN && s->doubt_until_ms == 0)
		s->doubt_until_ms = now_ms; /* as in view_build() */
}

static void fill_endpoint(
	struct view *v, uint32_t index, const json_t *endpoint, uint64_t now_ms, uint64_t real_ms)
{
	const struct conf_endpoint *e = &v->conf->endpoints[index];
	const json_t *weight = json_object_get(endpoint, "weight_override");
	const json_t *load = json_object_get(endpoint, "load");
	uint16_t value = e->weight;

	if (json_is_integer(weight) && json_integer_value(weight) >= 0 &&
		json_integer_value(weight) <= (json_int_t)CONF_WEIGHT_MAX)
		value = (uint16_t)json_integer_value(weight);
	v->endpoint[index] = (struct view_endpoint){0};
	if (json_integer_value(load) > 0 && json_integer_value(load) <= UINT32_MAX)
		v->endpoint[index].load = (uint32_t)json_integer_value(load);
	for (int family = 0; family < 2; family++) {
		struct view_state *s = &v->endpoint[index].family[family];
		const json_t *address;

		if (e->address[family].family == FAMILY_NONE)
			continue;
		s->weight = value;
		address = find_address(endpoint, &e->address[family]);
		fill_state(s, &v->conf->pools[e->pool], endpoint, address, now_ms, real_ms);
		v->last_good[index][family] =
			last_good_from_words(json_object_get(address, "last_good"));
	}
}

int view_from_snapshot(
	struct view *v, const json_t *snapshot, uint64_t now_ms, uint64_t real_ms, struct err *e)
{
	const json_t *version = json_object_get(snapshot, "version");
	json_t *endpoints;

	if (!json_is_integer(version) || !json_is_array(json_object_get(snapshot, "pools")))
		return err_set(e, "the server's snapshot has no \"version\" or no \"pools\"");
	if (json_integer_value(version) != SNAPSHOT_VERSION)
		return err_set(e,
			"the server's snapshot is of version %lld; this program reads version %d",
			(long long)json_integer_value(version), SNAPSHOT_VERSION);
	endpoints = snapshot_endpoints(snapshot);
	if (endpoints == NULL)
		return err_set(e, "out of memory for the server's snapshot");
	for (uint32_t i = 0; i < v->conf->endpoint_count; i++) {
		const struct conf_endpoint *endpoint = &v->conf->endpoints[i];
		char name[SNAPSHOT_NAME_MAX];

		(void)snprintf(name, sizeof name, "%s/%s", v->conf->pools[endpoint->pool].name,
			endpoint->name);
		fill_endpoint(v, i, json_object_get(endpoints, name), now_ms, real_ms);
	}
	json_decref(endpoints);
	view_lay_out(v);
	for (size_t i = 0; i < v->conf->pool_count; i++)
		v->pool_ready[i] = true;
	v->all_ready = true;
	v->built_ms = now_ms;
	v->expires_ms = UINT64_MAX;
	return 0;
}
