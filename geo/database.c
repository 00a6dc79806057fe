/*
 * The fields that say where an address is, in the layouts that are about:
 *
 *   MaxMind, DB-IP   country.iso_code, else registered_country.iso_code; continent.code
 *   IPinfo           country, continent (two letters), or country_code, continent_code beside names
 *   flat             country_code, continent_code
 *
 * They do not contradict each other, so each record is read for all of them. A database of millions
 * of networks has far fewer records: the decision is remembered by the record's offset.
 */
#include "geo/database.h"

#include "base/hash.h"
#include "geo/mmdb.h"

#include <stdlib.h>
#include <string.h>

/* ---- decisions by offset: open addressing, at most half full ---- */

struct cache_entry {
	uint32_t offset;
	uint16_t value;
	bool used;
};

struct cache {
	struct cache_entry *entries;
	size_t size; /* power of two */
	size_t used;
};

static struct cache_entry *cache_find(const struct cache *c, uint32_t offset)
{
	size_t i = (size_t)hash_mix(0, offset) & (c->size - 1);

	while (c->entries[i].used && c->entries[i].offset != offset)
		i = (i + 1) & (c->size - 1);
	return &c->entries[i];
}

static int cache_grow(struct cache *c)
{
	struct cache larger = {.size = c->size > 0 ? c->size * 2 : 1024, .used = c->used};

	larger.entries = calloc(larger.size, sizeof *larger.entries);
	if (larger.entries == NULL)
		return -1;
	for (size_t i = 0; i < c->size; i++)
		if (c->entries[i].used)
			*cache_find(&larger, c->entries[i].offset) = c->entries[i];
	free(c->entries);
	*c = larger;
	return 0;
}

/* ---- one record ---- */

/* What a record says; CODE_NONE where it says nothing. */
struct whereabouts {
	uint16_t country, registered, continent;
};

static uint16_t string_code(const struct mmdb_section *s, const struct mmdb_value *v)
{
	return v->type == MMDB_STRING ? code_number((const char *)s->data + v->content, v->size)
				      : CODE_NONE;
}

/* The code under `name` in a map; false when the map is broken. */
static bool find_code(
	struct mmdb_section *s, const struct mmdb_value *map, const char *name, uint16_t *code)
{
	struct mmdb_value key, value;
	uint32_t at = map->content;

	for (uint32_t i = 0; i < map->size; i++) {
		if (!mmdb_read(s, at, &key) || key.type != MMDB_STRING)
			return false;
		at = key.next;
		if (mmdb_is(s, &key, name)) {
			if (!mmdb_read(s, at, &value))
				return false;
			*code = string_code(s, &value);
			return true;
		}
		if (!mmdb_skip(s, &at))
			return false;
	}
	return true;
}

/* One entry of a record: its key and, at `at`, its value. */
static bool read_field(
	struct mmdb_section *s, const struct mmdb_value *key, uint32_t at, struct whereabouts *w)
{
	const struct {
		const char *name, *inner; /* inner: the key in a nested map */
		uint16_t *code;
	} fields[] = {
		{"country", "iso_code", &w->country},
		{"country_code", NULL, &w->country},
		{"continent", "code", &w->continent},
		{"continent_code", NULL, &w->continent},
		{"registered_country", "iso_code", &w->registered},
	};
	struct mmdb_value value;

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		uint16_t code = CODE_NONE;

		if (!mmdb_is(s, key, fields[i].name))
			continue;
		if (!mmdb_read(s, at, &value))
			return false;
		if (value.type == MMDB_MAP && fields[i].inner != NULL) {
			if (!find_code(s, &value, fields[i].inner, &code))
				return false;
		} else {
			code = string_code(s, &value);
		}
		if (code != CODE_NONE)
			*fields[i].code = code;
	}
	return true;
}

static bool read_record(struct mmdb_section *s, uint32_t offset, struct whereabouts *w)
{
	struct mmdb_value record, key;
	uint32_t at;

	*w = (struct whereabouts){CODE_NONE, CODE_NONE, CODE_NONE};
	if (!mmdb_read(s, offset, &record))
		return false;
	if (record.type != MMDB_MAP)
		return true; /* says nothing of places */
	at = record.content;
	for (uint32_t i = 0; i < record.size; i++) {
		if (w->country != CODE_NONE && w->continent != CODE_NONE)
			return true; /* the rest are names and coordinates */
		if (!mmdb_read(s, at, &key) || key.type != MMDB_STRING)
			return false;
		at = key.next;
		if (!read_field(s, &key, at, w) || !mmdb_skip(s, &at))
			return false;
	}
	return true;
}

/* ---- the walk ---- */

struct walk {
	struct mmdb db;
	const struct code_rules *rules;
	const char *path;
	struct cache cache;
	uint32_t ipv4_start;  /* record of ::/96; a node unless the tree ends before */
	uint32_t visits_left; /* of the family being walked */
	uint32_t networks;    /* leaves with data */
	bool knows_places;    /* some record has a country or a continent */
};

/* A subtree still to be walked. */
struct pending {
	uint128 start;
	uint32_t record;
	unsigned depth; /* bits that are fixed */
};

/* ZZ, XX and other codes of no country: some databases say so of private networks, and it must not
 * hide what the next database or the special blocks say. */
static bool is_nowhere(uint16_t country)
{
	return country != CODE_NONE && code_continent(country) == CODE_NONE;
}

