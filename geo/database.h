/*
 * One database reduced to decisions: its search tree walked once, whole.
 *
 * The walk trusts nothing: depth is bounded by the address length, and no more nodes are visited
 * than the tree has, which a cycle or a node with two parents would exceed. Subtrees that only
 * repeat the IPv4 tree elsewhere in IPv6 (::ffff:0:0/96, 2002::/16, 2001::/32) are skipped.
 */
#ifndef GEO_DATABASE_H
#define GEO_DATABASE_H

#include "geo/codes.h"
#include "geo/geo.h"
#include "geo/ranges.h"

/* What a database knows, by family: [0] IPv4, [1] IPv6; holes where it knows neither country nor
 * continent. */
struct database_ranges {
	struct ranges family[2];
};

/* Walk `source`. -1 with `e` naming the file when it is broken or has no countries at all.
 * `info` may be NULL. */
int database_reduce(const struct code_rules *rules, const struct geo_source *source,
	struct database_ranges *out, struct geo_database *info, struct err *e);
void database_ranges_free(struct database_ranges *d);

#endif
