/*
 * What a zone must be: owner by owner, the records are put in order of their types,
 * duplicates dropped and the TTLs of an RRset made equal; then the rules between types, and between
 * names, are checked.
 */
#include "zones/load.h"

#include "base/hash.h"
#include "base/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void load_message(
	struct load *l, enum severity severity, const struct log_record *r, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	report_add(l->report, severity, l->files[r->file].shown, r->line, r->column, "%s", text);
}

static struct log_record *record(const struct load *l, uint32_t ref)
{
	return log_record_at(&l->log, ref);
}

#define PLACE_MAX (ERR_FILE_MAX + 16)

/* Where `other` stands, seen from `r`: "line 7", or "file:7" in another file. Returns `out`. */
static const char *show_place(const struct load *l, const struct log_record *r,
	const struct log_record *other, char out[PLACE_MAX])
{
	if (r->file == other->file)
		(void)snprintf(out, PLACE_MAX, "line %u", other->line);
	else
		(void)snprintf(out, PLACE_MAX, "%s:%u", l->files[other->file].shown, other->line);
	return out;
}

/* ---- one owner's records in order ---- */

/* Merge two chains that are in order by type; records of `a` come first among equals. */
static uint32_t merge_chains(struct load *l, uint32_t a, uint32_t b)
{
	uint32_t head = 0, *tail = &head;

	while (a != 0 && b != 0) {
		uint32_t *from = record(l, b)->type < record(l, a)->type ? &b : &a;

		*tail = *from;
		tail = &record(l, *from)->next;
		*from = *tail;
	}
	*tail = a != 0 ? a : b;
	return head;
}

#define RUNS_MAX 33 /* digits of a counter of refs, which have 32 bits */

/* Stable sort by type: runs that are in order already are merged pairwise, like the digits of a
 * binary counter. */
static uint32_t sort_chain(struct load *l, uint32_t head)
{
	uint32_t runs[RUNS_MAX], sorted = 0;
	size_t used = 0;

	while (head != 0) {
		uint32_t run = head, last = head, next;
		size_t i = 0;

		while ((next = record(l, last)->next) != 0 &&
			record(l, next)->type >= record(l, last)->type)
			last = next;
		record(l, last)->next = 0;
		head = next;
		for (; i < used && runs[i] != 0; i++) {
			run = merge_chains(l, runs[i], run);
			runs[i] = 0;
		}
		runs[i] = run;
		used = i == used ? used + 1 : used;
	}
	for (size_t i = 0; i < used; i++)
		sorted = merge_chains(l, runs[i], sorted);
	return sorted;
}

/* ---- one RRset ---- */

struct seen {
	uint64_t hash;
	struct log_record *record; /* the log does not move any more */
	uint32_t order;            /* in the file */
};

/* By content, the first in the file first; the hash decides nearly always. */
static int by_content(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int order;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	order = rdata_compare(x->record->type, x->record->rdata, x->record->length,
		y->record->rdata, y->record->length);
	return order != 0 ? order : x->order < y->order ? -1 : x->order > y->order;
}

/* Of an RRset of `count` records that starts at `first`, mark those that repeat another (length
 * of their RDATA is kept; type becomes 0). */
static int mark_duplicates(struct load *l, uint32_t first, size_t count)
{
	struct seen few[16], *seen = count <= 16 ? few : malloc(count * sizeof *seen);
	uint32_t ref = first;
	size_t same = 0; /* the first of those with the same content */

	if (seen == NULL)
		return load_no_memory(l);
	for (size_t i = 0; i < count; i++, ref = record(l, ref)->next) {
		struct log_record *r = record(l, ref);

		seen[i] = (struct seen){rdata_hash(r->type, r->rdata, r->length), r, (uint32_t)i};
	}
	qsort(seen, count, sizeof *seen, by_content);
	for (size_t i = 1; i < count; i++) {
		struct log_record *r = seen[i].record;
		const struct log_record *other = seen[same].record;
		char place[PLACE_MAX];

		if (seen[i].hash != seen[same].hash ||
			rdata_compare(other->type, r->rdata, r->length, other->rdata,
				other->length) != 0) {
			same = i;
			continue;
		}
		load_message(l, SEVERITY_WARNING, r, "repeats the record in %s: dropped",
			show_place(l, r, other, place));
		r->type = 0;
	}
	if (seen != few)
		free(seen);
	return 0;
}

/* ---- one owner ---- */

/* The RRsets of one owner, as far as rules speak of them: the first record of each, NULL = none. */
struct kinds {
	const struct log_record *soa, *ns, *cname, *dname, *pool, *address, *other;
	const struct log_record *mx, *srv; /* the last */
	const struct log_record *second_soa, *second_cname, *second_dname, *second_pool;
};

static void note_one(const struct log_record *r, const struct log_record **first,
	const struct log_record **second)
{
	if (*first == NULL)
		*first = r;
	else if (*second == NULL)
		*second = r;
}

