/*
 * The index of a zone being loaded: every owner of the log gets its place in the hash table that
 * the finished zone will use. Owners that come again are merged into the first, owners outside the
 * zone are skipped with a warning, ancestors without records (empty non-terminals) are added, and
 * zone cuts and DNAMEs cast their shadow on what lies below.
 *
 * The table is sized by the number of owners in the log, which is what the zone has unless the file
 * jumps back and forth between names; build.c makes a smaller one then.
 */
#include "zones/load.h"

#include "base/pages.h"

#include <string.h>

/* Tables of names that nobody chose for it have no such runs: at 3/4 full one of 1,024 slots comes
 * with a chance of 10^-11 for a million names. */
static int too_many_collide(const struct load *l)
{
	report_add(l->report, SEVERITY_ERROR, l->files[0].shown, 0, 0,
		"more than %u names with nearly the same hash: no table can hold them well",
		ZONE_RUN_MAX);
	return -1;
}

int slots_check(const struct slot *slots, uint32_t count, const struct load *l)
{
	uint32_t run = 0;

	for (uint32_t i = 0; i < count; i++) {
		run = slots[i].ref != 0 ? run + 1 : 0;
		if (run > ZONE_RUN_MAX)
			return too_many_collide(l);
	}
	return 0;
}

/* The slot of the name, or the empty one where it would be. */
static size_t find_slot(
	const struct load *l, uint32_t home, uint32_t tag, const uint8_t *wire, size_t length)
{
	size_t i = slot_home(home, l->slot_count);

	for (; l->slots[i].ref != 0; i = i + 1 == l->slot_count ? 0 : i + 1) {
		const struct log_owner *o;

		if (l->slots[i].tag != tag)
			continue;
		o = log_owner_at(&l->log, l->slots[i].ref);
		if (o->length == length && memcmp(o->name, wire, length) == 0)
			break;
	}
	return i;
}

static size_t find_suffix(const struct load *l, const struct dname *name, unsigned label)
{
	return find_slot(l, (uint32_t)(name->hash[label] >> 32), (uint32_t)name->hash[label],
		name->wire + name->offset[label], (size_t)name->length - name->offset[label]);
}

uint32_t load_find(const struct load *l, const struct dname *name, unsigned label)
{
	return l->slots[find_suffix(l, name, label)].ref;
}

uint32_t load_find_wildcard(const struct load *l, const struct dname *name, unsigned label)
{
	uint8_t wire[NAME_WIRE_MAX + 2] = {1, '*'};
	struct dname wildcard;

	memcpy(wire + 2, name->wire + name->offset[label],
		(size_t)name->length - name->offset[label]);
	(void)dname_from_wire(&wildcard, wire, sizeof wire);
	return load_find(l, &wildcard, 0);
}

struct slot *slots_resize(
	const struct slot *old, uint32_t old_count, uint32_t count, struct load *l)
{
	struct slot *slots = pages_alloc(count * sizeof *slots);

	if (slots == NULL) {
		(void)load_no_memory(l);
		return NULL;
	}
	for (uint32_t n = 0; n < old_count; n++) {
		struct log_owner *o;
		uint32_t steps = 0;
		size_t i;

		if (old[n].ref == 0)
			continue;
		o = log_owner_at(&l->log, old[n].ref);
		i = slot_home(o->home, count);
		for (; slots[i].ref != 0 && steps <= ZONE_RUN_MAX; steps++)
			i = i + 1 == count ? 0 : i + 1;
		if (steps > ZONE_RUN_MAX) {
			(void)too_many_collide(l);
			pages_free(slots, count * sizeof *slots);
			return NULL;
		}
		slots[i] = old[n];
		o->slot = (uint32_t)i;
	}
	return slots;
}

static int grow(struct load *l)
{
	struct slot *slots;

	if ((uint64_t)(l->owners + 1) * 4 <= (uint64_t)l->slot_count * 3)
		return 0;
	if (l->slot_count > UINT32_MAX / 2)
		return load_no_memory(l);
	slots = slots_resize(l->slots, l->slot_count, l->slot_count * 2, l);
	if (slots == NULL)
		return -1;
	pages_free(l->slots, l->slot_count * sizeof *l->slots);
	l->slots = slots;
	l->slot_count *= 2;
	return 0;
}

static int take_slot(struct load *l, size_t slot, uint32_t ref)
{
	struct log_owner *o = log_owner_at(&l->log, ref);
	size_t home = slot_home(o->home, l->slot_count);

	l->slots[slot] = (struct slot){o->tag, ref};
	o->slot = (uint32_t)slot;
	l->owners++;
	if ((slot >= home ? slot - home : slot + l->slot_count - home) > ZONE_RUN_MAX)
		return too_many_collide(l);
	return 0;
}

/* Every ancestor below the apex exists, with records or without. */
static int add_ancestors(struct load *l, const struct log_owner *o, unsigned apex_label)
{
	struct dname name;

	(void)dname_from_wire(&name, o->name, o->length);
	for (unsigned label = 1; label < apex_label; label++) {
		uint32_t ref;

		if (load_find(l, &name, label) != 0)
			return 0; /* and so do its ancestors */
		ref = log_add_owner(&l->log, &name, label);
		if (ref == 0)
			return load_no_memory(l);
		if (grow(l) < 0)
			return -1;
		if (take_slot(l, find_suffix(l, &name, label), ref) < 0)
			return -1;
	}
	return 0;
}

static void merge(struct load *l, struct log_owner *into, struct log_owner *from)
{
	if (into->tail != 0)
		log_record_at(&l->log, into->tail)->next = from->head;
	else
		into->head = from->head;
	into->tail = from->tail;
	from->head = from->tail = 0;
}

