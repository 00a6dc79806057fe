#include "control/client_print.h"

#include "base/clock.h"
#include "control/table.h"
#include "zones/zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* ---- reading replies ---- */

static const char *get_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

/* 0 for null and anything that is no whole number. */
static uint64_t get_number(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

const char *age_format(uint64_t ms, char *out)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t s = ms / 1000;

	for (size_t i = 0; i < COUNT(units); i++) {
		uint64_t n = s / units[i].seconds, rest = s % units[i].seconds;

		if (n == 0 && i + 1 < COUNT(units))
			continue;
		if (i + 1 == COUNT(units) || rest / units[i + 1].seconds == 0)
			(void)snprintf(out, AGE_TEXT_MAX, "%" PRIu64 "%c", n, units[i].unit);
		else
			(void)snprintf(out, AGE_TEXT_MAX, "%" PRIu64 "%c%" PRIu64 "%c", n,
				units[i].unit, rest / units[i + 1].seconds, units[i + 1].unit);
		break;
	}
	return out;
}

/* How long ago `key` was; "" when never. */
static const char *age(const json_t *o, const char *key, uint64_t now_ms, char *out)
{
	uint64_t then_ms = get_number(o, key);

	out[0] = '\0';
	if (then_ms != 0)
		(void)age_format(then_ms < now_ms ? now_ms - then_ms : 0, out);
	return out;
}

/* " (3m20s left)" or "" when it has no end. */
static const char *left(const json_t *o, const char *key, uint64_t now_ms, char *out)
{
	uint64_t until_ms = get_number(o, key);
	char span[AGE_TEXT_MAX];

	out[0] = '\0';
	if (until_ms > now_ms)
		(void)snprintf(
			out, AGE_TEXT_MAX + 8, " (%s left)", age_format(until_ms - now_ms, span));
	return out;
}

/* ---- status ---- */

static void print_roles(const json_t *status, uint64_t now_ms, struct text *out)
{
	static const char *const head[] = {"ROLE", "STATE", "PID", "GENERATION", "RESTARTS", "UP"};
	const json_t *role;
	struct table t;
	size_t i;

	table_init(&t, head, COUNT(head));
	json_array_foreach(json_object_get(status, "roles"), i, role)
	{
		char up[AGE_TEXT_MAX];

		table_add(&t, "%s", get_text(role, "role"));
		table_add(&t, "%s", get_text(role, "state"));
		table_add(&t, "%" PRIu64, get_number(role, "pid"));
		table_add(&t, "%" PRIu64, get_number(role, "generation"));
		table_add(&t, "%" PRIu64, get_number(role, "restarts"));
		table_add(&t, "%s", age(role, "started_ms", now_ms, up));
	}
	table_print(&t, out);
	table_free(&t);
}

/* One line an address: every line can be found with grep by any of its words. */
static void add_address(struct table *t, const char *pool, const json_t *endpoint,
	const json_t *address, uint64_t now_ms)
{
	char since[AGE_TEXT_MAX], end[AGE_TEXT_MAX + 8];
	uint64_t weight = get_number(endpoint, "weight"),
		 configured = get_number(endpoint, "configured_weight");

	table_add(t, "%s/%s", pool, get_text(endpoint, "name"));
	table_add(t, "%s", get_text(endpoint, "region"));
	table_add(t, "%s", get_text(address, "address"));
	table_add(t, "%s", json_is_true(json_object_get(address, "serving")) ? "yes" : "no");
	table_add(t, "%s", get_text(address, "verdict"));
	table_add(t, "%s", age(address, "since_ms", now_ms, since));
	table_add(t, "%s%s", get_text(endpoint, "override"),
		left(endpoint, "override_until_ms", now_ms, end));
	if (json_is_integer(json_object_get(endpoint, "weight_override")))
		table_add(t, "%" PRIu64 " instead of %" PRIu64 "%s", weight, configured,
			left(endpoint, "weight_until_ms", now_ms, end));
	else
		table_add(t, "%" PRIu64, weight);
	table_add(t, "%" PRIu64, get_number(endpoint, "load"));
	table_add(t, "%s%s", get_text(address, "reason"),
		left(address, "suppressed_until_ms", now_ms, end));
}

