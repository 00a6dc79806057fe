/*
 * The board: shared memory through which the roles tell each other what they know.
 *
 * One memfd (a "sheet") per writing role, created and sealed by the supervisor, kept for its
 * whole life. Every role maps its own sheet for writing and the others read-only; every field has
 * one writer. What a reader may find after its writer was killed in mid-write is said at each
 * field; the table in docs/architecture.md has it all in one place. Sheets are sparse: capacity
 * costs nothing until touched.
 *
 * Slots are given out by the supervisor alone (board/slots.c) and survive generations: overrides
 * follow the endpoint key "pool/name", verdicts follow the probe key (canonical check and target
 * address). Clocks on the board are clock_mono_ms(); real time stands in events only.
 */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H

#include "base/err.h"
#include "board/counters.h"
#include "board/events.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BOARD_MAGIC  UINT32_C(0x574d4b42) /* "WMKB" */
#define BOARD_LAYOUT 1u                   /* changes with any struct in this header */

#define BOARD_ENDPOINTS_MAX 32768u /* slots: twice CONF_ENDPOINTS_MAX, for two generations */
#define BOARD_PROBES_MAX    65536u
#define BOARD_WORKERS_MAX   1024u /* rows of each of dns and balancer, over all living generations */
#define BOARD_LISTENERS_MAX 512u  /* balancer listeners */
#define BOARD_TARGETS_MAX   131072u /* addresses with ports that balancer listeners connect to */
#define BOARD_ZONES_MAX     32768u  /* zones shown by `zones`; more are served but not listed */
#define BOARD_DATABASES_MAX 16u
#define BOARD_KEY_MAX       256u /* octets of a slot's key with its NUL */
#define BOARD_REASON_MAX    120u /* octets of a reason with its NUL */

enum role { ROLE_SUPERVISOR, ROLE_DNS, ROLE_HEALTH, ROLE_BALANCER, ROLE_CONTROL, ROLE_COUNT };
const char *role_name(enum role r);

/* ---- supervisor's sheet: who has which slot, what runs ---- */

enum slot_kind { SLOT_ENDPOINT, SLOT_PROBE, SLOT_LISTENER, SLOT_TARGET };

/* A key is written before `used` is stored (release) and not changed while it is set. */
struct board_slot {
	_Atomic uint32_t used; /* 0 free, 1 in use */
	char key[BOARD_KEY_MAX];
};

enum role_state { ROLE_ABSENT, ROLE_LOADING, ROLE_READY, ROLE_SERVING, ROLE_DRAINING };
const char *role_state_name(enum role_state s);

/* The serving generation's roles, for `status`. Plain words: a torn reading is cosmetic. */
struct board_role {
	_Atomic int32_t pid;
	_Atomic uint32_t state; /* enum role_state */
	_Atomic uint32_t generation;
	_Atomic uint32_t restarts; /* since the supervisor started */
	_Atomic uint64_t started_ms;
};

/* The last reload, when it was refused: an older configuration is in force. Behind `sequence`. */
struct board_refusal {
	_Atomic uint32_t sequence;
	uint32_t spare;
	uint64_t refused_real_ms; /* 0 = the last reload serves */
	char text[256];           /* the first error, cut */
};

struct board_supervisor {
	uint32_t magic, layout;
	uint64_t created_real_ms; /* its first event has this * 2^20 / 1000 as its number */
	uint64_t created_mono_ms;
	_Atomic uint64_t epoch;      /* moves when serving states may have changed: slots freed */
	_Atomic uint32_t generation; /* the one that serves; 0 before the first */
	_Atomic uint64_t reloaded_ms;
	_Atomic uint64_t began_ms; /* the first generation was told to serve; 0 = not yet */
	_Atomic uint64_t beat_ms;
	struct board_refusal refusal;
	struct board_role role[ROLE_COUNT];
	struct board_slot endpoint[BOARD_ENDPOINTS_MAX];
	struct board_slot probe[BOARD_PROBES_MAX];
	struct board_slot listener[BOARD_LISTENERS_MAX];
	struct board_slot target[BOARD_TARGETS_MAX];
	struct event_ring events;
};

