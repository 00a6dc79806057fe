/*
 * The order of regions by closeness, for every home region at once.
 *
 * A function of the configuration alone: home first, then the regions with `at` by great-circle
 * distance from home's `at` (equal distances: file order), then the rest in file order. A home
 * without `at`, and no home at all, know no distances: file order.
 */
#ifndef GEO_ORDER_H
#define GEO_ORDER_H

#include "base/arena.h"
#include "conf/conf.h"

#include <stdint.h>

/*
 * A row of region_count regions for each home region, then one for "no home": row r starts at r *
 * region_count. Owned by `a`; NULL when memory is short.
 */
uint16_t *geo_order_build(struct arena *a, const struct conf *c);

/* Great-circle distance in kilometres on a sphere of the Earth's mean radius (6,371.0088 km).
 * Degrees. */
double geo_distance_km(double latitude1, double longitude1, double latitude2, double longitude2);

#endif
