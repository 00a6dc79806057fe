#include "control/trouble.h"

#include "base/text.h"
#include "board/event_format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RESTART_RECENT_MS 60000u /* a role that serves for longer since its last start is well */

static const char *get_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

/* True when there is no memory. `text` may hold what came from outside. */
static bool add(json_t *list, enum log_level level, const char *about, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static bool add(json_t *list, enum log_level level, const char *about, const char *format, ...)
{
	char text[768];
	json_t *o = json_object();
	va_list args;
	int bad;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	bad = json_object_set_new(o, "level", json_string(level_name(level)));
	bad |= json_object_set_new(o, "about", json_escaped(about, strlen(about)));
	bad |= json_object_set_new(o, "text", json_escaped(text, strlen(text)));
	return (bad | json_array_append_new(list, o)) != 0;
}

/* ---- zones and databases ---- */

enum zone_trouble { ZONE_DEAD, ZONE_GONE, ZONE_OLD, ZONE_UNSIGNED, ZONE_TROUBLES };

static enum zone_trouble zone_trouble_of(const struct board_zone *z)
{
	if ((z->flags & ZONE_SERVED) == 0)
		return ZONE_DEAD;
	if ((z->flags & ZONE_MISSING) != 0)
		return ZONE_GONE;
	if ((z->flags & ZONE_STALE) != 0)
		return ZONE_OLD;
	return z->left_out > 0 ? ZONE_UNSIGNED : ZONE_TROUBLES;
}

static bool add_zone(json_t *list, enum zone_trouble kind, const struct board_zone *z)
{
	char about[sizeof z->name + 8];

	(void)snprintf(about, sizeof about, "zone %s", z->name);
	switch (kind) {
	case ZONE_DEAD:
		return add(list, LEVEL_ERROR, about, "its names answer SERVFAIL: %s", z->error);
	case ZONE_GONE:
		return add(list, LEVEL_ERROR, about,
			"its file %s is gone; serial %u serves on for a while: see `waymark zones`",
			z->file, z->serial);
	case ZONE_OLD:
		return add(list, LEVEL_ERROR, about, "serial %u is served from before: %s",
			z->serial, z->error);
	case ZONE_UNSIGNED:
		return add(list, LEVEL_WARNING, about,
			"served without the %u DNSSEC records of its file: a DS at the parent "
			"makes "
			"it unreachable for validating resolvers",
			z->left_out);
	case ZONE_TROUBLES: break;
	}
	return false;
}

/* All zones with one kind of trouble. */
static bool add_zones(const struct board *b, json_t *list, enum zone_trouble kind)
{
	uint32_t count = atomic_load_explicit(&b->dns->zone_count, memory_order_acquire);
	uint32_t found = 0;
	bool bad = false;

	for (uint32_t i = 0; i < count && i < BOARD_ZONES_MAX; i++) {
		struct board_zone z;

		(void)board_read_zone(b, i, &z);
		if (z.name[0] != '\0' && zone_trouble_of(&z) == kind && found++ < TROUBLE_NAMED_MAX)
			bad |= add_zone(list, kind, &z);
	}
	if (found > TROUBLE_NAMED_MAX)
		bad |= add(list, kind == ZONE_UNSIGNED ? LEVEL_WARNING : LEVEL_ERROR, "zones",
			"%u more like the one before: see `waymark zones`",
			found - TROUBLE_NAMED_MAX);
	return bad;
}

static bool add_databases(const struct board *b, json_t *list)
{
	bool bad = false;

	for (uint32_t i = 0; i < BOARD_DATABASES_MAX; i++) {
		struct board_database d;
		char about[sizeof d.path + 16];

		(void)board_read_database(b, i, &d);
		if (d.path[0] == '\0' || d.failed_real_ms == 0)
			continue;
		(void)snprintf(about, sizeof about, "database %s", d.path);
		bad |= add(list, LEVEL_ERROR, about, "%s: %s",
			d.loaded_real_ms != 0 ? "its last good data stay in service"
					      : "it was never loaded",
			d.error);
	}
	return bad;
}

static bool add_data(const struct board *b, json_t *list)
{
	bool bad = false;

	for (int kind = 0; kind < ZONE_TROUBLES; kind++)
		bad |= add_zones(b, list, (enum zone_trouble)kind);
	return bad | add_databases(b, list);
}

/* ---- roles and reload ---- */

static bool add_role(json_t *list, const json_t *role, json_int_t now_ms)
{
	const char *name = get_text(role, "role"), *state = get_text(role, "state");
	json_int_t restarts = json_integer_value(json_object_get(role, "restarts"));
	json_int_t up_ms = now_ms - json_integer_value(json_object_get(role, "started_ms"));
	char about[32];

	(void)snprintf(about, sizeof about, "role %s", name);
	if (strcmp(state, "serving") != 0)
		return add(list, LEVEL_ERROR, about,
			"it is %s, after %" JSON_INTEGER_FORMAT
			" restarts; the other roles go on, and it is started again",
			state, restarts);
	if (restarts > 0 && up_ms < RESTART_RECENT_MS)
		return add(list, LEVEL_WARNING, about,
			"restarted %" JSON_INTEGER_FORMAT
			" times, the last time %" JSON_INTEGER_FORMAT " s ago",
			restarts, up_ms / 1000);
	return false;
}

static bool add_reload(const struct board *b, json_t *list)
{
	struct board_refusal r;

	(void)board_read_refusal(b, &r);
	if (r.refused_real_ms == 0)
		return false;
	return add(list, LEVEL_ERROR, "reload",
		"the last one was refused, so an older configuration is in force: %s", r.text);
}

/* ---- pools ---- */

/* Addresses of one family in a pool: how many there are, serve, and have no verdict yet. */
struct family_count {
	unsigned all, serving, unknown;
};

static void count_address(const json_t *address, struct family_count count[2])
{
	struct family_count *c = &count[strchr(get_text(address, "address"), ':') != NULL ? 1 : 0];

	c->all++;
	c->serving += json_is_true(json_object_get(address, "serving")) ? 1u : 0u;
	c->unknown += strcmp(get_text(address, "verdict"), "unknown") == 0 ? 1u : 0u;
}

/* What clients get meanwhile. */
static const char *stand_in(const json_t *pool)
{
	const char *rule = get_text(pool, "when_all_down");

	if (strcmp(rule, "serve_all") == 0)
		return "all are given, less those that an operator took out";
	if (strcmp(rule, "last_good") == 0)
		return "those that served last are given";
	if (strcmp(rule, "nodata") == 0)
		return "clients get no address";
	if (strcmp(rule, "refuse") == 0)
		return "clients are refused";
	return "another pool stands in";
}

static bool add_pool(json_t *list, const json_t *pool)
{
	static const char *const family[2] = {"IPv4", "IPv6"};
	struct family_count count[2] = {{0}, {0}};
	const json_t *endpoint, *address;
	char about[128];
	bool bad = false;
	size_t i, k;

	json_array_foreach(json_object_get(pool, "endpoints"), i, endpoint){json_array_foreach(
		json_object_get(endpoint, "addresses"), k, address){count_address(address, count);
}
}
(void)snprintf(about, sizeof about, "pool %s", get_text(pool, "name"));
for (int f = 0; f < 2; f++) {
	if (count[f].all == 0 || count[f].serving > 0)
		continue;
	if (count[f].unknown == count[f].all)
		bad |= add(list, LEVEL_WARNING, about, "%s: its first checks are still running",
			family[f]);
	else
		bad |= add(list, LEVEL_ERROR, about,
			"%s: none of %u serves; when_all_down: %s%s%s: %s", family[f], count[f].all,
			get_text(pool, "when_all_down"),
			get_text(pool, "fallback")[0] != '\0' ? " " : "",
			get_text(pool, "fallback"), stand_in(pool));
}
return bad;
}

/* ---- listeners ---- */

static bool add_listener(json_t *list, const json_t *listener)
{
	const json_t *aside = json_object_get(listener, "set_aside");
	size_t count = json_array_size(aside);
	char about[128], more[64] = "";

	if (count == 0)
		return false;
	(void)snprintf(about, sizeof about, "listener %s", get_text(listener, "name"));
	if (count > 1)
		(void)snprintf(more, sizeof more, " and %zu more", count - 1);
	return add(list, LEVEL_WARNING, about,
		"%s%s: connects fail, so clients are sent elsewhere while there is anything else; "
		"one connection at a time tries again",
		get_text(json_array_get(aside, 0), "target"), more);
}

/* ---- all of it ---- */

static json_t *finish(json_t *list, bool bad)
{
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

json_t *trouble_of_data(const struct board *b)
{
	json_t *list = json_array();

	return finish(list, add_data(b, list));
}

json_t *trouble_of_status(const struct board *b, const json_t *status)
{
	const json_t *clock = json_object_get(status, "clock"), *thing;
	json_int_t now_ms = json_integer_value(json_object_get(clock, "real_ms"));
	json_t *list = json_array();
	bool bad = false;
	size_t i;

	json_array_foreach(json_object_get(status, "roles"), i, thing)
	{
		bad |= add_role(list, thing, now_ms);
	}
	bad |= add_reload(b, list);
	json_array_foreach(json_object_get(status, "pools"), i, thing)
	{
		bad |= add_pool(list, thing);
	}
	json_array_foreach(json_object_get(status, "listeners"), i, thing)
	{
		bad |= add_listener(list, thing);
	}
	bad |= add_data(b, list);
	return finish(list, bad);
}
