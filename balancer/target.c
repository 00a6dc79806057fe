#include "balancer/target.h"

enum target_state target_state(uint64_t word, uint64_t now_ms)
{
	if (target_asides(word) == 0)
		return TARGET_OPEN;
	return now_ms >= target_retry(word) ? TARGET_DUE : TARGET_ASIDE;
}

uint64_t target_leased(uint64_t word, uint64_t now_ms, uint32_t lease_ms)
{
	return TARGET_WORD(target_failures(word), target_asides(word), now_ms + lease_ms);
}

uint64_t target_returned(uint64_t word, uint64_t now_ms)
{
	if (target_asides(word) == 0)
		return word;
	return TARGET_WORD(target_failures(word), target_asides(word), now_ms);
}

static uint8_t one_more(uint8_t n)
{
	return n < UINT8_MAX ? (uint8_t)(n + 1) : n;
}

/* The pause after being set aside for the n-th time in a row. */
static uint32_t pause_ms(uint8_t n)
{
	uint32_t ms = TARGET_PAUSE_MS;

	while (--n > 0 && ms < TARGET_PAUSE_MAX_MS)
		ms *= 2;
	return ms < TARGET_PAUSE_MAX_MS ? ms : TARGET_PAUSE_MAX_MS;
}

uint64_t target_failed(uint64_t word, bool trial, uint64_t now_ms)
{
	uint8_t failures = one_more(target_failures(word)), asides = target_asides(word);

	if (asides > 0 && !trial)
		return word;
	if (asides == 0 && failures < TARGET_FALL)
		return TARGET_WORD(failures, 0, 0);
	asides = one_more(asides);
	return TARGET_WORD(failures, asides, now_ms + pause_ms(asides));
}
