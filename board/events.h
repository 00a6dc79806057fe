/*
 * Events: every verdict change, override, role start and stop, zone and database load, once.
 *
 * Each writing role has one bounded ring on its sheet: a slot is claimed by fetch_add and
 * committed by a release store of its position; threads and generations of the role share it.
 * Control copies committed events into its public ring, where the position is the public sequence
 * number, before it logs or streams them. A slot uncommitted for EVENT_COMMIT_MS (its writer was
 * killed) is skipped and counted as lost; so are slots overwritten before control came.
 */
#ifndef BOARD_EVENTS_H
#define BOARD_EVENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define EVENT_RING_SIZE 4096u /* of a role's ring; power of two */
/* Of health's: the first round gives an event for every address of every endpoint, and control may
 * be busy or dead meanwhile. Slots cost memory from their first use on. */
#define EVENT_RING_MAX    32768u /* power of two */
#define EVENT_PUBLIC_SIZE 16384u /* power of two: how far `watch --since` can go back */
#define EVENT_COMMIT_MS   100u

/* One row a kind: enum, word in JSON and text, meaning. Append only. */
#define EVENT_KINDS(X)                                                                             \
	X(VERDICT, "verdict", "the checks changed their mind about one address of an endpoint")    \
	X(OVERRIDE, "override", "an operator set, changed or removed an override, or one expired") \
	X(ROLE, "role", "a process started, stopped, died, hung or was replaced")                  \
	X(ZONE, "zone", "a zone was loaded, refused or removed")                                   \
	X(DATABASE, "database", "a geo database was loaded or refused")                            \
	X(RELOAD, "reload", "a new generation serves, or was refused")                             \
	X(POOL, "pool", "a pool lost its last serving endpoint, or has one again")                 \
	X(NOTICE, "notice", "anything else an operator should know")                               \
	X(TARGET, "target", "the balancer sets an address and port aside, or uses it again")

#define EVENT_ENUM(id, name, help) EVENT_##id,
enum event_kind { EVENT_KINDS(EVENT_ENUM) EVENT_KIND_COUNT };
#undef EVENT_ENUM

/* Fields that do not apply are "". All NUL-terminated. */
struct event {
	uint64_t real_ms; /* when it happened */
	uint8_t kind;     /* enum event_kind */
	uint8_t level;    /* enum log_level of conf.h */
	uint8_t role;     /* enum role that wrote it */
	uint8_t spare;
	uint32_t generation;
	char pool[64], endpoint[64];
	char object[128]; /* address of a verdict, zone name, database path, role name, listener */
	char from[16], to[16]; /* "up" → "down", "none" → "drain", "serving" → "dead" */
	char text[256];        /* reason or message, one line */
};

/* A slot; `commit` = position + 1 once the event is whole. */
struct event_record {
	_Atomic uint64_t commit;
	struct event event;
};

struct event_ring {
	_Alignas(64) _Atomic uint64_t claimed;
	uint32_t size; /* slots in use, set when the board is made; 0 = EVENT_RING_SIZE */
	struct event_record slot[EVENT_RING_MAX];
};

/* How many events it holds. Whatever another process has made of `size`, it is within the slots. */
uint32_t event_ring_size(const struct event_ring *ring);

/* The first public number of a board made at this moment: unix seconds × 2^20, to the millisecond,
 * so that a server that is started anew at once goes on above the last one's numbers. */
static inline uint64_t event_first_sequence(uint64_t created_real_ms)
{
	return (created_real_ms << 20) / 1000;
}

const char *event_kind_name(enum event_kind k);

/* Claim, fill, commit. Never blocks, any thread of the ring's role. Sets real_ms when it is 0. */
void event_emit(struct event_ring *ring, const struct event *e);

/* A reader's place in one ring (control's). */
struct event_cursor {
	uint64_t next;
	uint64_t waiting_since_ms; /* since when `next` is claimed, not committed; 0 = it is not */
	uint64_t lost;             /* skipped in all */
};

/* 1 and the next event; 0 when there is none now (or it is not committed yet). */
int event_next(const struct event_ring *ring, struct event_cursor *cursor, uint64_t now_ms,
	struct event *out);

#endif