/* ---- health's sheet: verdicts and load sums ---- */

enum verdict { VERDICT_UNKNOWN, VERDICT_UP, VERDICT_DOWN };
const char *verdict_name(enum verdict v);

/*
 * What steering reads of a probe, in one atomic word: bits 0-1 enum verdict; bits 16-63 the
 * earliest clock_mono_ms() at which a streak that has begun can end, 0 when the verdict is not in
 * doubt.
 */
#define VERDICT_WORD(verdict, doubt_until_ms)                                                      \
	((uint64_t)(verdict) | (uint64_t)(doubt_until_ms) << 16)
static inline enum verdict verdict_of_word(uint64_t word)
{
	unsigned v = (unsigned)(word & 3u);

	return v == VERDICT_UP ? VERDICT_UP : v == VERDICT_DOWN ? VERDICT_DOWN : VERDICT_UNKNOWN;
}
static inline uint64_t doubt_of_word(uint64_t word)
{
	return word >> 16;
}

/*
 * A probe's whole state, so that a new health process goes on where the old one was. `word` is
 * what others rely on. The rest sits behind `sequence` (odd while being written; a reader retries
 * a bounded number of times, then shows no reason; the next writer repairs an odd number by
 * writing anew).
 */
struct board_probe {
	_Atomic uint64_t word;
	_Atomic uint32_t sequence;
	uint16_t successes, failures; /* current streak; one of them is 0 */
	uint32_t latency_us;          /* of the last success; 0 = none yet */
	uint64_t since_ms;            /* when the verdict became what it is; 0 = never set */
	uint64_t checked_ms;          /* end of the last probe; 0 = none yet */
	uint64_t penalty_ms; /* when `penalty` was what it is here; it decays (base/flap.h) */
	uint32_t penalty;    /* of flapping, in 1/FLAP_POINT */
	uint32_t flags;      /* PROBE_* */
	char reason[BOARD_REASON_MAX]; /* of the last outcome, NUL-terminated */
};

#define PROBE_SUPPRESSED 1u /* down until the penalty has decayed, whatever the probes say */
#define PROBE_GOOD       2u /* up, but for being suppressed */

struct board_health {
	_Atomic uint64_t epoch;   /* moves after any `word` or `last_good` has changed */
	_Atomic uint64_t beat_ms; /* stored at least once a second by the event loop */
	_Atomic uint64_t counter[HEALTH_COUNTER_MAX];
	struct board_probe probe[BOARD_PROBES_MAX];
	/* Active connections over all workers, summed every 100 ms. */
	_Atomic uint32_t load[BOARD_ENDPOINTS_MAX];
	/* Per family, LAST_GOOD_*: who served last, of pools whose `when_all_down` asks for it. */
	_Atomic uint8_t last_good[BOARD_ENDPOINTS_MAX][2];
	struct event_ring events;
};

/* Bits of last_good. A pool that is all down falls back to POOL; one of its regions
 * (`region=london`) to REGION: other regions may go on serving long after London's last endpoint
 * went. */
#define LAST_GOOD_POOL   1u /* served when the pool last had any endpoint of this family serving */
#define LAST_GOOD_REGION 2u /* served when the pool's endpoints of this region last had any */

/* ---- control's sheet: overrides and the public event ring ---- */

enum override { OVERRIDE_NONE, OVERRIDE_DRAIN, OVERRIDE_FORCE_UP, OVERRIDE_FORCE_DOWN };
const char *override_name(enum override o);

/*
 * Two independent atomic words per endpoint; the reader judges expiry.
 *   state   bits 0-1 enum override;             bits 16-63 expiry in clock_mono_ms(), 0 = none
 *   weight  bit 15..0 the weight; bit 16 is set;  bits 17-63 expiry in clock_mono_ms(), 0 = none;
 *           the whole word is 0 when no weight is set
 */
