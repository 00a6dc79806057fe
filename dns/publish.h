/*
 * What the loader tells the world: rows of zones and databases on the board, and events.
 *
 * Only the loader of the generation that serves may write rows (board->dns->owner); it takes them
 * over at GO. A zone keeps its row, found by its file's name, over restarts and reloads, and what
 * has not changed makes no event.
 */
#ifndef DNS_PUBLISH_H
#define DNS_PUBLISH_H

#include "dns/geo_files.h"
#include "dns/server.h"
#include "dns/zone_files.h"

#define ZONE_EVENTS_MAX                                                                            \
	1000u /* events of one round; more zones share one, and the event ring keeps its past */

/* One round of changes; zero-initialise. */
struct publishing {
	uint32_t events;                      /* emitted */
	uint32_t untold_loads, untold_errors; /* past ZONE_EVENTS_MAX */
};

/* Take the rows over: those of files that are in `zf` are kept for them, the others are cleared. */
void publish_take_over(struct dns_server *s, struct zone_files *zf);
/* May this process write rows? */
bool publish_is_owner(const struct dns_server *s);

/* A file with news: its row and its event. */
void publish_zone(struct dns_server *s, struct publishing *p, struct zone_file *f);
/* A file that is gone. */
void publish_zone_removed(struct dns_server *s, struct publishing *p, struct zone_file *f);
/* The end of a round. */
void publish_rest(struct dns_server *s, const struct publishing *p);

/* Database `index` of the configuration. */
void publish_database(struct dns_server *s, size_t index, const struct geo_file *f);

#endif
