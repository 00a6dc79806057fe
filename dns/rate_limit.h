/*
 * Response rate limiting: how many replies a second a network gets over UDP.
 *
 * It protects others, not this server: whoever forges the address of a victim gets at most
 * `per_second` replies sent there. What is asked does not count, only who asks, a /24 of IPv4 or a
 * /56 of IPv6: so the limit is judged before the answer is looked for, and many names are no way
 * around it.
 *
 * One table for all threads of a process, without locks: a word a network, in sets of one cache
 * line. The word holds the moment at which the network's bucket will be empty again (the "generic
 * cell rate algorithm": a token bucket that needs one number and no refilling):
 *
 *   | 24 bits of the network's hash | 40 bits: theoretical arrival time in microseconds, mod 2^40 |
 *
 * A network without a word takes that of the one whose bucket empties first. Full buckets stay
 * where they are, so a flood from many forged networks does not wash the heavy ones out.
 */
#ifndef DNS_RATE_LIMIT_H
#define DNS_RATE_LIMIT_H

#include "base/addr.h"

#include <stdatomic.h>
#include <stdint.h>

#define RATE_PREFIX_IPV4 24u
#define RATE_PREFIX_IPV6 56u
#define RATE_WAYS        8u     /* words of a set: one cache line */
#define RATE_SETS        16384u /* power of two; 131,072 networks in 1 MiB */
#define RATE_BURST_US                                                                              \
	1000000u /* what a network that was silent may have at once: a second's worth */

struct rate_limit;

enum rate_verdict {
	RATE_WITHIN,
	RATE_ABOVE,
	/* within, and the table was so full that a network with replies to its account was
	 * forgotten */
	RATE_WITHIN_FULL,
};

/* A table for `per_second` >= 1; NULL without memory. */
struct rate_limit *rate_limit_new(uint32_t per_second);
void rate_limit_free(struct rate_limit *r);

/* May `client` have one more reply? Counts it if so. Any thread, at any time. */
enum rate_verdict rate_limit_take(struct rate_limit *r, const struct addr *client, uint64_t now_ms);

#endif
