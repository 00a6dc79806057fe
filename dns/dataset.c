#include "dns/dataset.h"

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

void dataset_clear(struct dataset *d)
{
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