static bool in_zone(const struct load *l, const struct log_owner *o)
{
	size_t above = (size_t)o->length - l->apex.length;

	if (o->length < l->apex.length || o->labels < l->apex.labels ||
		memcmp(o->name + above, l->apex.wire, l->apex.length) != 0)
		return false;
	/* the apex begins at a label of the name, not inside one */
	for (size_t at = 0; at <= above; at += (size_t)o->name[at] + 1)
		if (at == above)
			return true;
	return false;
}

static void skip_owner(struct load *l, struct log_owner *o)
{
	char owner[NAME_TEXT_MAX], apex[NAME_TEXT_MAX];

	load_message(l, SEVERITY_WARNING, log_record_at(&l->log, o->head),
		"%s is not in zone %s: skipped", name_format(o->name, owner),
		name_format(l->apex.wire, apex));
	o->merged = true;
}

static int index_owner(struct load *l, uint32_t ref)
{
	struct log_owner *o = log_owner_at(&l->log, ref);
	unsigned apex_label;
	size_t slot;

	if (o->head == 0) { /* only records with mistakes */
		o->merged = true;
		return 0;
	}
	if (!in_zone(l, o)) {
		skip_owner(l, o);
		return 0;
	}
	if (grow(l) < 0)
		return -1;
	slot = find_slot(l, o->home, o->tag, o->name, o->length);
	if (l->slots[slot].ref != 0) {
		merge(l, log_owner_at(&l->log, l->slots[slot].ref), o);
		o->merged = true;
		return 0;
	}
	if (take_slot(l, slot, ref) < 0)
		return -1;
	apex_label = (unsigned)o->labels - l->apex.labels;
	if (apex_label > l->depth)
		l->depth = (uint8_t)apex_label;
	return apex_label > 1 ? add_ancestors(l, o, apex_label) : 0;
}

/* Index every owner that the file has; what add_ancestors() adds comes behind the last of them. */
static int index_owners(struct load *l)
{
	uint32_t last = l->log.last_owner, ref = l->log.first_owner, ahead = ref;

	for (unsigned i = 0;; i++) {
		if (ahead != 0) {
			const struct log_owner *o = log_owner_at(&l->log, ahead);

			__builtin_prefetch(&l->slots[slot_home(o->home, l->slot_count)], 1);
			ahead = o->next;
		}
		if (i < PREFETCH_AHEAD)
			continue;
		if (index_owner(l, ref) < 0)
			return -1;
		if (ref == last)
			return 0;
		ref = log_owner_at(&l->log, ref)->next;
	}
}

static bool has_type(const struct load *l, const struct log_owner *o, uint16_t type)
{
	for (uint32_t ref = o->head; ref != 0; ref = log_record_at(&l->log, ref)->next)
		if (log_record_at(&l->log, ref)->type == type)
			return true;
	return false;
}

static void mark_owner(struct load *l, struct log_owner *o)
{
	if (o->labels == l->apex.labels) {
		o->flags = NODE_APEX;
	} else if (has_type(l, o, TYPE_NS)) {
		o->flags = NODE_CUT;
		l->has_cuts = true;
	}
	if (has_type(l, o, TYPE_DNAME)) {
		o->flags |= NODE_DNAME;
		l->has_cuts = true;
	}
}

/* The highest cut or DNAME above a name decides: what lies below a cut is glue, below a DNAME
 * nothing may be. */
static void shade_owner(struct load *l, struct log_owner *o)
{
	struct dname name;
	const struct log_owner *top = NULL;

	(void)dname_from_wire(&name, o->name, o->length);
	for (unsigned label = 1; name.labels - label >= l->apex.labels && label <= name.labels;
		label++) {
		const struct log_owner *above = log_owner_at(&l->log, load_find(l, &name, label));

		if ((above->flags & (NODE_CUT | NODE_DNAME)) != 0)
			top = above;
	}
	if (top != NULL && (top->flags & NODE_CUT) != 0)
		o->flags |= NODE_BELOW_CUT;
	else if (top != NULL && o->head != 0) {
		char owner[NAME_TEXT_MAX], dname[NAME_TEXT_MAX];

		load_message(l, SEVERITY_ERROR, log_record_at(&l->log, o->head),
			"%s is below the DNAME of %s", name_format(o->name, owner),
			name_format(top->name, dname));
	}
}

int load_index(struct load *l)
{
	const struct log_owner *apex;
	uint64_t slots = (uint64_t)l->log.owners * 5 / 3 + 4;
	uint32_t ref;

	if (l->soa == 0) {
		if (!l->partial)
			report_add(l->report, SEVERITY_ERROR, l->files[0].shown, 0, 0,
				"the zone has no SOA record");
		return -1;
	}
	if (slots > UINT32_MAX / 2)
		return load_no_memory(l);
	l->slots = pages_alloc(slots * sizeof *l->slots);
	if (l->slots == NULL)
		return load_no_memory(l);
	l->slot_count = (uint32_t)slots;
	apex = log_owner_at(&l->log, l->apex_owner);
	(void)dname_from_wire(&l->apex, apex->name, apex->length);
	if (index_owners(l) < 0 || slots_check(l->slots, l->slot_count, l) < 0)
		return -1;
	l->apex_owner = load_find(l, &l->apex, 0); /* it may have been merged */
	for (ref = l->log.first_owner; ref != 0; ref = log_owner_at(&l->log, ref)->next)
		if (!log_owner_at(&l->log, ref)->merged)
			mark_owner(l, log_owner_at(&l->log, ref));
	for (ref = l->has_cuts ? l->log.first_owner : 0; ref != 0;
		ref = log_owner_at(&l->log, ref)->next)
		if (!log_owner_at(&l->log, ref)->merged)
			shade_owner(l, log_owner_at(&l->log, ref));
	return 0;
}