static void note_kind(struct kinds *k, const struct log_record *r)
{
	switch (r->type) {
	case TYPE_SOA: note_one(r, &k->soa, &k->second_soa); break;
	case TYPE_CNAME: note_one(r, &k->cname, &k->second_cname); return;
	case TYPE_DNAME: note_one(r, &k->dname, &k->second_dname); break;
	case TYPE_POOL: note_one(r, &k->pool, &k->second_pool); break;
	case TYPE_NS: k->ns = r; break;
	case TYPE_MX: k->mx = r; break;
	case TYPE_SRV: k->srv = r; break;
	case TYPE_A:
	case TYPE_AAAA: k->address = r; break;
	}
	k->other = r;
}

/* An error of `r`, a record of `o`; `other` (may be NULL) is what it collides with. */
static void clash(struct load *l, const struct log_owner *o, const struct log_record *r,
	const struct log_record *other, const char *what)
{
	char owner[NAME_TEXT_MAX], place[PLACE_MAX];

	(void)name_format(o->name, owner);
	if (other != NULL)
		load_message(l, SEVERITY_ERROR, r, "%s %s (%s)", owner, what,
			show_place(l, r, other, place));
	else
		load_message(l, SEVERITY_ERROR, r, "%s %s", owner, what);
}

static void check_pool(struct load *l, const struct log_owner *o, const struct kinds *k)
{
	if (k->second_pool != NULL)
		clash(l, o, k->second_pool, k->pool, "has several POOL records");
	if (k->address != NULL)
		clash(l, o, k->address, k->pool, "has a POOL, which owns its A and AAAA");
	if ((o->flags & (NODE_CUT | NODE_BELOW_CUT)) != 0)
		clash(l, o, k->pool, k->ns,
			"is delegated by an NS here or above it: no POOL can be there");
}

/* Of an NS or DNAME at a wildcard the names that it stands for get the record alone; cut or redirected
 * is only what lies below the asterisk itself. */
static void check_wildcard(struct load *l, const struct log_owner *o, const struct kinds *k)
{
	char owner[NAME_TEXT_MAX];

	if (o->name[0] != 1 || o->name[1] != '*' || (o->flags & (NODE_APEX | NODE_BELOW_CUT)) != 0)
		return;
	(void)name_format(o->name, owner);
	if (k->ns != NULL)
		load_message(l, SEVERITY_WARNING, k->ns,
			"%s is a wildcard: its NS delegates none of the names that it stands for "
			"(RFC 4592, 4.2)",
			owner);
	if (k->dname != NULL)
		load_message(l, SEVERITY_WARNING, k->dname,
			"%s is a wildcard: its DNAME redirects nothing below the names that it "
			"stands for (RFC 4592, 4.4)",
			owner);
}

static void check_kinds(struct load *l, const struct log_owner *o, const struct kinds *k)
{
	bool apex = (o->flags & NODE_APEX) != 0;

	if (k->cname != NULL && k->other != NULL)
		clash(l, o, k->cname, k->other, "has a CNAME and other data");
	if (k->second_cname != NULL)
		clash(l, o, k->second_cname, k->cname, "has several CNAMEs");
	if (k->second_dname != NULL)
		clash(l, o, k->second_dname, k->dname, "has several DNAMEs");
	if (k->dname != NULL && k->ns != NULL && !apex)
		clash(l, o, k->dname, k->ns, "has a DNAME and an NS below the apex");
	if (k->soa != NULL && !apex)
		clash(l, o, k->soa, record(l, l->soa), "has a second SOA");
	if (k->second_soa != NULL)
		clash(l, o, k->second_soa, k->soa, "has a second SOA");
	if (apex && k->ns == NULL && !l->partial)
		clash(l, o, record(l, l->soa), NULL, "is the apex and has no NS record");
	if (k->pool != NULL)
		check_pool(l, o, k);
	check_wildcard(l, o, k);
}

/* The RRset at *link: duplicates unlinked, TTLs made equal, size added to *node. Moves *link
 * behind it. */
