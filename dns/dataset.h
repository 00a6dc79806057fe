/*
 * The dataset: everything the dns role answers from, behind one pointer.
 *
 * Built by the loader off to the side, published with one store, freed after a grace period
 * (base/qsbr.h). It owns its zone set and its table of broken zones; zones, geo table and steering
 * are borrowed and outlive it.
 *
 * A broken zone is one that is configured but has no good version at all: names at or below its
 * apex get SERVFAIL instead of what an enclosing zone would say. The apex is taken from the file's
 * name, since the file could not be read.
 *
 * A stale zone is one whose file is broken while its last good version serves: answers from it say
 * so.
 */
#ifndef DNS_DATASET_H
#define DNS_DATASET_H

#include "base/err.h"
#include "geo/geo.h"
#include "steer/pool.h"
#include "zones/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct broken_zone {
	uint64_t hash;               /* of the apex, as in struct dname */
	uint8_t length;              /* 0 = free slot */
	uint8_t wire[NAME_WIRE_MAX]; /* lower-cased */
};

struct dataset {
	const struct conf *conf;         /* NULL: zones alone, no pools */
	const struct steering *steering; /* NULL: no pools */
	const struct geo_table *geo;     /* NULL only without `conf` */
	struct zoneset *zones;
	struct broken_zone *broken; /* open-addressed */
	size_t broken_mask;         /* slots - 1 */
	size_t broken_count;
	uintptr_t *stale; /* addresses of zones, open-addressed; NULL without any */
	size_t stale_mask, stale_count;
};

/* `d` comes with conf, steering and geo set; on success `zones` and `broken` are set too. */
int dataset_build(struct dataset *d, struct zone *const *zones, size_t zone_count,
	const struct dname *const *broken, size_t broken_count, struct err *e);
/* After dataset_build(): which of the zones are stale. */
int dataset_set_stale(
	struct dataset *d, const struct zone *const *stale, size_t count, struct err *e);
/* Frees what these made. */
void dataset_clear(struct dataset *d);

/* The longest broken apex at or above `name` (above: skip `name` itself); its place in
 * dname.offset, or -1. */
int dataset_find_broken(const struct dataset *d, const struct dname *name, bool above);

bool dataset_is_stale(const struct dataset *d, const struct zone *zone);

#endif
