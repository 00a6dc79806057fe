/* The read-only replies: status and zones. */
#include "board/event_format.h"
#include "board/snapshot.h"
#include "control/server.h"
#include "control/target.h"
#include "control/trouble.h"

#include "base/clock.h"

#include <string.h>

/* ---- status ---- */

/* Leave only the elements of this name ("" = all). */
static void keep_named(json_t *array, const char *name)
{
	for (size_t i = json_array_size(array); i-- > 0 && name[0] != '\0';) {
		const json_t *element = json_array_get(array, i);

		if (strcmp(json_string_value(json_object_get(element, "name")), name) != 0)
			(void)json_array_remove(array, i);
	}
}

/* Leave only this pool and this endpoint; pools without it go as well. */
static void keep(json_t *snapshot, const char *pool, const char *endpoint)
{
	json_t *pools = json_object_get(snapshot, "pools");

	keep_named(pools, pool);
	for (size_t i = json_array_size(pools); i-- > 0;) {
		json_t *endpoints = json_object_get(json_array_get(pools, i), "endpoints");

		keep_named(endpoints, endpoint);
		if (json_array_size(endpoints) == 0)
			(void)json_array_remove(pools, i);
	}
}

json_t *report_status(struct control *c, const struct request *request, struct err *e)
{
	uint64_t now_ms = clock_mono_ms();
	json_t *snapshot;

	if (target_filter(c->generation->conf, request->pool, request->endpoint, e) < 0)
		return NULL;
	control_settle_time(c, now_ms);
	snapshot = snapshot_take(c->board, c->generation, now_ms, clock_real_ms());
	keep(snapshot, request->pool, request->endpoint);
	if (json_object_set_new(snapshot, "trouble", trouble_of_status(c->board, snapshot)) < 0) {
		(void)err_set(e, "out of memory for what is wrong");
		json_decref(snapshot);
		return NULL;
	}
	return snapshot;
}

/* ---- zones ---- */

static json_t *moment(uint64_t real_ms)
{
	return real_ms != 0 && real_ms <= INT64_MAX ? json_integer((json_int_t)real_ms)
						    : json_null();
}

static json_t *text_or_null(const char *s, size_t size)
{
	return s[0] != '\0' ? json_escaped(s, size) : json_null();
}

/* A monotonic time as unix milliseconds; 0 ("never") as null. */
static json_t *moment_of(uint64_t mono_ms, uint64_t now_ms, uint64_t real_ms)
{
	return moment(mono_ms != 0 ? real_ms + mono_ms - now_ms : 0);
}

static json_t *zone_json(const struct board_zone *z, uint64_t now_ms, uint64_t real_ms)
{
	bool served = (z->flags & ZONE_SERVED) != 0;
	json_t *o = json_object();
	int bad = 0;

	bad |= json_object_set_new(o, "zone", json_escaped(z->name, sizeof z->name));
	bad |= json_object_set_new(o, "file", text_or_null(z->file, sizeof z->file));
	bad |= json_object_set_new(o, "served", json_boolean(served));
	bad |= json_object_set_new(o, "stale", json_boolean((z->flags & ZONE_STALE) != 0));
	bad |= json_object_set_new(o, "missing_since_ms", moment_of(z->gone_ms, now_ms, real_ms));
	bad |= json_object_set_new(o, "removed_at_ms", moment_of(z->remove_ms, now_ms, real_ms));
	bad |= json_object_set_new(o, "serial", served ? json_integer(z->serial) : json_null());
	bad |= json_object_set_new(o, "records", served ? json_integer(z->records) : json_null());
	bad |= json_object_set_new(o, "dnssec_left_out", json_integer(z->left_out));
	bad |= json_object_set_new(o, "loaded_ms", moment(z->loaded_real_ms));
	bad |= json_object_set_new(o, "good_copy_ms", moment(z->good_real_ms));
	bad |= json_object_set_new(o, "failed_ms", moment(z->failed_real_ms));
	bad |= json_object_set_new(o, "error", text_or_null(z->error, sizeof z->error));
	if (bad == 0)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *database_json(const struct board_database *d)
{
	json_t *o = json_object();
	int bad = 0;

	bad |= json_object_set_new(o, "path", json_escaped(d->path, sizeof d->path));
	bad |= json_object_set_new(o, "type", text_or_null(d->type, sizeof d->type));
	bad |= json_object_set_new(o, "networks", json_integer(d->networks));
	bad |= json_object_set_new(o, "loaded_ms", moment(d->loaded_real_ms));
	bad |= json_object_set_new(o, "built_ms", moment(d->built_real_ms));
	bad |= json_object_set_new(o, "failed_ms", moment(d->failed_real_ms));
	bad |= json_object_set_new(o, "error", text_or_null(d->error, sizeof d->error));
	if (bad == 0)
		return o;
	json_decref(o);
	return NULL;
}

uint32_t report_zone_rows(const struct board *b)
{
	uint32_t count = atomic_load_explicit(&b->dns->zone_count, memory_order_acquire);

	return count < BOARD_ZONES_MAX ? count : BOARD_ZONES_MAX;
}

static int add_zones(const struct board *b, json_t *zones, uint64_t now_ms, uint64_t real_ms)
{
	uint32_t count = report_zone_rows(b);

	for (uint32_t i = 0; i < count; i++) {
		struct board_zone z;

		/* one that cannot be read is being written; its name is "" then */
		(void)board_read_zone(b, i, &z);
		if (z.name[0] != '\0' &&
			json_array_append_new(zones, zone_json(&z, now_ms, real_ms)) < 0)
			return -1;
	}
	return 0;
}

static int add_databases(const struct board *b, json_t *databases)
{
	for (uint32_t i = 0; i < BOARD_DATABASES_MAX; i++) {
		struct board_database d;

		(void)board_read_database(b, i, &d);
		if (d.path[0] != '\0' && json_array_append_new(databases, database_json(&d)) < 0)
			return -1;
	}
	return 0;
}

json_t *report_zones(const struct board *b, uint64_t now_ms, uint64_t real_ms)
{
	json_t *o = json_object(), *zones = json_array(), *databases = json_array();
	int bad = add_zones(b, zones, now_ms, real_ms) | add_databases(b, databases);

	bad |= json_object_set_new(o, "now_ms", moment(real_ms));
	bad |= json_object_set_new(o, "zones", zones);
	bad |= json_object_set_new(
		o, "unlisted", json_integer(atomic_load(&b->dns->zones_unlisted)));
	bad |= json_object_set_new(o, "databases", databases);
	bad |= json_object_set_new(o, "trouble", trouble_of_data(b));
	if (bad == 0)
		return o;
	json_decref(o);
	return NULL;
}