static int decide(struct walk *w, uint32_t record, uint16_t *value, struct err *e)
{
	uint32_t offset = mmdb_offset(&w->db, record);
	struct whereabouts where;
	struct cache_entry *entry;

	if (2 * w->cache.used >= w->cache.size && cache_grow(&w->cache) < 0)
		return err_at(e, w->path, 0, 0, "out of memory");
	entry = cache_find(&w->cache, offset);
	if (!entry->used) {
		if (!read_record(&w->db.section, offset, &where))
			return err_at(e, w->path, 0, 0,
				"broken record at offset %u of the data section%s", offset,
				w->db.section.steps_left == 0 ? ": too many values" : "");
		if (where.country == CODE_NONE || is_nowhere(where.country))
			where.country = where.registered;
		if (is_nowhere(where.country))
			where.country = CODE_NONE;
		*entry = (struct cache_entry){
			offset, code_rules_decide(w->rules, where.country, where.continent), true};
		w->cache.used++;
		w->knows_places = w->knows_places || entry->value != RANGE_HOLE;
	}
	*value = entry->value;
	return 0;
}

/* A subtree that is not a node: append what it says. */
static int append_leaf(struct walk *w, const struct pending *p, struct ranges *out, struct err *e)
{
	uint16_t value = RANGE_HOLE;

	switch (mmdb_record_kind(&w->db, p->record)) {
	case MMDB_NODE:
	case MMDB_EMPTY: break;
	case MMDB_DATA:
		w->networks++;
		if (decide(w, p->record, &value, e) < 0)
			return -1;
		break;
	case MMDB_BROKEN:
		return err_at(e, w->path, 0, 0,
			"broken search tree: record %u points outside the data section", p->record);
	}
	ranges_append(out, p->start, value);
	return 0;
}

/* Walk all addresses of a family of `bits` below `root`, in order. `skip`: a node to leave out,
 * or -1. */
static int walk_tree(struct walk *w, uint32_t root, unsigned bits, int64_t skip, struct ranges *out,
	struct err *e)
{
	struct pending stack[129]; /* one right-hand sibling a level, and the root */
	size_t depth = 0;

	w->visits_left = w->db.node_count;
	stack[depth++] = (struct pending){0, root, 0};
	while (depth > 0) {
		struct pending p = stack[--depth];

		if (p.record == skip) {
			ranges_append(out, p.start, RANGE_HOLE);
			continue;
		}
		if (mmdb_record_kind(&w->db, p.record) != MMDB_NODE) {
			if (append_leaf(w, &p, out, e) < 0)
				return -1;
			continue;
		}
		if (p.depth == bits)
			return err_at(e, w->path, 0, 0,
				"broken search tree: node %u lies deeper than %u bits", p.record,
				bits);
		if (w->visits_left-- == 0)
			return err_at(e, w->path, 0, 0,
				"broken search tree: node %u and others are reached twice",
				p.record);
		p.depth++;
		stack[depth++] = (struct pending){p.start | (uint128)1 << (bits - p.depth),
			mmdb_record(&w->db, p.record, 1), p.depth};
		stack[depth++] =
			(struct pending){p.start, mmdb_record(&w->db, p.record, 0), p.depth};
	}
	if (out->failed)
		return err_at(e, w->path, 0, 0, "out of memory");
	return 0;
}

/* ::/96 of an IPv6 tree is where IPv4 lives; a tree that ends before says one thing of all of
 * IPv4. */
static uint32_t find_ipv4(const struct mmdb *db)
{
	uint32_t record = 0;

	for (int i = 0; db->ip_version == 6 && i < 96; i++) {
		if (mmdb_record_kind(db, record) != MMDB_NODE)
			break;
		record = mmdb_record(db, record, 0);
	}
	return record;
}

static int walk_families(struct walk *w, struct database_ranges *out, struct err *e)
{
	bool separate = mmdb_record_kind(&w->db, w->ipv4_start) == MMDB_NODE;

	if (walk_tree(w, w->ipv4_start, 32, -1, &out->family[0], e) < 0)
		return -1;
	if (w->db.ip_version == 4) {
		ranges_append(&out->family[1], 0, RANGE_HOLE);
		return out->family[1].failed ? err_at(e, w->path, 0, 0, "out of memory") : 0;
	}
	return walk_tree(w, 0, 128, separate ? (int64_t)w->ipv4_start : -1, &out->family[1], e);
}

int database_reduce(const struct code_rules *rules, const struct geo_source *source,
	struct database_ranges *out, struct geo_database *info, struct err *e)
{
	struct walk w = {.rules = rules, .path = source->path};
	int rc = -1;

	*out = (struct database_ranges){0};
	if (mmdb_open(&w.db, source->data, source->length, source->path, e) < 0)
		return -1;
	w.ipv4_start = find_ipv4(&w.db);
	if (walk_families(&w, out, e) < 0)
		goto out;
	if (!w.knows_places) {
		err_at(e, source->path, 0, 0,
			"no network has a country or continent (database type \"%s\", %u networks)",
			w.db.type, w.networks);
		goto out;
	}
	if (info != NULL) {
		*info = (struct geo_database){
			.path = source->path, .built_s = w.db.built_s, .networks = w.networks};
		memcpy(info->type, w.db.type, sizeof info->type);
	}
	rc = 0;
out:
	free(w.cache.entries);
	if (rc < 0)
		database_ranges_free(out);
	return rc;
}

void database_ranges_free(struct database_ranges *d)
{
	ranges_free(&d->family[0]);
	ranges_free(&d->family[1]);
}
