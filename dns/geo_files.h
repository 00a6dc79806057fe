/*
 * The geo databases: loaded anew when a file has changed, kept when the new ones are worse.
 *
 * At start the table is built from whatever can be read. Afterwards a new table serves only if no
 * database is missing from it that the old one has (fail static).
 */
#ifndef DNS_GEO_FILES_H
#define DNS_GEO_FILES_H

#include "board/generation.h"
#include "dns/stamp.h"
#include "geo/load.h"

#define GEO_RETRY_MS 1000u /* without memory for a new table: tried again after that */

struct geo_file {
	struct stamp stamp;
	bool served;                             /* the table that serves was built with it */
	bool news;                               /* something to publish */
	struct geo_database info;                /* of the last good load; path NULL = never */
	uint64_t loaded_real_ms, failed_real_ms; /* as on the board */
	struct err error;                        /* text "" = none */
};

struct geo_files {
	const struct conf *conf;
	int folder_fd[CONF_DATABASES_MAX];
	struct geo_file file[CONF_DATABASES_MAX];
	struct geo_table *table;   /* that serves; NULL before the first load */
	struct geo_table *retired; /* freed by the caller after a grace period */
};

void geo_files_init(struct geo_files *gf, const struct role_start *start);
void geo_files_clear(struct geo_files *gf);
/* Build the first table. -1 with `e` only without memory. */
int geo_files_start(struct geo_files *gf, uint64_t real_ms, struct err *e);
/* Look for changed files. True when another table serves now; *again (may be lowered, 0 = unset)
 * says when to look again. */
bool geo_files_scan(struct geo_files *gf, uint64_t now_ms, uint64_t real_ms, uint64_t *again_ms);

#endif
