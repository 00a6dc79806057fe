/* Geo databases from their files: read one, reduce it to decisions, forget it, read the next. */
#ifndef GEO_LOAD_H
#define GEO_LOAD_H

#include "geo/geo.h"

/* What became of one configured database. */
struct geo_loaded {
	bool ok;
	struct geo_database info; /* when ok */
	struct err error;         /* when not */
};

/*
 * Build the table from the configuration's databases. `folder_fd[i]` is the folder that holds
 * conf->databases[i], opened before privileges were dropped (-1: it could not be opened); the file
 * is opened by its base name below it, read whole and never mapped.
 *
 * A database that cannot be read is left out and said so in `loaded[i]`: the table is built from
 * the others, `networks` and `default`, for a start without it. Who has a table already keeps that
 * one instead (fail static). Returns how many databases failed; -1 with `e` when there is no table
 * at all (memory). Free with geo_free().
 */
int geo_load(const struct conf *c, const int *folder_fd, struct geo_table **out,
	struct geo_loaded *loaded, struct err *e);

#endif
