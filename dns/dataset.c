#include "dns/dataset.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

static void insert(struct dataset *d, const struct dname *apex)
{
	size_t i = apex->hash[0] & d->broken_mask;

	while (d->broken[i].length != 0)
		i = (i + 1) & d->broken_mask;
	d->broken[i].hash = apex->hash[0];
	d->broken[i].length = apex->length;
	memcpy(d->broken[i].wire, apex->wire, apex->length);
	d->broken_count++;
}

int dataset_build(struct dataset *d, struct zone *const *zones, size_t zone_count,
	const struct dname *const *broken, size_t broken_count, struct err *e)
{
	size_t slots = 1;

	while (slots < broken_count * 2)
		slots *= 2;
	d->broken_count = 0;
	d->broken_mask = slots - 1;
	d->broken = calloc(slots, sizeof d->broken[0]);
	if (d->broken == NULL)
		return err_set(e, "out of memory for %zu broken zones", broken_count);
	if (zoneset_build(zones, zone_count, &d->zones, e) < 0) {
		free(d->broken);
		d->broken = NULL;
		return -1;
	}
	for (size_t i = 0; i < broken_count; i++)
		insert(d, broken[i]);
	return 0;
}

static size_t stale_home(const struct dataset *d, const struct zone *zone)
{
	return hash_mix(0, (uintptr_t)zone) & d->stale_mask;
}

int dataset_set_stale(
	struct dataset *d, const struct zone *const *stale, size_t count, struct err *e)
{
	size_t slots = 1;

	if (count == 0)
		return 0;
	while (slots < count * 2)
		slots *= 2;
	d->stale = calloc(slots, sizeof d->stale[0]);
	if (d->stale == NULL)
		return err_set(e, "out of memory for %zu stale zones", count);
	d->stale_mask = slots - 1;
	d->stale_count = count;
	for (size_t i = 0; i < count; i++) {
		size_t at = stale_home(d, stale[i]);

		while (d->stale[at] != 0)
			at = (at + 1) & d->stale_mask;
		d->stale[at] = (uintptr_t)stale[i];
	}
	return 0;
}

bool dataset_is_stale(const struct dataset *d, const struct zone *zone)
{
	if (d->stale_count == 0)
		return false;
	for (size_t i = stale_home(d, zone); d->stale[i] != 0; i = (i + 1) & d->stale_mask) {
		if (d->stale[i] == (uintptr_t)zone)
			return true;
	}
	return false;
}

void dataset_clear(struct dataset *d)
{
	free(d->stale);
	d->stale = NULL;
	d->stale_count = 0;
	zoneset_free(d->zones);
	free(d->broken);
	d->zones = NULL;
	d->broken = NULL;
	d->broken_count = 0;
}

static bool is_broken(const struct dataset *d, const struct dname *name, unsigned label)
{
	size_t start = name->offset[label], length = name->length - start;

	for (size_t i = name->hash[label] & d->broken_mask; d->broken[i].length != 0;
		i = (i + 1) & d->broken_mask) {
		if (d->broken[i].hash == name->hash[label] && d->broken[i].length == length &&
			memcmp(d->broken[i].wire, name->wire + start, length) == 0)
			return true;
	}
	return false;
}

int dataset_find_broken(const struct dataset *d, const struct dname *name, bool above)
{
	for (unsigned label = above ? 1 : 0; label <= name->labels; label++) {
		if (is_broken(d, name, label))
			return (int)label;
	}
	return -1;
}
