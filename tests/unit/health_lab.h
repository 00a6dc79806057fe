/* For tests of health: a private board, a generation of two TCP targets on loopback (the first accepts, the second
 * refuses) and a link to play the supervisor on. */
#ifndef TESTS_UNIT_HEALTH_LAB_H
#define TESTS_UNIT_HEALTH_LAB_H

#include "base/clock.h"
#include "tests/unit/loopback.h"

#include <pthread.h>
#include <sys/eventfd.h>

#define TARGETS 2u

/* Slots that are not equal to indexes. */
static const uint32_t endpoint_slots[TARGETS] = {40, 41};
#define PROBE_SLOT(i) (70u + (i))

/* Pool "web" with two endpoints, each an address of 127/8 and a probe: 0 accepts, 1 refuses. */
struct lab {
	struct board board;
	struct conf conf;
	struct conf_check check;
	struct conf_pool pool;
	struct conf_endpoint endpoint[TARGETS];
	struct generation generation;
	struct probe probe[TARGETS];
	struct probe_user user[TARGETS];
	uint32_t endpoint_slot[TARGETS];
	uint32_t endpoint_probe[TARGETS][2];
	int listener[TARGETS];
	struct role_start start;
	int link; /* the supervisor's end */
	pthread_t thread;
	int exit_code;
	struct event_cursor cursor;
};

static inline void lab_init(struct lab *lab)
{
	static const char *const names[TARGETS] = {"lon1", "nyc1"};
	struct err e;
	int pair[2];

	*lab = (struct lab){.exit_code = -1};
	assert_int_equal(board_create_private(&lab->board, &e), 0);
	lab->board.self = ROLE_HEALTH;
	lab->check = (struct conf_check){.name = "quick",
		.kind = CHECK_TCP,
		.interval_ms = 100,
		.timeout_ms = 100,
		.fall = 2,
		.rise = 2,
		.jitter_percent = 10};
	lab->pool = (struct conf_pool){.name = "web",
		.unknown_serves = true,
		.min_serving = 1,
		.when_all_down = ALL_DOWN_SERVE_ALL,
		.fallback_pool = CONF_NONE,
		.endpoint_count = TARGETS};
	for (uint32_t i = 0; i < TARGETS; i++) {
		struct probe *probe = &lab->probe[i];

		lab->endpoint[i] = (struct conf_endpoint){
			.name = names[i], .region = CONF_NONE, .weight = 1, .tier = 1};
		lab->listener[i] = loopback_socket(FAMILY_IPV4, i == 0 ? 4096 : -1, &probe->target);
		lab->endpoint[i].address[0] = probe->target.addr;
		probe->slot = PROBE_SLOT(i);
		probe->check = &lab->check;
		probe->first_user = i;
		probe->user_count = 1;
		lab->user[i] = (struct probe_user){.endpoint = i};
		lab->endpoint_slot[i] = endpoint_slots[i];
		lab->endpoint_probe[i][0] = i;
		lab->endpoint_probe[i][1] = PROBE_NONE;
	}
	lab->conf = (struct conf){.checks = &lab->check,
		.check_count = 1,
		.pools = &lab->pool,
		.pool_count = 1,
		.endpoints = lab->endpoint,
		.endpoint_count = TARGETS};
	lab->generation = (struct generation){.number = 7,
		.conf = &lab->conf,
		.endpoint_slot = lab->endpoint_slot,
		.endpoint_probe = lab->endpoint_probe,
		.probes = lab->probe,
		.probe_count = TARGETS,
		.probe_users = lab->user};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	lab->link = pair[0];
	lab->start = (struct role_start){.role = ROLE_HEALTH,
		.generation = &lab->generation,
		.board = &lab->board,
		.link = pair[1],
		.control_socket = -1,
		.wake = eventfd(0, EFD_NONBLOCK)};
}

static inline void lab_free(struct lab *lab)
{
	for (uint32_t i = 0; i < TARGETS; i++)
		(void)close(lab->listener[i]);
	(void)close(lab->start.wake);
	(void)close(lab->start.link);
	(void)close(lab->link);
	board_destroy(&lab->board);
}

static inline enum verdict verdict_at(const struct lab *lab, uint32_t probe)
{
	return verdict_of_word(atomic_load(&lab->board.health->probe[PROBE_SLOT(probe)].word));
}

static inline struct board_probe cell_at(const struct lab *lab, uint32_t probe)
{
	struct board_probe cell;

	while (!board_read_probe(&lab->board, PROBE_SLOT(probe), &cell))
		(void)usleep(1000);
	return cell;
}

static inline void wait_for_verdict(const struct lab *lab, uint32_t probe, enum verdict v)
{
	while (verdict_at(lab, probe) != v)
		(void)usleep(1000);
}

static inline void put_cell(struct lab *lab, uint32_t probe, struct board_probe cell, uint64_t word)
{
	atomic_init(&cell.word, word);
	board_write_probe(&lab->board, PROBE_SLOT(probe), &cell);
}

/* The next event of this kind, others being passed over. */
static inline struct event next_event(struct lab *lab, enum event_kind kind)
{
	const struct event_ring *ring = board_ring(&lab->board, ROLE_HEALTH);
	struct event e;

	for (;;) {
		if (event_next(ring, &lab->cursor, clock_mono_ms(), &e) == 0)
			(void)usleep(1000);
		else if (e.kind == kind)
			return e;
	}
}

#endif
