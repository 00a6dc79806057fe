/*
 * A zone as canonical master file text: fully qualified, one record a line, every TTL written; SOA
 * first, then the names in canonical order (RFC 4034, 6.1), so that two prints of equal zones are
 * equal and diffs are small.
 */
#include "zones/layout.h"

#include "base/wire.h"
#include "zones/load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct printed {
	const uint8_t *owner; /* without the apex and the root */
	const struct node *node;
};

/* Labels of the owner, from the right. */
static unsigned split(const struct printed *p, uint8_t offset[NAME_LABELS_MAX])
{
	unsigned count = 0;

	for (size_t at = 0; at < p->node->owner_length; at += (size_t)p->owner[at] + 1)
		offset[count++] = (uint8_t)at;
	return count;
}

static int by_owner(const void *a, const void *b)
{
	const struct printed *x = a, *y = b;
	uint8_t ox[NAME_LABELS_MAX], oy[NAME_LABELS_MAX];
	unsigned nx = split(x, ox), ny = split(y, oy);

	for (; nx > 0 && ny > 0; nx--, ny--) {
		const uint8_t *lx = x->owner + ox[nx - 1], *ly = y->owner + oy[ny - 1];
		int order = memcmp(lx + 1, ly + 1, lx[0] < ly[0] ? lx[0] : ly[0]);

		if (order != 0)
			return order;
		if (lx[0] != ly[0])
			return lx[0] < ly[0] ? -1 : 1;
	}
	return nx < ny ? -1 : nx > ny;
}

static void print_rrset(const char *owner, const struct rrset *set, struct text *out)
{
	char type[RRTYPE_TEXT_MAX];
	const uint8_t *p = set->wire;

	(void)rrtype_format(set->type, type);
	for (uint16_t i = 0; i < set->count; i++) {
		uint16_t length = load_u16(p + 10);

		text_printf(out, "%s %" PRIu32 " IN %s ", owner, load_u32(p + 6), type);
		rdata_format(set->type, p + RECORD_HEAD, length, out);
		text_puts(out, "\n");
		p += RECORD_HEAD + length;
	}
}

static void print_pool(const char *owner, const struct pool_record *pool, struct text *out)
{
	text_puts(out, owner);
	if (pool->ttl_cap_s != UINT32_MAX)
		text_printf(out, " %" PRIu32, pool->ttl_cap_s);
	text_printf(out, " IN POOL %s", pool->pool_name);
	if (pool->region_name != NULL)
		text_printf(out, " region=%s", pool->region_name);
	text_puts(out, "\n");
}

static void print_node(const struct zone *z, const struct printed *p, struct text *out)
{
	uint8_t wire[NAME_WIRE_MAX];
	char owner[NAME_TEXT_MAX];
	const struct pool_record *pool = node_pool(p->node);

	memcpy(wire, p->owner, p->node->owner_length);
	memcpy(wire + p->node->owner_length, z->apex, z->apex_length);
	(void)name_format(wire, owner);
	if (p->node == z->apex_node)
		print_rrset(owner, zone_soa(z), out);
	for (size_t i = 0; i < p->node->rrsets; i++)
		if (p->node->rrset[i].type != TYPE_SOA)
			print_rrset(owner, &p->node->rrset[i], out);
	if (pool != NULL)
		print_pool(owner, pool, out);
}

void zone_print(const struct zone *z, struct text *out)
{
	struct printed *nodes = malloc(z->nodes * sizeof *nodes);
	size_t count = 0;

	if (nodes == NULL) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < z->slot_count; i++) {
		const struct node *n;

		if (z->slots[i].ref == 0)
			continue;
		n = zone_node(z, z->slots[i].ref);
		nodes[count++] = (struct printed){node_owner(n), n};
	}
	qsort(nodes, count, sizeof *nodes, by_owner);
	for (size_t i = 0; i < count; i++)
		print_node(z, &nodes[i], out);
	free(nodes);
}
