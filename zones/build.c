/*
 * The finished zone: its exact size is known by now, so it is one allocation (and the table of
 * slots another), written front to back in the order of the file, which keeps neighbours together.
 */
#include "zones/load.h"

#include "base/hash.h"
#include "base/pages.h"
#include "base/wire.h"

#include <string.h>

/* Where the next octets go. */
struct build {
	struct load *l;
	struct zone *z;
	uint8_t *at;
};

static size_t round_up(size_t octets)
{
	return (octets + REF_UNIT - 1) / REF_UNIT * REF_UNIT;
}

static void write_bytes(struct build *b, const void *data, size_t length)
{
	memcpy(b->at, data, length);
	b->at += length;
}

static const char *write_string(struct build *b, const char *text)
{
	char *copy = (char *)b->at;

	write_bytes(b, text, strlen(text) + 1);
	return copy;
}

static void write_padding(struct build *b, size_t written)
{
	size_t padding = round_up(written) - written;

	memset(b->at, 0, padding);
	b->at += padding;
}

static void write_record(struct build *b, const struct log_record *r, uint32_t ttl)
{
	uint8_t *p = b->at;

	store_u16(p, 0xc00c);
	store_u16(p + 2, r->type);
	store_u16(p + 4, 1);
	store_u32(p + 6, ttl);
	store_u16(p + 10, r->length);
	memcpy(p + RECORD_HEAD, r->rdata, r->length);
	b->at += RECORD_HEAD + r->length;
}

/* Order does not matter: a sum over the records. */
static uint64_t record_digest(uint64_t owner, const struct log_record *r)
{
	uint64_t h = hash_mix(owner, (uint64_t)r->type << 32 | r->ttl);

	if (r->type == TYPE_POOL) { /* the names count, not their numbers in one configuration */
		const struct pool_rdata *pool = (const struct pool_rdata *)(const void *)r->rdata;

		return hash_bytes(h, pool->names, r->length - sizeof *pool);
	}
	return hash_bytes(h, r->rdata, r->length);
}

/* ---- one node ---- */

static void write_pool(struct build *b, struct node *n, const struct log_record *r)
{
	const struct pool_rdata *in = (const struct pool_rdata *)(const void *)r->rdata;
	struct pool_record *out = (struct pool_record *)(void *)&n->rrset[n->rrsets];

	out->pool = in->pool;
	out->region = in->region;
	out->ttl_cap_s = r->ttl;
	out->pool_name = write_string(b, in->names);
	out->region_name = write_string(b, in->names + strlen(in->names) + 1);
	if (out->region_name[0] == '\0')
		out->region_name = NULL;
}

/* Count the RRsets of the chain; is there a POOL? */
static uint16_t count_rrsets(const struct load *l, uint32_t head, bool *pool)
{
	uint16_t count = 0, last = 0;

	*pool = false;
	for (uint32_t ref = head; ref != 0; ref = log_record_at(&l->log, ref)->next) {
		uint16_t type = log_record_at(&l->log, ref)->type;

		if (type == TYPE_POOL)
			*pool = true;
		else if (type != last)
			count++;
		last = type;
	}
	return count;
}

static void write_rrsets(struct build *b, struct node *n, const struct log_owner *o, uint64_t hash)
{
	const struct load *l = b->l;
	struct rrset *set = n->rrset, *next = set;
	uint16_t type = 0;

	for (uint32_t ref = o->head; ref != 0;) {
		const struct log_record *r = log_record_at(&l->log, ref);

		ref = r->next;
		b->z->digest += record_digest(hash, r);
		if (r->type == TYPE_POOL) {
			write_pool(b, n, r);
			continue;
		}
		if (r->type != type) {
			type = r->type;
			set = next++;
			*set = (struct rrset){.type = type, .wire = b->at};
		}
		write_record(b, r, r->ttl);
		set->count++;
		set->length = (uint32_t)(b->at - set->wire);
	}
}

static void write_node(struct build *b, const struct log_owner *o)
{
	struct node *n = (struct node *)(void *)b->at;
	struct slot *slot = &b->z->slots[o->slot];
	size_t owner = (size_t)o->length - b->l->apex.length;
	bool pool;

	slot->ref = (uint32_t)((size_t)(b->at - (uint8_t *)b->z) / REF_UNIT);
	n->rrsets = count_rrsets(b->l, o->head, &pool);
	n->flags = (uint8_t)(o->flags | (pool ? NODE_POOL : 0));
	n->owner_length = (uint8_t)owner;
	n->wildcard = 0;
	b->at += node_head_size(n->rrsets, pool);
	write_bytes(b, o->name, owner);
	write_padding(b, owner);
	write_rrsets(b, n, o, slot->tag);
	write_padding(b, (size_t)(b->at - (uint8_t *)n));
}

