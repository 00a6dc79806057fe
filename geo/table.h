/* Inside geo/: the table from finished ranges, for geo_build() and geo_load(). */
#ifndef GEO_TABLE_H
#define GEO_TABLE_H

#include "geo/database.h"

/* The layers of both families (geo/layers.h), packed. */
int table_build(const struct conf *c, const struct code_rules *rules,
	const struct database_ranges *databases, size_t count, struct geo_table **out,
	struct err *e);

#endif
