/*
 * Inside geo/: the sources of knowledge laid over each other. From the top:
 *
 *   networks that lie in blocks with IPv4 inside      the operator speaks of that very IPv6
 *   marks on those blocks (geo/embedded.h)            their IPv4 decides
 *   networks
 *   databases, in order of precedence
 *   special-purpose blocks
 *   default
 */
#ifndef GEO_LAYERS_H
#define GEO_LAYERS_H

#include "geo/database.h"

/* The ranges of IPv4 and of IPv6, without holes. -1: out of memory, or too many; the caller frees
 * both in any case. */
int layers_merge(const struct conf *c, const struct code_rules *rules,
	const struct database_ranges *databases, size_t count, struct ranges out[2]);

#endif
