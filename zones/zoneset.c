/*
 * All zones of a server: one table keyed by the hash of the apex. A query name is tried from its
 * longest suffix down, but only at those numbers of labels that some apex has: one probe a query
 * when all apexes are equally deep.
 */
#include "zones/layout.h"
#include "zones/zone.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

struct zone_slot {
	uint64_t hash;
	const struct zone *zone; /* NULL = empty */
};

struct zoneset {
	uint64_t mask;                   /* slots - 1 */
	bool depth[NAME_LABELS_MAX + 1]; /* [n]: an apex with n labels exists */
	uint8_t deepest;                 /* the largest of them */
	size_t count;
	const struct zone **zones; /* in the order given */
	struct zone_slot slots[];
};

static int insert(struct zoneset *s, const struct zone *z, struct err *e)
{
	struct dname apex;
	size_t i;

	(void)dname_from_wire(&apex, z->apex, z->apex_length);
	for (i = apex.hash[0] & s->mask; s->slots[i].zone != NULL; i = (i + 1) & s->mask) {
		const struct zone *other = s->slots[i].zone;
		char name[NAME_TEXT_MAX];

		if (s->slots[i].hash == apex.hash[0] && name_equal(other->apex, z->apex))
			return err_set(e, "zone %s is there twice: %s and %s",
				name_format(z->apex, name), other->files[0], z->files[0]);
	}
	s->slots[i].hash = apex.hash[0];
	s->slots[i].zone = z;
	s->depth[apex.labels] = true;
	if (apex.labels > s->deepest)
		s->deepest = apex.labels;
	return 0;
}

int zoneset_build(struct zone *const *zones, size_t count, struct zoneset **out, struct err *e)
{
	size_t slots = 4;
	struct zoneset *s;

	while (slots < count * 2)
		slots *= 2;
	s = calloc(1, sizeof *s + slots * sizeof s->slots[0]);
	if (s == NULL)
		return err_set(e, "out of memory for a set of %zu zones", count);
	s->mask = slots - 1;
	s->count = count;
	s->zones = calloc(count + 1, sizeof *s->zones);
	if (s->zones == NULL) {
		err_set(e, "out of memory for a set of %zu zones", count);
		goto fail;
	}
	for (size_t i = 0; i < count; i++) {
		if (insert(s, zones[i], e) < 0)
			goto fail;
		s->zones[i] = zones[i];
	}
	*out = s;
	return 0;
fail:
	zoneset_free(s);
	return -1;
}

void zoneset_free(struct zoneset *s)
{
	if (s == NULL)
		return;
	free(s->zones);
	free(s);
}

/* Whole words, the last of which overlaps the one before; nothing behind the names is read. */
static inline bool same_octets(const uint8_t *a, const uint8_t *b, size_t length)
{
	uint64_t x, y;

	if (length < sizeof x)
		return memcmp(a, b, length) == 0;
	for (size_t left = length; left > sizeof x; left -= sizeof x) {
		memcpy(&x, a + length - left, sizeof x);
		memcpy(&y, b + length - left, sizeof y);
		if (x != y)
			return false;
	}
	memcpy(&x, a + length - sizeof x, sizeof x);
	memcpy(&y, b + length - sizeof y, sizeof y);
	return x == y;
}

/* Not inlined: inside the loop over depths its own loop costs twice as much. */
__attribute__((noinline)) static const struct zone *probe(
	const struct zoneset *s, const struct dname *name, unsigned label)
{
	uint64_t hash = name->hash[label];
	size_t start = name->offset[label], length = name->length - start;
	const struct zone_slot *slot;

	for (uint64_t i = hash;; i++) {
		slot = &s->slots[i & s->mask];
		if (slot->zone == NULL)
			return NULL;
		if (slot->hash == hash && slot->zone->apex_length == length &&
			same_octets(slot->zone->apex, name->wire + start, length))
			return slot->zone;
	}
}

const struct zone *zoneset_find(
	const struct zoneset *s, const struct dname *name, bool above, uint8_t *label)
{
	unsigned at = above ? 1 : 0;

	if (name->labels > s->deepest && (unsigned)name->labels - s->deepest > at)
		at = (unsigned)name->labels - s->deepest;
	for (; at <= name->labels; at++) {
		const struct zone *z;

		if (!s->depth[name->labels - at])
			continue;
		z = probe(s, name, at);
		if (z != NULL) {
			*label = (uint8_t)at;
			return z;
		}
	}
	return NULL;
}

size_t zoneset_count(const struct zoneset *s)
{
	return s->count;
}

const struct zone *zoneset_at(const struct zoneset *s, size_t index)
{
	return s->zones[index];
}
