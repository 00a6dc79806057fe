/*
 * Beats: how the supervisor knows that a thread is alive.
 *
 * Every thread that serves stores the time into its own cell at least once a second, whatever else
 * it has to do: an event loop by a timer, a thread that blocks in the kernel after each return (its
 * socket has a timeout of 100 ms). A cell that stands still for BEAT_HANG_TICKS of the supervisor's
 * own ticks means a thread that loops or waits for ever, or a stopped process: the role is killed
 * and replaced. Counting the supervisor's ticks and not the clock spares the roles when the whole
 * machine was asleep.
 *
 * The count starts at GO; a role that still loads is bounded by its deadline for READY instead.
 * Cells: a row for each dns and balancer thread, `beat_ms` of health's and control's sheet for
 * their loops.
 */
#ifndef BOARD_BEAT_H
#define BOARD_BEAT_H

#include <stdatomic.h>
#include <stdint.h>

#define BEAT_EVERY_MS   1000u
#define BEAT_HANG_TICKS 10u /* of one second each */

static inline void beat(_Atomic uint64_t *cell, uint64_t now_ms)
{
	atomic_store_explicit(cell, now_ms, memory_order_relaxed);
}

#endif