struct board_override {
	_Atomic uint64_t state;
	_Atomic uint64_t weight;
};
#define OVERRIDE_WORD(override, until_ms) ((uint64_t)(override) | (uint64_t)(until_ms) << 16)
#define WEIGHT_WORD(weight, until_ms)                                                              \
	((uint64_t)(uint16_t)(weight) | UINT64_C(1) << 16 | (uint64_t)(until_ms) << 17)

/*
 * Events are copied one by one: `copying` says which, then the slot at `next_sequence` is written
 * and committed, then `copied` of that ring and `next_sequence` move. A control that was killed
 * in between is put right by the next one (control/events.c): nothing is copied twice and nothing
 * is skipped.
 */
struct board_control {
	_Atomic uint64_t epoch;
	_Atomic uint64_t beat_ms;
	struct board_override override[BOARD_ENDPOINTS_MAX];
	/* By the zone's row: its `gone_ms` when an operator wants it dropped now. Of another
	 * disappearance, or another zone, it means nothing. */
	_Atomic uint64_t forget[BOARD_ZONES_MAX];
	_Atomic uint64_t copied[ROLE_COUNT]; /* per ring: position after the last one copied */
	_Atomic uint64_t copying; /* role + 1 in bits 60-63, position in the others; 0 = none */
	_Atomic uint64_t logged;  /* sequence number after the last one in the log; 0 = none */
	_Atomic uint64_t counter[CONTROL_COUNTER_MAX];
	_Atomic uint64_t next_sequence;                /* of the public ring */
	struct event_record events[EVENT_PUBLIC_SIZE]; /* position = sequence mod size */
};

/* ---- dns's sheet: a row a thread, the zones, the databases ---- */

struct board_dns_row {
	_Alignas(64) _Atomic uint64_t beat_ms;     /* see board/beat.h */
	_Atomic uint64_t counter[DNS_COUNTER_MAX]; /* board/counters.h; written by one thread */
};

/* Shown by `zones`; behind `sequence` like a probe's reason. */
struct board_zone {
	_Atomic uint32_t sequence;
	uint32_t serial;
	uint32_t records;
	uint32_t flags;    /* ZONE_* */
	uint32_t left_out; /* DNSSEC records of its file that are not served */
	uint32_t spare;
	uint64_t loaded_real_ms; /* when what is served was loaded from its file; 0 = nothing is */
	uint64_t good_real_ms;   /* modification time of the last good copy; 0 = there is none */
	uint64_t failed_real_ms; /* when the last error happened; 0 = none since the last success */
	uint64_t gone_ms;        /* ZONE_MISSING: when its file was first missed */
	uint64_t remove_ms;      /* and when it is dropped, unless the file comes back */
	char name[256];          /* without the last dot; "." for the root; "" = free */
	char file[128];
	char error[256]; /* file:line:col: error: … of the last failure, "" = none */
};
#define ZONE_SERVED 1u /* answers come from it */
#define ZONE_STALE                                                                                 \
	2u /* its file is broken, missing or could not be read: the last good version serves */
#define ZONE_MISSING 4u /* its file is gone */

struct board_database {
	_Atomic uint32_t sequence;
	uint32_t networks;
	uint64_t loaded_real_ms, built_real_ms, failed_real_ms;
	char path[256];
	char type[64];
	char error[256];
};

/* Set in `owner` while that loader is in the middle of a write (dns/owner.h). */
#define OWNER_WRITING (UINT32_C(1) << 31)

struct board_dns {
	_Atomic uint32_t owner; /* generation whose loader may write zones and databases, or 0; see
				   OWNER_WRITING */
	_Atomic uint32_t zone_count;     /* slots in use: 0..zone_count */
	_Atomic uint32_t zones_unlisted; /* served without a row: all are taken */
	struct board_dns_row row[BOARD_WORKERS_MAX];
	struct board_zone zone[BOARD_ZONES_MAX];
	struct board_database database[BOARD_DATABASES_MAX];
	struct event_ring events;
};

/* ---- balancer's sheet: a row a worker, a word a target ---- */

