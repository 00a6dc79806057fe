/*
 * What the loader tells the world: rows of zones and databases on the board, and events.
 *
 * Only the loader of the generation that serves may write rows (dns/owner.h); it takes them over at
 * GO, and a loader that is overtaken says nothing more, whatever it was doing. A zone keeps its
 * row, found by its file's name, over restarts and reloads, and what has not changed makes no event.
 */
#ifndef DNS_PUBLISH_H
#define DNS_PUBLISH_H

#include "dns/geo_files.h"
#include "dns/server.h"
#include "dns/zone_files.h"

#define ZONE_EVENTS_MAX                                                                            \
	1000u /* events of one round; more zones share one, and the event ring keeps its past */

/* Rounds of changes; zero-initialise. */
struct publishing {
	uint32_t events;                                      /* emitted in this round */
	uint32_t untold_loads, untold_errors, untold_missing; /* past ZONE_EVENTS_MAX */
	uint32_t searched; /* rows below are taken: one search for free ones a round */
	bool full_told;    /* it was said that some zones have no row; not over until all have */
};

/* Take the rows over: those of files that are in `zf` are kept for them, with what they say of files
 * that are gone, the others are cleared. False: a newer generation has them. */
bool publish_take_over(struct dns_server *s, struct zone_files *zf);

/* A file with news: its row and its event. */
void publish_zone(struct dns_server *s, struct publishing *p, struct zone_file *f);
/* A file that is gone. */
void publish_zone_removed(struct dns_server *s, struct publishing *p, struct zone_file *f);
/* The end of a round: what was not told one by one, and the zones of `zf` that BOARD_ZONES_MAX
 * leaves without a row. */
void publish_rest(struct dns_server *s, struct publishing *p, const struct zone_files *zf);

/* Database `index` of the configuration. */
void publish_database(struct dns_server *s, size_t index, const struct geo_file *f);

#endif
