/*
 * How a zone lies in memory. Private to zones/: others use zone.h.
 *
 *   slots[]      open addressing: | tag 32 | ref 32 |, 13 octets a node when 60 % are taken
 *   struct zone  with its nodes behind it, one allocation; `ref` counts from it in steps of 8 octets
 *     node:      | header 8 | rrset 16 each | pool_record? | owner, padded | wire of each RRset |
 *
 * A slot's place comes from the upper half of the name's hash, its tag is the lower half; linear
 * probing. So a static name costs: slot, node (whose owner and first RRset usually share its cache
 * line or the next), copy. The owner is kept without the apex, lower-cased, padded with zeros to
 * whole words.
 */
#ifndef ZONES_LAYOUT_H
#define ZONES_LAYOUT_H

#include "zones/zone.h"

#define REF_UNIT 8u

struct node {
	uint16_t rrsets;
	uint8_t flags;        /* enum node_flags */
	uint8_t owner_length; /* octets of the owner without the apex; 0 = apex */
	uint32_t wildcard;    /* ref of "*." + this name; 0 = none */
	struct rrset rrset[]; /* rising by type */
};

struct slot {
	uint32_t tag;
	uint32_t ref; /* 0 = empty: the zone itself lies at 0 */
};

struct zone {
	struct slot *slots;
	uint32_t slot_count;
	uint8_t apex_labels, apex_length;
	uint8_t depth; /* most labels of a node above the apex's */
	uint8_t padding;
	const struct node *apex_node;
	const uint8_t *apex; /* lower-cased wire */
	const char *const *files;
	size_t file_count;
	struct rrset negative_soa;
	uint32_t serial;
	uint32_t nodes;
	size_t records, left_out;
	size_t size; /* octets of this allocation */
	uint64_t digest;
};

/* Where the search for a name begins, by the upper half of its hash. */
static inline size_t slot_home(uint32_t upper, uint32_t slot_count)
{
	return (size_t)(((uint64_t)upper * slot_count) >> 32);
}

static inline const struct node *zone_node(const struct zone *z, uint32_t ref)
{
	return (const struct node *)(const void *)((const char *)z + (size_t)ref * REF_UNIT);
}

/* Octets of a node before its owner. */
static inline size_t node_head_size(size_t rrsets, bool pool)
{
	return sizeof(struct node) + rrsets * sizeof(struct rrset) +
	       (pool ? sizeof(struct pool_record) : 0);
}

static inline const uint8_t *node_owner(const struct node *n)
{
	return (const uint8_t *)n + node_head_size(n->rrsets, (n->flags & NODE_POOL) != 0);
}

#endif
