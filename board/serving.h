/*
 * The serving rule, in one place: override, else verdict, else the pool's policy for `unknown`.
 *
 * Also what an override's words say at a given moment: the reader judges expiry, so that an
 * override ends in time even when control is gone.
 */
#ifndef BOARD_SERVING_H
#define BOARD_SERVING_H

#include "board/board.h"
#include "conf/conf.h"

/* clock_mono_ms() at which the word's override ends; 0 = never. */
static inline uint64_t override_until(uint64_t word)
{
	return word >> 16;
}

/* The override in force at now_ms; an expired one is NONE. */
static inline enum override override_of_word(uint64_t word, uint64_t now_ms)
{
	uint64_t until_ms = override_until(word);

	if (until_ms != 0 && until_ms <= now_ms)
		return OVERRIDE_NONE;
	switch (word & 3u) {
	case OVERRIDE_DRAIN: return OVERRIDE_DRAIN;
	case OVERRIDE_FORCE_UP: return OVERRIDE_FORCE_UP;
	case OVERRIDE_FORCE_DOWN: return OVERRIDE_FORCE_DOWN;
	}
	return OVERRIDE_NONE;
}

/* clock_mono_ms() at which the word's weight ends; 0 = never. */
static inline uint64_t weight_until(uint64_t word)
{
	return word >> 17;
}

/* True and the weight when one is in force at now_ms. */
static inline bool weight_of_word(uint64_t word, uint64_t now_ms, uint16_t *weight)
{
	uint64_t until_ms = weight_until(word);

	if ((word & (UINT64_C(1) << 16)) == 0 || (until_ms != 0 && until_ms <= now_ms))
		return false;
	*weight = (uint16_t)(word & 0xffffu);
	return true;
}

/* Until when addresses of `pool` that have no verdict are waited for, whatever its policy for them:
 * each has had one chance by then. 0 on a board on which nobody has begun to serve. */
static inline uint64_t first_verdicts_until(
	const struct board *b, const struct conf *c, const struct conf_pool *pool)
{
	uint64_t began_ms = atomic_load_explicit(&b->supervisor->began_ms, memory_order_relaxed);

	if (began_ms == 0 || pool->check == CONF_NONE)
		return 0;
	return began_ms + c->checks[pool->check].timeout_ms;
}

/* An operator's word that an endpoint gets nobody, whatever else is or is not there. */
static inline bool override_takes_out(enum override o)
{
	return o == OVERRIDE_DRAIN || o == OVERRIDE_FORCE_DOWN;
}

/* Does one address serve? An address without a probe counts as VERDICT_UP. */
static inline bool serving_rule(enum override o, enum verdict v, bool unknown_serves)
{
	switch (o) {
	case OVERRIDE_DRAIN:
	case OVERRIDE_FORCE_DOWN: return false;
	case OVERRIDE_FORCE_UP: return true;
	case OVERRIDE_NONE: break;
	}
	return v == VERDICT_UP || (v == VERDICT_UNKNOWN && unknown_serves);
}

#endif
