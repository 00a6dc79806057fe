/*
 * From the snapshot back to the board: at the supervisor's start (the state file) and after an
 * upgrade.
 *
 * The file may be old, edited, cut, or of another configuration: everything is looked up from the
 * configuration's side (each configured endpoint asks for its override, each probe for its
 * verdict), so what is not configured cannot have an effect, and nothing read becomes an index.
 *
 * Streaks are not restored: a verdict goes on, but what was in doubt is tested again from the
 * start.
 */
#include "board/snapshot.h"

#include "base/flap.h"
#include "base/io.h"
#include "board/event_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define UNTIL_MAX_MS (UINT64_C(100) * 366 * 86400 * 1000) /* the longest duration_parse() gives */

struct restorer {
	struct board *board;
	const struct generation *generation;
	uint64_t now_ms, real_ms;
	uint64_t taken_ms; /* by wall clock: when the snapshot was made */
	struct snapshot_counts counts;
};

/* An integer >= 0 below `key`; false for anything else. */
static bool get_number(const json_t *object, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(object, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

/* A past moment on the monotonic clock; one before its start, or in the future, is moved inside. */
static uint64_t past(const struct restorer *r, uint64_t real_ms)
{
	uint64_t ago_ms = real_ms < r->real_ms ? r->real_ms - real_ms : 0;

	return ago_ms < r->now_ms ? r->now_ms - ago_ms : 1;
}

/* The end of something that ends by wall clock: `*mono_ms` is 0 when it never does. False when it
 * is over, or no moment at all. */
static bool get_until(
	const struct restorer *r, const json_t *object, const char *key, uint64_t *mono_ms)
{
	const json_t *v = json_object_get(object, key);
	uint64_t until_ms;

	*mono_ms = 0;
	if (json_is_null(v))
		return true;
	if (!get_number(object, key, &until_ms) || until_ms <= r->real_ms ||
		until_ms - r->real_ms > UNTIL_MAX_MS)
		return false;
	*mono_ms = r->now_ms + (until_ms - r->real_ms);
	return true;
}

enum override override_from_name(const char *word)
{
	static const enum override all[] = {OVERRIDE_DRAIN, OVERRIDE_FORCE_UP, OVERRIDE_FORCE_DOWN};

	for (size_t i = 0; word != NULL && i < sizeof all / sizeof all[0]; i++) {
		if (strcmp(word, override_name(all[i])) == 0)
			return all[i];
	}
	return OVERRIDE_NONE;
}

enum verdict verdict_from_name(const char *word)
{
	if (word != NULL && strcmp(word, verdict_name(VERDICT_UP)) == 0)
		return VERDICT_UP;
	if (word != NULL && strcmp(word, verdict_name(VERDICT_DOWN)) == 0)
		return VERDICT_DOWN;
	return VERDICT_UNKNOWN;
}

uint8_t last_good_from_words(const json_t *words)
{
	const json_t *entry;
	uint8_t bits = 0;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)words, i, entry)
	{
		const char *word = json_string_value(entry);

		if (word != NULL && strcmp(word, "pool") == 0)
			bits |= LAST_GOOD_POOL;
		if (word != NULL && strcmp(word, "region") == 0)
			bits |= LAST_GOOD_REGION;
	}
	return bits;
}

static enum override get_override(const json_t *endpoint)
{
	return override_from_name(json_string_value(json_object_get(endpoint, "override")));
}

/* ---- finding by name ---- */

/* The elements of `array` that are objects with a string `key`, by that string; NULL without memory. */
static json_t *index_by(const json_t *array, const char *key)
{
	json_t *index = json_object(), *element;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)array, i, element)
	{
		const char *name = json_string_value(json_object_get(element, key));

		if (name != NULL && json_object_set(index, name, element) < 0) {
			json_decref(index);
			return NULL;
		}
	}
	return index;
}

json_t *snapshot_endpoints(const json_t *snapshot)
{
	json_t *pool, *endpoint, *index = json_object();
	size_t i, k;

	json_array_foreach(json_object_get(snapshot, "pools"), i, pool)
	{
		const char *pool_name = json_string_value(json_object_get(pool, "name"));

		json_array_foreach(json_object_get(pool, "endpoints"), k, endpoint)
		{
			const char *name = json_string_value(json_object_get(endpoint, "name"));
			char key[SNAPSHOT_NAME_MAX];

			if (pool_name == NULL || name == NULL ||
				snprintf(key, sizeof key, "%s/%s", pool_name, name) >=
					(int)sizeof key)
				continue;
			if (json_object_set(index, key, endpoint) < 0) {
				json_decref(index);
				return NULL;
			}
		}
	}
	return index;
}