struct board_balancer_row {
	_Alignas(64) _Atomic uint64_t beat_ms;
	_Atomic uint64_t counter[BALANCER_COUNTER_MAX];
	/* Gauges: zeroed by the supervisor when the worker dies. */
	_Atomic uint32_t listener_active[BOARD_LISTENERS_MAX];
	_Atomic uint32_t active[BOARD_ENDPOINTS_MAX];
	/* Counters by probe slot: where they grow, health runs the check at once. */
	_Atomic uint32_t connect_failures[BOARD_PROBES_MAX];
};

/*
 * What the balancer itself has met at one address and port: see balancer/target.h. All workers of
 * all generations change it, by compare-and-swap; 0 is a target with nothing against it, so that
 * nobody writes where all is well.
 *   bits 0-7    connects failed in a row, at most 255
 *   bits 8-15   times it was set aside since one succeeded; 0: it is not set aside
 *   bits 16-63  clock_mono_ms() from which one connection may try a target that is set aside
 */
#define TARGET_WORD(failures, asides, retry_ms)                                                    \
	((uint64_t)(uint8_t)(failures) | (uint64_t)(uint8_t)(asides) << 8 |                        \
		(uint64_t)(retry_ms) << 16)
static inline uint8_t target_failures(uint64_t word)
{
	return (uint8_t)word;
}
static inline uint8_t target_asides(uint64_t word)
{
	return (uint8_t)(word >> 8);
}
static inline uint64_t target_retry(uint64_t word)
{
	return word >> 16;
}

struct board_balancer {
	struct board_balancer_row row[BOARD_WORKERS_MAX];
	/* Moves after a target was set aside, tried or taken back. */
	_Alignas(64) _Atomic uint64_t target_epoch;
	_Alignas(64) _Atomic uint64_t target[BOARD_TARGETS_MAX];
	struct event_ring events;
};

/* ---- one process's mapping ---- */

struct board {
	enum role self;          /* whose sheet is writable; the supervisor maps all for writing */
	int fd[ROLE_COUNT];      /* the memfds: only the supervisor has them, -1 in roles */
	int read_fd[ROLE_COUNT]; /* the same files, opened read-only */
	struct board_supervisor *supervisor;
	struct board_health *health;
	struct board_control *control;
	struct board_dns *dns;
	struct board_balancer *balancer;
};

/* No board yet: board_destroy() is fine on it. */
void board_init(struct board *b);
/* Create and seal the sheets; the caller becomes the supervisor. The file descriptors are
 * close-on-exec. */
int board_create(struct board *b, struct err *e);
/* In a freshly forked role: keep `self`'s sheet writable, map the others read-only, close all
 * descriptors. */
int board_enter(struct board *b, enum role self, struct err *e);
/* A board in ordinary memory of this process, for tests and for `ask` without a server. */
int board_create_private(struct board *b, struct err *e);
void board_destroy(struct board *b);

/* The ring into which `b->self` writes its events; NULL for control, which numbers events itself. */
struct event_ring *board_ring(const struct board *b, enum role r);

/* Sum of the epochs that steering depends on. */
uint64_t board_epoch(const struct board *b);

/* A consistent copy of a probe's details; false when the writer kept changing it (or died in
 * mid-write): then only `word` in `out` is good and the reason is "". */
bool board_read_probe(const struct board *b, uint32_t slot, struct board_probe *out);
/* Health only: publish a probe's details and word, moving the epoch when the word changed. */
void board_write_probe(struct board *b, uint32_t slot, const struct board_probe *in);

bool board_read_refusal(const struct board *b, struct board_refusal *out);
/* Supervisor only. */
void board_write_refusal(struct board *b, const struct board_refusal *in);

bool board_read_zone(const struct board *b, uint32_t index, struct board_zone *out);
void board_write_zone(struct board *b, uint32_t index, const struct board_zone *in);
bool board_read_database(const struct board *b, uint32_t index, struct board_database *out);
void board_write_database(struct board *b, uint32_t index, const struct board_database *in);

#endif
