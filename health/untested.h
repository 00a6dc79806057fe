/*
 * How many targets of one family could not be tested from here, and when to say so. Pure.
 *
 * A prober without a route finds it out target by target, within one interval, and then again at
 * every try. That is one piece of news, not thousands: it is told once the number stands still (or
 * after UNTESTED_SETTLE_MS), once more when it grows, and a last time when it is over.
 */
#ifndef HEALTH_UNTESTED_H
#define HEALTH_UNTESTED_H

#include <stdint.h>

#define UNTESTED_SETTLE_MS 10000u /* told by then, even if the number still moves */
#define UNTESTED_AGAIN_MS  60000u /* between two tellings that it began or grew */

struct untested {
	uint32_t targets;  /* of this family, in all */
	uint32_t now;      /* whose last probe could not be run */
	uint32_t seen;     /* `now` at the last look */
	uint32_t told;     /* what the last telling said; 0 = nothing is to be taken back */
	uint64_t since_ms; /* the first look that found any; 0 = there are none */
	uint64_t told_ms;  /* when it was last told that it began or grew; 0 = never */
};

enum untested_news {
	UNTESTED_NOTHING,
	UNTESTED_SOME, /* say: `now` of `targets` cannot be tested */
	UNTESTED_OVER, /* say: all are tested again */
};

/* Look at it, about once a second. */
enum untested_news untested_look(struct untested *u, uint64_t now_ms);

#endif