static void print_endpoints(const json_t *status, uint64_t now_ms, struct text *out)
{
	static const char *const head[] = {"ENDPOINT", "REGION", "ADDRESS", "SERVES", "VERDICT",
		"SINCE", "OVERRIDE", "WEIGHT", "LOAD", "REASON"};
	const json_t *pool, *endpoint, *address;
	size_t p, n, a;
	struct table t;

	table_init(&t, head, COUNT(head));
	json_array_foreach(json_object_get(status, "pools"), p, pool)
	{
		json_array_foreach(json_object_get(pool, "endpoints"), n, endpoint)
		{
			json_array_foreach(json_object_get(endpoint, "addresses"), a, address)
			{
				add_address(&t, get_text(pool, "name"), endpoint, address, now_ms);
			}
		}
	}
	table_print(&t, out);
	table_free(&t);
}

static void print_pools(const json_t *status, struct text *out)
{
	static const char *const head[] = {"POOL", "CHECK", "SERVING", "ENDPOINTS"};
	const json_t *pool;
	struct table t;
	size_t i;

	table_init(&t, head, COUNT(head));
	json_array_foreach(json_object_get(status, "pools"), i, pool)
	{
		table_add(&t, "%s", get_text(pool, "name"));
		table_add(&t, "%s", get_text(pool, "check"));
		table_add(&t, "%" PRIu64, get_number(pool, "serving"));
		table_add(&t, "%zu", json_array_size(json_object_get(pool, "endpoints")));
	}
	table_print(&t, out);
	table_free(&t);
}

static void print_listeners(const json_t *status, struct text *out)
{
	static const char *const head[] = {
		"LISTENER", "ADDRESS", "POOL", "CONNECTIONS", "SET ASIDE"};
	const json_t *listeners = json_object_get(status, "listeners"), *listener;
	struct table t;
	size_t i;

	if (json_array_size(listeners) == 0)
		return;
	table_init(&t, head, COUNT(head));
	json_array_foreach(listeners, i, listener)
	{
		table_add(&t, "%s", get_text(listener, "name"));
		table_add(&t, "%s", get_text(listener, "listen"));
		table_add(&t, "%s", get_text(listener, "pool"));
		table_add(&t, "%" PRIu64, get_number(listener, "active"));
		table_add(&t, "%zu", json_array_size(json_object_get(listener, "set_aside")));
	}
	text_puts(out, "\n");
	table_print(&t, out);
	table_free(&t);
}

/* First, so that nobody has to look for it. */
static void print_trouble(const json_t *trouble, struct text *out)
{
	const json_t *one;
	size_t i;

	json_array_foreach(trouble, i, one)
	{
		text_printf(out, "%s: %s: %s\n", get_text(one, "level"), get_text(one, "about"),
			get_text(one, "text"));
	}
	if (json_array_size(trouble) > 0)
		text_puts(out, "\n");
}

void print_status(const json_t *status, struct text *out)
{
	uint64_t now_ms = get_number(json_object_get(status, "clock"), "real_ms");

	print_trouble(json_object_get(status, "trouble"), out);
	print_roles(status, now_ms, out);
	text_puts(out, "\n");
	print_pools(status, out);
	text_puts(out, "\n");
	print_endpoints(status, now_ms, out);
	print_listeners(status, out);
}

/* ---- zones ---- */

#define ZONE_STATE_MAX (AGE_TEXT_MAX + 32)

/* What answers come from, and what they lack. Returns `out`. */
static const char *zone_state(const json_t *zone, uint64_t now_ms, char out[ZONE_STATE_MAX])
{
	const char *tail = get_number(zone, "dnssec_left_out") > 0 ? ", unsigned" : "";
	char end[AGE_TEXT_MAX + 8];

	if (!json_is_true(json_object_get(zone, "served")))
		(void)snprintf(out, ZONE_STATE_MAX, "not served");
	else if (get_number(zone, "missing_since_ms") != 0)
		(void)snprintf(out, ZONE_STATE_MAX, "missing%s%s",
			left(zone, "removed_at_ms", now_ms, end), tail);
	else
		(void)snprintf(out, ZONE_STATE_MAX, "%s%s",
			json_is_true(json_object_get(zone, "stale")) ? "stale" : "served", tail);
	return out;
}

