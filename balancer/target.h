/*
 * The balancer's own verdict on what it connects to: one word for each address and port, shared by
 * all workers and, being on the board, by all generations. Pure.
 *
 *                  TARGET_FALL failures in a row          its pause is over
 *   nothing against it ───────────────▶ set aside ─────────────────▶ due: one connection may try
 *          ▲                              ▲   │                         │        │
 *          └────────── a success ─────────┼───┴─────────────────────────┘        │
 *                                         └───── it failed: twice the pause ─────┘
 *
 * Checks decide what DNS says, this decides what the balancer tries: the check's port need not be
 * the listener's, and a check comes now and then while connections come all the time. Only the one
 * that tries counts while a target is set aside: the hundred attempts that were under way when it
 * went tell nothing new. Who tries has a lease, so that one that comes to no end (a killed process, a
 * client that left) holds the next one up for no longer than that.
 */
#ifndef BALANCER_TARGET_H
#define BALANCER_TARGET_H

#include "board/board.h"

#define TARGET_FALL         3u     /* failures in a row: a busy proxy refuses single ones */
#define TARGET_PAUSE_MS     1000u  /* before the first trial, then doubled ... */
#define TARGET_PAUSE_MAX_MS 30000u /* ... up to this */

enum target_state {
	TARGET_OPEN,  /* nothing, or not enough, against it */
	TARGET_DUE,   /* set aside, but one connection may try */
	TARGET_ASIDE, /* not now */
};

enum target_state target_state(uint64_t word, uint64_t now_ms);
/* Of one that is due: somebody tries for at most lease_ms. */
uint64_t target_leased(uint64_t word, uint64_t now_ms, uint32_t lease_ms);
/* A connect failed; `trial`: it had the lease. */
uint64_t target_failed(uint64_t word, bool trial, uint64_t now_ms);
/* The lease ended without an outcome: the next one may try. */
uint64_t target_returned(uint64_t word, uint64_t now_ms);

#endif
