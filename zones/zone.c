/*
 * Lookups in a built zone (zones/layout.h). Everything here runs per query: no allocation, no lock,
 * no loop that is not bounded by the zone's own depth.
 *
 * A name that does not exist is looked for upwards by bisection: every ancestor of a node is a node
 * (empty non-terminals are stored), so "exists" is monotone along the labels, and no node is deeper
 * than zone->depth; a query name of 120 labels costs what one of depth + 1 labels does.
 */
#include "zones/zone.h"

#include "base/pages.h"
#include "zones/layout.h"

#include <endian.h>
#include <string.h>

static inline uint64_t load_word(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	return le64toh(word);
}

/* `owner` is padded with zeros to whole words; name[0..length) may be read 8 octets further
 * (NAME_PAD). */
static inline bool same_owner(const uint8_t *owner, const uint8_t *name, size_t length)
{
	for (; length >= 8; owner += 8, name += 8, length -= 8)
		if (load_word(owner) != load_word(name))
			return false;
	return length == 0 ||
	       load_word(owner) == (load_word(name) & (~UINT64_C(0) >> (64 - 8 * length)));
}

/* The node of the suffix of `name` that starts at `label`; `apex_label` is where the apex
 * starts. */
static inline const struct node *find_at(
	const struct zone *z, const struct dname *name, unsigned label, unsigned apex_label)
{
	uint64_t hash = name->hash[label];
	uint32_t tag = (uint32_t)hash;
	size_t start = name->offset[label], length = name->offset[apex_label] - start;
	size_t i = slot_home((uint32_t)(hash >> 32), z->slot_count);

	for (;;) {
		const struct slot *s = &z->slots[i];

		if (s->ref == 0)
			return NULL;
		if (s->tag == tag) {
			const struct node *n = zone_node(z, s->ref);

			if (n->owner_length == length &&
				same_owner(node_owner(n), name->wire + start, length))
				return n;
		}
		if (++i == z->slot_count)
			i = 0;
	}
}

/* `n` at `label` is occluded by a cut or DNAME above it: find the topmost owner of one. */
static const struct node *find_occluder(const struct zone *z, const struct dname *name,
	unsigned apex_label, unsigned *label, const struct node *n)
{
	while ((n->flags & NODE_BELOW_CUT) != 0) {
		const struct node *parent = find_at(z, name, ++*label, apex_label);

		if (parent == NULL) /* every ancestor of a node is a node */
			break;
		n = parent;
	}
	return n;
}

/* The deepest existing ancestor of `name`, which is not itself a node. *label: in, a label that
 * is known not to exist. */
static const struct node *find_encloser(
	const struct zone *z, const struct dname *name, unsigned apex_label, unsigned *label)
{
	unsigned missing = *label, exists = apex_label;
	const struct node *best = z->apex_node;

	if (apex_label > z->depth && missing + z->depth < apex_label)
		missing = apex_label - z->depth - 1;
	while (exists - missing > 1) {
		unsigned middle = missing + (exists - missing) / 2;
		const struct node *n = find_at(z, name, middle, apex_label);

		if (n == NULL) {
			missing = middle;
		} else {
			exists = middle;
			best = n;
		}
	}
	*label = exists;
	return best;
}

static inline void set(struct find *out, enum find_kind kind, const struct node *n, unsigned label)
{
	out->kind = kind;
	out->node = n;
	out->label = (uint8_t)label;
}

void zone_find(const struct zone *z, const struct dname *name, struct find *out)
{
	unsigned apex_label = (unsigned)name->labels - z->apex_labels, label = 0;
	const struct node *n = NULL;

	if (apex_label <= z->depth)
		n = find_at(z, name, 0, apex_label);
	if (n != NULL && (n->flags & (NODE_CUT | NODE_BELOW_CUT)) == 0) {
		set(out, FIND_NODE, n, 0);
		return;
	}
	if (n == NULL)
		n = find_encloser(z, name, apex_label, &label);
	n = find_occluder(z, name, apex_label, &label, n);
	if ((n->flags & NODE_CUT) != 0)
		set(out, FIND_CUT, n, label);
	else if ((n->flags & NODE_DNAME) != 0)
		set(out, FIND_DNAME, n, label);
	else if (n->wildcard != 0)
		set(out, FIND_WILDCARD, zone_node(z, n->wildcard), label);
	else
		set(out, FIND_NX, NULL, label);
}

const struct node *zone_find_exact(const struct zone *z, const struct dname *name)
{
	unsigned apex_label = (unsigned)name->labels - z->apex_labels;

	return apex_label <= z->depth ? find_at(z, name, 0, apex_label) : NULL;
}

const struct node *zone_find_host(const struct zone *z, const struct dname *name)
{
	const struct node *n = zone_find_exact(z, name);
	unsigned label = 0;

	if (n != NULL)
		return n;
	n = find_encloser(z, name, (unsigned)name->labels - z->apex_labels, &label);
	return n->wildcard != 0 ? zone_node(z, n->wildcard) : NULL;
}

const struct rrset *node_rrset(const struct node *n, uint16_t type)
{
	for (size_t i = 0; i < n->rrsets; i++)
		if (n->rrset[i].type == type)
			return &n->rrset[i];
	return NULL;
}

size_t node_rrset_count(const struct node *n)
{
	return n->rrsets;
}

const struct rrset *node_rrset_at(const struct node *n, size_t index)
{
	return &n->rrset[index];
}

unsigned node_flags(const struct node *n)
{
	return n->flags;
}

const struct pool_record *node_pool(const struct node *n)
{
	if ((n->flags & NODE_POOL) == 0)
		return NULL;
	return (const struct pool_record *)(const void *)&n->rrset[n->rrsets];
}

const uint8_t *zone_apex(const struct zone *z)
{
	return z->apex;
}

unsigned zone_apex_labels(const struct zone *z)
{
	return z->apex_labels;
}

const struct node *zone_apex_node(const struct zone *z)
{
	return z->apex_node;
}

const struct rrset *zone_soa(const struct zone *z)
{
	return node_rrset(z->apex_node, TYPE_SOA);
}

const struct rrset *zone_negative_soa(const struct zone *z)
{
	return &z->negative_soa;
}

uint32_t zone_serial(const struct zone *z)
{
	return z->serial;
}

size_t zone_left_out(const struct zone *z)
{
	return z->left_out;
}

size_t zone_record_count(const struct zone *z)
{
	return z->records;
}

size_t zone_memory(const struct zone *z)
{
	return z->size + z->slot_count * sizeof *z->slots;
}

size_t zone_file_count(const struct zone *z)
{
	return z->file_count;
}

const char *zone_file(const struct zone *z, size_t index)
{
	return z->files[index];
}

uint64_t zone_digest(const struct zone *z)
{
	return z->digest;
}

int zone_walk(const struct zone *z,
	int (*visit)(void *arg, const uint8_t *owner_wire, const struct node *n), void *arg)
{
	uint8_t owner[NAME_WIRE_MAX];

	for (size_t i = 0; i < z->slot_count; i++) {
		const struct node *n;

		if (z->slots[i].ref == 0)
			continue;
		n = zone_node(z, z->slots[i].ref);
		memcpy(owner, node_owner(n), n->owner_length);
		owner[n->owner_length] = 0;
		if (visit(arg, owner, n) < 0)
			return -1;
	}
	return 0;
}

void zone_free(struct zone *z)
{
	if (z == NULL)
		return;
	pages_free(z->slots, z->slot_count * sizeof *z->slots);
	pages_free(z, z->size);
}