/* ---- overrides ---- */

static void restore_endpoint(struct restorer *r, uint32_t slot, const json_t *endpoint)
{
	struct board_override *cell = &r->board->control->override[slot];
	enum override override = get_override(endpoint);
	uint64_t weight, until_ms;

	if (override != OVERRIDE_NONE) {
		if (get_until(r, endpoint, "override_until_ms", &until_ms)) {
			atomic_store(&cell->state, OVERRIDE_WORD(override, until_ms));
			r->counts.overrides++;
		} else {
			r->counts.overrides_gone++;
		}
	}
	if (get_number(endpoint, "weight_override", &weight) && weight <= CONF_WEIGHT_MAX) {
		if (get_until(r, endpoint, "weight_until_ms", &until_ms)) {
			atomic_store(&cell->weight, WEIGHT_WORD(weight, until_ms));
			r->counts.overrides++;
		} else {
			r->counts.overrides_gone++;
		}
	}
}

/* Who served last, however long ago: nothing newer is known until the first checks have ended. */
static void restore_last_good(
	struct restorer *r, const struct conf_endpoint *e, uint32_t slot, const json_t *endpoint)
{
	const json_t *address;
	size_t i;

	json_array_foreach(json_object_get(endpoint, "addresses"), i, address)
	{
		const char *text = json_string_value(json_object_get(address, "address"));

		for (int f = 0; f < 2; f++) {
			char own[ADDR_TEXT_MAX];

			if (text != NULL && e->address[f].family != FAMILY_NONE &&
				strcmp(addr_format(&e->address[f], own), text) == 0)
				atomic_store(&r->board->health->last_good[slot][f],
					last_good_from_words(
						json_object_get(address, "last_good")));
		}
	}
}

static bool has_orders(const json_t *endpoint)
{
	return get_override(endpoint) != OVERRIDE_NONE ||
	       json_is_integer(json_object_get(endpoint, "weight_override"));
}

/* Every configured endpoint takes its entry out of `endpoints`; orders of those that are left over have no
 * place any more. */
static void restore_overrides(struct restorer *r, json_t *endpoints)
{
	const struct conf *conf = r->generation->conf;
	const json_t *endpoint;
	const char *key;

	for (size_t i = 0; i < conf->endpoint_count; i++) {
		const struct conf_endpoint *e = &conf->endpoints[i];
		uint32_t slot = r->generation->endpoint_slot[i];
		char name[SNAPSHOT_NAME_MAX];

		(void)snprintf(name, sizeof name, "%s/%s", conf->pools[e->pool].name, e->name);
		endpoint = json_object_get(endpoints, name);
		if (endpoint == NULL || slot >= BOARD_ENDPOINTS_MAX)
			continue;
		restore_endpoint(r, slot, endpoint);
		restore_last_good(r, e, slot, endpoint);
		(void)json_object_del(endpoints, name);
	}
	json_object_foreach(endpoints, key, endpoint)
	{
		r->counts.overrides_gone += has_orders(endpoint) ? 1u : 0u;
	}
	atomic_fetch_add(&r->board->control->epoch, 1);
}

/* ---- verdicts ---- */

/* False when the entry says nothing that still counts. */
static bool read_probe(const struct restorer *r, const json_t *entry, struct board_probe *out)
{
	enum verdict verdict =
		verdict_from_name(json_string_value(json_object_get(entry, "verdict")));
	const char *reason = json_string_value(json_object_get(entry, "reason"));
	uint64_t checked_ms, since_ms, n;

	if (verdict == VERDICT_UNKNOWN)
		return false;
	if (!get_number(entry, "checked_ms", &checked_ms) || checked_ms > r->real_ms ||
		r->real_ms - checked_ms > SNAPSHOT_VERDICT_AGE_MAX_MS)
		return false;
	*out = (struct board_probe){.word = VERDICT_WORD(verdict, 0)};
	out->checked_ms = past(r, checked_ms);
	out->since_ms =
		get_number(entry, "since_ms", &since_ms) ? past(r, since_ms) : out->checked_ms;
	if (get_number(entry, "latency_us", &n) && n <= UINT32_MAX)
		out->latency_us = (uint32_t)n;
	if (get_number(entry, "penalty", &n) && n <= FLAP_MAX / FLAP_POINT)
		out->penalty = (uint32_t)n * FLAP_POINT;
	out->penalty_ms = past(r, r->taken_ms); /* it has decayed since */
	if (json_is_integer(json_object_get(entry, "suppressed_until_ms")))
		out->flags = PROBE_SUPPRESSED;
	if (reason != NULL)
		(void)snprintf(out->reason, sizeof out->reason, "%s", reason);
	return true;
}

