/*
 * Geo: which region serves a client, and how far around the client that holds.
 *
 * At load every source of knowledge (the operator's `networks`, then databases in MaxMind's format,
 * then special-purpose blocks and `default`) is reduced to one decision per address, the index of
 * the client's home region, neighbours with the same decision are merged, and the result is a
 * sorted table of ranges under a 64 Ki first level. A lookup is two array reads and a short binary
 * search; it never touches a database.
 *
 * The order of all regions for a client is a function of its home region alone (geo_region_order),
 * so the table needs nothing else. The scope of an answer is the shortest prefix around the client
 * that lies inside its merged range: every client in it gets the same home region, hence the same
 * order (RFC 7871, 7.2.1). An IPv6 client with an IPv4 address inside (geo/embedded.h) is where that
 * is; its scope is that of the IPv4 address, behind the bits that lie before it.
 */
#ifndef GEO_GEO_H
#define GEO_GEO_H

#include "base/addr.h"
#include "base/err.h"
#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>

struct geo_table; /* immutable; shared by threads */

struct geo_answer {
	uint16_t region; /* home region, or CONF_NONE: no rule serves it and there is no default */
	uint8_t scope;   /* prefix length 0..32 or 0..128; exact, of data and configuration only */
	bool known; /* false: special-purpose (RFC 6890), and neither `networks` nor a database has it */
};

/* One database as loaded, for events and `status`. */
struct geo_database {
	const char *path;
	char type[64];     /* metadata's database_type */
	uint64_t built_s;  /* metadata's build_epoch */
	uint32_t networks; /* records walked */
};

/* A database file's content in memory: read whole by the caller (never mapped: truncation is
 * SIGBUS). */
struct geo_source {
	const char *path; /* for messages */
	const void *data;
	size_t length;
};

/*
 * Build the table. `sources` in order of precedence (the first that knows an address decides). A
 * database that cannot be opened or walked whole is an error: -1 with `e` naming it, nothing built.
 * `info` (may be NULL) has room for source_count entries. Free with geo_free().
 */
int geo_build(const struct conf *c, const struct geo_source *sources, size_t source_count,
	struct geo_table **out, struct geo_database *info, struct err *e);
void geo_free(struct geo_table *t);
/* Octets the table occupies. */
size_t geo_memory(const struct geo_table *t);

/* Home region and scope of one client. Pure; at most a few dozen nanoseconds. */
struct geo_answer geo_lookup(const struct geo_table *t, const struct addr *client);

/*
 * All regions in order of closeness for clients of home region `home` (CONF_NONE: file order):
 * `home` first, then those with `at` by great-circle distance from home's `at`, then the rest in
 * file order. Borrowed from `t`; conf->region_count entries.
 */
const uint16_t *geo_region_order(const struct geo_table *t, uint16_t home);

#endif
