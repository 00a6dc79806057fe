/* The two clocks. Pure code takes times as arguments; only edges call these. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* CLOCK_MONOTONIC in milliseconds; the same for every process of one boot, never 0. */
uint64_t clock_mono_ms(void);
/* The same in nanoseconds. */
uint64_t clock_mono_ns(void);
/* Real time in milliseconds since 1970, for events, the state file and logs only. */
uint64_t clock_real_ms(void);

#define CLOCK_TEXT_MAX 25 /* 2026-11-23T09:01:02.345Z with its NUL */
/* RFC 3339 in UTC with milliseconds. Returns `out`. */
const char *clock_format(uint64_t real_ms, char *out);

#endif