static void write_nodes(struct build *b)
{
	const struct log *log = &b->l->log;
	uint32_t ref = log->first_owner, ahead = ref;

	for (unsigned i = 0; ref != 0; i++) {
		const struct log_owner *o;

		if (ahead != 0) {
			o = log_owner_at(log, ahead);
			__builtin_prefetch(&b->z->slots[o->slot], 1);
			ahead = o->next;
		}
		if (i < PREFETCH_AHEAD)
			continue;
		o = log_owner_at(log, ref);
		if (!o->merged)
			write_node(b, o);
		ref = o->next;
	}
}

/* "*.x": tell x. */
static void link_wildcard(struct build *b, const struct log_owner *o)
{
	struct dname parent;
	struct node *n;

	(void)dname_from_wire(&parent, o->name + 2, (size_t)o->length - 2);
	n = (struct node *)(uintptr_t)zone_find_exact(b->z, &parent);
	n->wildcard = b->z->slots[o->slot].ref;
	n->flags |= NODE_WILDCARD_CHILD;
}

/* ---- the zone ---- */

/* The index's table, or a smaller one when it came out much too large. */
static int take_slots(struct load *l, struct zone *z)
{
	uint64_t wanted = (uint64_t)l->owners * 5 / 3 + 2;

	if (l->slot_count > wanted + wanted / 4) {
		struct slot *slots = slots_resize(l->slots, l->slot_count, (uint32_t)wanted, l);

		if (slots == NULL)
			return -1;
		pages_free(l->slots, l->slot_count * sizeof *l->slots);
		l->slots = slots;
		l->slot_count = (uint32_t)wanted;
		if (slots_check(slots, l->slot_count, l) < 0)
			return -1;
	}
	z->slots = l->slots;
	z->slot_count = l->slot_count;
	l->slots = NULL;
	return 0;
}

static void write_front(struct build *b, const struct log_record *soa)
{
	struct load *l = b->l;
	struct zone *z = b->z;
	const char **files = (const char **)(void *)b->at;
	uint32_t minimum = load_u32(soa->rdata + soa->length - 4);

	b->at += l->file_count * sizeof *files;
	for (uint16_t i = 0; i < l->file_count; i++)
		files[i] = write_string(b, l->files[i].name);
	z->files = files;
	z->file_count = l->file_count;
	z->apex = b->at;
	write_bytes(b, l->apex.wire, l->apex.length);
	z->apex_length = l->apex.length;
	z->apex_labels = l->apex.labels;
	z->depth = l->depth;
	z->nodes = l->owners;
	z->records = l->records;
	z->left_out = l->left_out;
	z->serial = load_u32(soa->rdata + soa->length - 20);
	z->negative_soa = (struct rrset){
		.type = TYPE_SOA, .count = 1, .length = RECORD_HEAD + soa->length, .wire = b->at};
	write_record(b, soa, minimum < soa->ttl ? minimum : soa->ttl);
	write_padding(b, (size_t)(b->at - (uint8_t *)z));
}

static size_t front_size(const struct load *l, const struct log_record *soa)
{
	size_t size = sizeof(struct zone) + l->file_count * sizeof(char *) + l->apex.length +
		      RECORD_HEAD + soa->length;

	for (uint16_t i = 0; i < l->file_count; i++)
		size += strlen(l->files[i].name) + 1;
	return round_up(size);
}

int load_build(struct load *l, struct zone **out)
{
	const struct log_record *soa = log_record_at(&l->log, l->soa);
	size_t size = front_size(l, soa) + l->node_octets;
	struct build b = {.l = l};
	const struct log_owner *o;

	if (size / REF_UNIT > UINT32_MAX)
		return load_no_memory(l);
	b.z = pages_alloc(size);
	if (b.z == NULL)
		return load_no_memory(l);
	if (take_slots(l, b.z) < 0) {
		pages_free(b.z, size);
		return -1;
	}
	b.at = (uint8_t *)(b.z + 1);
	write_front(&b, soa);
	write_nodes(&b);
	for (uint32_t ref = l->log.first_owner; ref != 0; ref = o->next) {
		o = log_owner_at(&l->log, ref);
		if (!o->merged && o->labels > l->apex.labels && o->name[0] == 1 &&
			o->name[1] == '*')
			link_wildcard(&b, o);
	}
	b.z->size = size;
	o = log_owner_at(&l->log, l->apex_owner);
	b.z->apex_node = zone_node(b.z, b.z->slots[o->slot].ref);
	*out = b.z;
	return 0;
}
