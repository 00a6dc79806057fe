/*
 * Flap damping by a decaying penalty, as BGP damps routes (RFC 2439): each change adds to it, time
 * halves it. Whoever is above `suppress` is held down until it has fallen below `reuse`.
 *
 *   penalty
 *     3000 |      change: +1000
 *          |     |\
 *     2500 |- - -|-\ - - - - - - - - - suppress
 *          |   |\|  \__                        Two half-lives after the third quick change it is
 *          | |\|       \____                   free, and at most max_suppress after the last one.
 *      750 |-|- - - - - - - \__ - - -  reuse
 *          +------------------------> time
 *
 * Fixed point, no floating point: the same on every machine, and in every process that reads the
 * board. The penalty is kept as it was when something was last added, so that looking at it, however
 * often, costs no precision. Pure.
 */
#ifndef BASE_FLAP_H
#define BASE_FLAP_H

#include <stdbool.h>
#include <stdint.h>

#define FLAP_POINT 256u       /* a point of the penalty */
#define FLAP_MAX   UINT32_MAX /* a penalty stays there: 16.7 million points */

/* In points. */
struct flap_limits {
	uint32_t penalty; /* of one change; 0: no damping */
	uint32_t suppress, reuse;
	uint32_t half_life_ms, max_suppress_ms;
};

struct flap {
	uint32_t penalty; /* in 1/FLAP_POINT, as it was at at_ms */
	uint64_t at_ms;
};

/* What is left of it at now_ms, in 1/FLAP_POINT. */
uint32_t flap_at(const struct flap *f, const struct flap_limits *c, uint64_t now_ms);

/* Add `amount`, in 1/FLAP_POINT, at now_ms: not above what takes max_suppress to fall to `reuse`. */
void flap_add(struct flap *f, const struct flap_limits *c, uint32_t amount, uint64_t now_ms);

/* The first moment at which it is below `reuse`, at most max_suppress after at_ms. */
uint64_t flap_free_ms(const struct flap *f, const struct flap_limits *c);

/* Above `suppress` at now_ms? Never with a penalty of 0: no damping. */
bool flap_suppresses(const struct flap *f, const struct flap_limits *c, uint64_t now_ms);

/* The highest penalty there can be with these settings, in 1/FLAP_POINT. */
uint32_t flap_ceiling(const struct flap_limits *c);

#endif