static int check_rrset(struct load *l, uint32_t **link, size_t *octets, struct kinds *k)
{
	uint32_t first = **link, ref = first, ttl = UINT32_MAX;
	uint16_t type = record(l, first)->type;
	size_t count = 0, wire = 0;
	bool differ = false;

	for (; ref != 0 && record(l, ref)->type == type; ref = record(l, ref)->next)
		count++;
	if (count > 1 && mark_duplicates(l, first, count) < 0)
		return -1;
	for (; count > 0; count--) {
		struct log_record *r = record(l, **link);

		if (r->type == 0) {
			**link = r->next;
			continue;
		}
		differ |= ttl != UINT32_MAX && r->ttl != ttl;
		ttl = r->ttl < ttl ? r->ttl : ttl;
		wire += type == TYPE_POOL ? r->length - sizeof(struct pool_rdata)
					  : RECORD_HEAD + r->length;
		l->records++;
		note_kind(k, r);
		*link = &r->next;
	}
	if (wire > ZONE_RRSET_MAX && type != TYPE_POOL) {
		char name[RRTYPE_TEXT_MAX];

		load_message(l, SEVERITY_ERROR, record(l, first),
			"the %s records of this name take %zu octets; an answer holds %u",
			rrtype_format(type, name), wire, ZONE_RRSET_MAX);
	}
	if (differ && type != TYPE_POOL) {
		load_message(l, SEVERITY_WARNING, record(l, first),
			"the TTLs of an RRset differ: %u, the lowest, is used", ttl);
		for (ref = first; ref != **link; ref = record(l, ref)->next)
			record(l, ref)->ttl = ttl;
	}
	if (type == TYPE_POOL)
		*octets += sizeof(struct pool_record) + wire;
	else
		*octets += sizeof(struct rrset) + wire;
	return 0;
}

/* The hosts that MX and SRV records of `o` name. */
static void check_targets(struct load *l, const struct log_owner *o)
{
	if ((o->flags & NODE_BELOW_CUT) != 0)
		return;
	for (uint32_t ref = o->head; ref != 0; ref = record(l, ref)->next)
		if (record(l, ref)->type == TYPE_MX || record(l, ref)->type == TYPE_SRV)
			lint_target(l, record(l, ref));
}

static int check_owner(struct load *l, struct log_owner *o)
{
	struct kinds kinds = {0};
	size_t octets = sizeof(struct node) + padded_owner((size_t)o->length - l->apex.length);
	uint32_t *link = &o->head;

	if (o->head != 0 && record(l, o->head)->next != 0)
		o->head = sort_chain(l, o->head);
	while (*link != 0)
		if (check_rrset(l, &link, &octets, &kinds) < 0)
			return -1;
	check_kinds(l, o, &kinds);
	if (!l->partial && (kinds.mx != NULL || kinds.srv != NULL))
		check_targets(l, o);
	l->node_octets += (octets + REF_UNIT - 1) / REF_UNIT * REF_UNIT;
	return 0;
}

/* ---- between names ---- */

static bool owner_has(const struct load *l, uint32_t owner, uint16_t a, uint16_t b)
{
	for (uint32_t ref = log_owner_at(&l->log, owner)->head; ref != 0;
		ref = record(l, ref)->next)
		if (record(l, ref)->type == a || record(l, ref)->type == b)
			return true;
	return false;
}

/* The owner that answers for `name`, which is in the zone: itself, or the wildcard that covers
 * it; 0 = none. */
static uint32_t find_source(const struct load *l, const struct dname *name)
{
	uint32_t ref = load_find(l, name, 0);
	unsigned label = 0;

	if (ref != 0)
		return ref;
	while (ref == 0) /* the apex exists */
		ref = load_find(l, name, ++label);
	return load_find_wildcard(l, name, label);
}

/* The target of an NS: no POOL, no CNAME, and with an address if the zone itself has to give it. */
static void check_ns_target(struct load *l, const struct log_record *r)
{
	char target[NAME_TEXT_MAX];
	struct dname name;
	uint32_t ref;

	(void)dname_from_wire(&name, r->rdata, r->length);
	if (!dname_is_below(&name, &l->apex))
		return;
	ref = find_source(l, &name);
	(void)name_format(r->rdata, target);
	if (ref == 0 || !owner_has(l, ref, TYPE_A, TYPE_AAAA)) {
		if (ref != 0 && owner_has(l, ref, TYPE_POOL, TYPE_POOL))
			load_message(l, SEVERITY_ERROR, r,
				"NS target %s is a POOL: a name server needs fixed addresses",
				target);
		else if (ref != 0 && owner_has(l, ref, TYPE_CNAME, TYPE_CNAME))
			load_message(l, SEVERITY_WARNING, r,
				"NS target %s is a CNAME (RFC 2181, 10.3)", target);
		else if (!l->partial)
			load_message(l, SEVERITY_WARNING, r,
				"NS target %s has no address in this zone (missing glue)", target);
	}
}

int load_check(struct load *l)
{
	uint32_t ref;

	for (ref = l->log.first_owner; ref != 0; ref = log_owner_at(&l->log, ref)->next)
		if (!log_owner_at(&l->log, ref)->merged &&
			check_owner(l, log_owner_at(&l->log, ref)) < 0)
			return -1;
	for (ref = l->log.first_owner; ref != 0; ref = log_owner_at(&l->log, ref)->next) {
		const struct log_owner *o = log_owner_at(&l->log, ref);

		if (o->merged || (o->flags & (NODE_CUT | NODE_APEX)) == 0)
			continue;
		for (uint32_t at = o->head; at != 0; at = record(l, at)->next)
			if (record(l, at)->type == TYPE_NS)
				check_ns_target(l, record(l, at));
	}
	return 0;
}
