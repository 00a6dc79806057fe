/*
 * Ranges: one decision for every address of a family, as a sorted list of where it changes.
 *
 *   start   0       10.0.0.0   11.0.0.0   81.2.69.0   81.2.70.0
 *   value   HOLE    special    HOLE       london      HOLE        each holds up to the next start
 *
 * Every source of knowledge becomes one such list, and they are laid over each other, the strongest
 * on top. Neighbours with the same value are one range from the moment they are appended, so a
 * database of millions of networks never takes more memory than its decisions need.
 */
#ifndef GEO_RANGES_H
#define GEO_RANGES_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address as a number: IPv4 in the low 32 bits. */
__extension__ typedef unsigned __int128 uint128;

/* Values: a region's index or RANGE_NO_REGION, either with flags; or RANGE_HOLE, RANGE_MARK. */
#define RANGE_HOLE      UINT16_C(0xffff) /* knows nothing: what lies below shows through */
#define RANGE_MARK      UINT16_C(0xfffe) /* what lies below, with RANGE_EMBEDDED set */
#define RANGE_NO_REGION UINT16_C(0x3ffd) /* known that no region serves it */
#define RANGE_EMBEDDED  UINT16_C(0x4000) /* IPv6 that has IPv4 inside, which decides */
#define RANGE_SPECIAL   UINT16_C(0x8000) /* a special-purpose block that nobody has data for */

/* Zero-initialise; ranges_free() when done. */
struct ranges {
	uint128 *start;
	uint16_t *value;
	size_t count, capacity;
	bool failed; /* memory ran out; sticky */
};

/* From `start` on (not before the last one appended) the value is `value`. */
void ranges_append(struct ranges *r, uint128 start, uint16_t value);
void ranges_free(struct ranges *r);

/* A prefix that decides, for ranges_from_rules(). */
struct range_rule {
	uint128 start, end; /* first and last address */
	uint16_t value;
};

/* The most specific rule wins, holes elsewhere, up to the family's last address. Sorts `rules`.
 * They are prefixes: two either nest or are disjoint. */
void ranges_from_rules(struct ranges *out, struct range_rule *rules, size_t count, uint128 last);

/* `top` where it knows, `bottom` where it does not or only marks. `out` is neither of them. */
void ranges_overlay(struct ranges *out, const struct ranges *top, const struct ranges *bottom);

uint128 addr_number(const struct addr *a);
/* The last address of a family of `bits`. */
static inline uint128 family_end(unsigned bits)
{
	return bits < 128 ? ((uint128)1 << bits) - 1 : ~(uint128)0;
}

#endif