static void add_zone(struct table *t, const json_t *zone, uint64_t now_ms)
{
	char loaded[AGE_TEXT_MAX], good[AGE_TEXT_MAX], state[ZONE_STATE_MAX];
	bool served = json_is_true(json_object_get(zone, "served"));

	table_add(t, "%s", get_text(zone, "zone"));
	if (served) {
		table_add(t, "%" PRIu64, get_number(zone, "serial"));
		table_add(t, "%" PRIu64, get_number(zone, "records"));
	} else {
		table_add(t, "%s", "");
		table_add(t, "%s", "");
	}
	table_add(t, "%s", zone_state(zone, now_ms, state));
	table_add(t, "%s", age(zone, "loaded_ms", now_ms, loaded));
	table_add(t, "%s", age(zone, "good_copy_ms", now_ms, good));
	table_add(t, "%s", get_text(zone, "file"));
}

/* Below the table: the last error of each thing that has one. */
static void print_errors(
	const json_t *list, const char *name_key, uint64_t now_ms, struct text *out)
{
	const json_t *thing;
	size_t i;

	json_array_foreach(list, i, thing)
	{
		char when[AGE_TEXT_MAX];

		if (get_text(thing, "error")[0] != '\0')
			text_printf(out, "%s: %s ago: %s\n", get_text(thing, name_key),
				age(thing, "failed_ms", now_ms, when), get_text(thing, "error"));
	}
}

static void print_zones_left_out(const json_t *zones, struct text *out)
{
	const json_t *zone;
	size_t i;

	json_array_foreach(zones, i, zone)
	{
		uint64_t count = get_number(zone, "dnssec_left_out");

		if (count > 0)
			text_printf(out, "%s: %" PRIu64 " " ZONE_LEFT_OUT_TEXT "\n",
				get_text(zone, "zone"), count);
	}
}

static void print_databases(const json_t *databases, uint64_t now_ms, struct text *out)
{
	static const char *const head[] = {"DATABASE", "TYPE", "NETWORKS", "LOADED", "BUILT"};
	const json_t *database;
	struct table t;
	size_t i;

	if (json_array_size(databases) == 0)
		return;
	table_init(&t, head, COUNT(head));
	json_array_foreach(databases, i, database)
	{
		char loaded[AGE_TEXT_MAX], built[AGE_TEXT_MAX];

		table_add(&t, "%s", get_text(database, "path"));
		table_add(&t, "%s", get_text(database, "type"));
		table_add(&t, "%" PRIu64, get_number(database, "networks"));
		table_add(&t, "%s", age(database, "loaded_ms", now_ms, loaded));
		table_add(&t, "%s", age(database, "built_ms", now_ms, built));
	}
	text_puts(out, "\n");
	table_print(&t, out);
	table_free(&t);
}

void print_zones(const json_t *zones, struct text *out)
{
	static const char *const head[] = {
		"ZONE", "SERIAL", "RECORDS", "STATE", "LOADED", "GOOD COPY", "FILE"};
	const json_t *list = json_object_get(zones, "zones"), *zone;
	const json_t *databases = json_object_get(zones, "databases");
	uint64_t now_ms = get_number(zones, "now_ms");
	struct table t;
	size_t i;

	table_init(&t, head, COUNT(head));
	json_array_foreach(list, i, zone)
	{
		add_zone(&t, zone, now_ms);
	}
	table_print(&t, out);
	table_free(&t);
	print_databases(databases, now_ms, out);
	print_zones_left_out(list, out);
	print_errors(list, "zone", now_ms, out);
	print_errors(databases, "path", now_ms, out);
}

/* ---- overrides ---- */

void print_changed(const json_t *reply, struct text *out)
{
	const json_t *list = json_object_get(reply, "changed"), *change;
	size_t i;

	json_array_foreach(list, i, change)
	{
		uint64_t until_ms = get_number(change, "until_ms");
		char when[CLOCK_TEXT_MAX];

		text_printf(out, "%s/%s: %s -> %s", get_text(change, "pool"),
			get_text(change, "endpoint"), get_text(change, "from"),
			get_text(change, "to"));
		if (until_ms != 0)
			text_printf(out, " until %s", clock_format(until_ms, when));
		text_puts(out, "\n");
	}
	if (json_array_size(list) == 0)
		text_puts(out, "nothing to change\n");
}