/* `probes` by key. */
static void restore_verdicts(struct restorer *r, const json_t *probes)
{
	size_t known = json_object_size(probes);

	for (size_t i = 0; i < r->generation->probe_count; i++) {
		uint32_t slot = r->generation->probes[i].slot;
		struct board_probe probe;
		const json_t *entry;
		json_t *key;

		if (slot >= BOARD_PROBES_MAX)
			continue;
		key = json_escaped(r->board->supervisor->probe[slot].key, BOARD_KEY_MAX);
		entry = json_object_get(probes, json_string_value(key));
		if (entry != NULL && read_probe(r, entry, &probe)) {
			board_write_probe(r->board, slot, &probe);
			r->counts.verdicts++;
		}
		json_decref(key);
	}
	r->counts.verdicts_old = known > r->counts.verdicts ? known - r->counts.verdicts : 0;
}

/* ---- the whole ---- */

int snapshot_restore(struct board *b, const struct generation *g, const json_t *snapshot,
	uint64_t now_ms, uint64_t real_ms, struct snapshot_counts *counts, struct err *e)
{
	struct restorer r = {.board = b, .generation = g, .now_ms = now_ms, .real_ms = real_ms};
	const json_t *list = json_object_get(snapshot, "probes");
	json_t *endpoints, *probes;
	uint64_t version;
	int rc = -1;

	if (!get_number(snapshot, "version", &version))
		return err_set(e, "is not a snapshot: it has no \"version\"");
	if (version != SNAPSHOT_VERSION)
		return err_set(e, "is a snapshot of version %llu; this program reads version %d",
			(unsigned long long)version, SNAPSHOT_VERSION);
	if (!json_is_array(json_object_get(snapshot, "pools")) || !json_is_array(list))
		return err_set(e, "is not a whole snapshot: \"pools\" or \"probes\" is missing");
	endpoints = snapshot_endpoints(snapshot);
	probes = index_by(list, "key");
	r.taken_ms = real_ms;
	(void)get_number(json_object_get(snapshot, "clock"), "real_ms", &r.taken_ms);
	if (endpoints != NULL && probes != NULL) {
		restore_overrides(&r, endpoints);
		restore_verdicts(&r, probes);
		if (counts != NULL)
			*counts = r.counts;
		rc = 0;
	} else {
		(void)err_set(e, "cannot be used: out of memory");
	}
	json_decref(endpoints);
	json_decref(probes);
	return rc;
}

/* Put the broken file aside, so that the next save does not destroy what an operator may want to
 * see. */
static int put_aside(int dirfd, struct err *e, const struct err *why)
{
	if (renameat(dirfd, SNAPSHOT_FILE, dirfd, SNAPSHOT_BROKEN) < 0)
		return err_at(e, SNAPSHOT_FILE, why->line, why->column,
			"%s; it is not used (and cannot be renamed: %s)", why->text,
			strerror(errno));
	return err_at(e, SNAPSHOT_FILE, why->line, why->column,
		"%s; renamed to %s, starting without it", why->text, SNAPSHOT_BROKEN);
}

int snapshot_load(int dirfd, struct board *b, const struct generation *g, uint64_t now_ms,
	uint64_t real_ms, struct snapshot_counts *counts, struct err *e)
{
	json_error_t syntax;
	json_t *snapshot;
	struct err why;
	size_t length;
	struct stat st;
	char *text;
	int rc;

	if (fstatat(dirfd, SNAPSHOT_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	/* a symlink in a folder that a role writes is that role's word, not the operator's */
	if (!S_ISREG(st.st_mode)) {
		err_set(&why, "is no regular file");
		return put_aside(dirfd, e, &why);
	}
	if (file_read(dirfd, SNAPSHOT_FILE, SNAPSHOT_MAX, &text, &length, &why) < 0)
		return put_aside(dirfd, e, &why);
	snapshot = json_loadb(text, length, JSON_REJECT_DUPLICATES, &syntax);
	free(text);
	if (snapshot == NULL) {
		err_at(&why, NULL, (uint32_t)syntax.line, (uint32_t)syntax.column, "%s",
			syntax.text);
		return put_aside(dirfd, e, &why);
	}
	rc = snapshot_restore(b, g, snapshot, now_ms, real_ms, counts, &why);
	json_decref(snapshot);
	return rc < 0 ? put_aside(dirfd, e, &why) : 1;
}
