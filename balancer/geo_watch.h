/*
 * The balancer's geo table: loaded before READY, loaded anew when a database file changes.
 *
 * Every process compiles its own table: the dns role's is not shared, so that neither depends on the
 * other. What happened to a database is reported by dns; here a load that would lose a database the
 * table has is dropped in silence and the old table stays (fail static). A file that vanished
 * changes nothing.
 */
#ifndef BALANCER_GEO_WATCH_H
#define BALANCER_GEO_WATCH_H

#include "balancer/worker.h"
#include "base/watch.h"

#include <sys/stat.h>

#define GEO_WATCH_SETTLE_MS 50     /* before a scan: an update often moves several files */
#define GEO_WATCH_AGAIN_MS  60000u /* after a load that failed or would have lost a database */
#define GEO_WATCH_NICE      10     /* of the loading thread; 19 starves under attack */

struct geo_watch {
	struct balancer *balancer;
	struct watch *watch; /* NULL: no databases, or inotify refused (reported) */
	int stop;            /* eventfd */
	pthread_t thread;
	bool started;
	struct stat seen[CONF_DATABASES_MAX]; /* at the last load; st_ino 0 = none */
	bool has[CONF_DATABASES_MAX];         /* the table has it */
	uint64_t again_ms; /* the last load is to be repeated then; 0 = it is not */
};

/* Load the table and start to watch; -1 when there is no table at all. */
int geo_watch_open(struct geo_watch *g, struct balancer *b, struct err *e);
/* Start the thread that loads anew. Without databases there is nothing to do. */
int geo_watch_start(struct geo_watch *g, struct err *e);
/* Stop the thread and free the table; no worker runs any more. */
void geo_watch_close(struct geo_watch *g);

#endif
