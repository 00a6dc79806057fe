/*
 * IPv4 addresses inside IPv6 ones, where transition mechanisms put them:
 *
 *   ::ffff:0:0/96   mapped (RFC 4291)     |         96         | IPv4 |
 *   64:ff9b::/96    translated (RFC 6052) |         96         | IPv4 |
 *   2002::/16       6to4 (RFC 3056)       | 16 | IPv4 |       80      |
 *   2001::/32       Teredo (RFC 4380)     | 32 | server | 32   | ~IPv4 |
 *
 * Such a client is where its IPv4 address is. Where those bits are all zero there is no client's
 * address: that is how a client subnet looks that is shorter than the embedding, and it is plain
 * IPv6. So whether an address is embedded is a function of the address alone, and no prefix around
 * an embedded one that holds the plain one as well is ever given as a scope.
 */
#ifndef GEO_EMBEDDED_H
#define GEO_EMBEDDED_H

#include "base/addr.h"

struct embedded {
	struct addr ipv4;
	uint32_t bits; /* as they stand in the IPv6 address; 0: plain */
	uint8_t at;    /* bits before them */
};

#define EMBEDDED_BLOCKS_MAX 8u /* rows there may be */

/* The block of IPv6 of row `index`; NULL past the last. */
const struct prefix *embedded_block(size_t index);
/* The IPv4 address in `a`; false when it lies in none of the blocks. */
bool embedded_find(const struct addr *a, struct embedded *out);

#endif
