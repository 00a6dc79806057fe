#include "geo/order.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define EARTH_RADIUS_KM 6371.0088 /* IUGG mean radius R1 */
#define RADIANS         (3.14159265358979323846 / 180.0)

struct place {
	double distance_km;
	uint16_t region;
	uint8_t class; /* 0 home, 1 at a known distance, 2 nowhere */
};

double geo_distance_km(double latitude1, double longitude1, double latitude2, double longitude2)
{
	double north = sin((latitude2 - latitude1) * RADIANS / 2);
	double east = sin((longitude2 - longitude1) * RADIANS / 2);
	double h =
		north * north + cos(latitude1 * RADIANS) * cos(latitude2 * RADIANS) * east * east;

	return 2 * EARTH_RADIUS_KM * asin(sqrt(h > 1 ? 1 : h)); /* rounding: antipodes */
}

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	if (a->distance_km < b->distance_km || a->distance_km > b->distance_km)
		return a->distance_km < b->distance_km ? -1 : 1;
	return a->region < b->region ? -1 : a->region > b->region;
}

/* Order all regions for clients of `home` (region_count: none) into `row`. */
static void order_row(const struct conf *c, size_t home, struct place *places, uint16_t *row)
{
	const struct conf_region *from = home < c->region_count ? &c->regions[home] : NULL;
	bool measured = from != NULL && from->has_at;

	for (size_t i = 0; i < c->region_count; i++) {
		const struct conf_region *to = &c->regions[i];
		struct place *p = &places[i];

		*p = (struct place){.region = (uint16_t)i, .class = 2};
		if (i == home)
			p->class = 0;
		else if (measured && to->has_at)
			*p = (struct place){geo_distance_km(from->latitude, from->longitude,
						    to->latitude, to->longitude),
				(uint16_t)i, 1};
	}
	qsort(places, c->region_count, sizeof *places, compare_places);
	for (size_t i = 0; i < c->region_count; i++)
		row[i] = places[i].region;
}

uint16_t *geo_order_build(struct arena *a, const struct conf *c)
{
	size_t n = c->region_count;
	uint16_t *rows = arena_calloc(a, (n + 1) * n + 1, sizeof *rows);
	struct place *places = calloc(n + 1, sizeof *places);

	if (rows == NULL || places == NULL) {
		free(places);
		return NULL;
	}
	for (size_t home = 0; home <= n; home++)
		order_row(c, home, places, rows + home * n);
	free(places);
	return rows;
}
