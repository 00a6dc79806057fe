/* A folder of zones, a private board and what the supervisor would give the dns role: for the tests of its threads. */
#ifndef TESTS_UNIT_DNS_LAB_H
#define TESTS_UNIT_DNS_LAB_H

#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "board/slots.h"
#include "dns/zone_copies.h"

#define LAB_REMOVE_AFTER_MS 1000u

static const char lab_yaml[] = "listen: [127.0.0.1:5353]\n"
			       "zones: {path: zones/, remove_after: 1s}\n"
			       "regions:\n"
			       "  london: {serves: [default]}\n"
			       "  paris: {}\n"
			       "pools:\n"
			       "  web:\n"
			       "    endpoints:\n"
			       "      lon1: {address: 192.0.2.11, region: london}\n";

struct lab {
	char path[64];
	int zones, state;
	struct conf *conf;
	struct board board;
	struct slots *slots;
	struct generation *generation;
	struct role_start start;
	struct event_cursor events;
};

static inline void lab_open(struct lab *lab)
{
	struct report report = {0};
	struct err e;

	memset(lab, 0, sizeof *lab);
	(void)snprintf(lab->path, sizeof lab->path, "/tmp/waymark-dns-XXXXXX");
	assert_non_null(mkdtemp(lab->path));
	lab->zones = open(lab->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(mkdirat(lab->zones, "z", 0700), 0);
	assert_int_equal(mkdirat(lab->zones, "state", 0700), 0);
	lab->state = openat(lab->zones, "state", O_RDONLY | O_DIRECTORY);
	close(lab->zones);
	strncat(lab->path, "/z", 3);
	lab->zones = open(lab->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(
		conf_parse("test.yaml", lab_yaml, strlen(lab_yaml), &lab->conf, &report), 0);
	report_free(&report);
	assert_int_equal(board_create_private(&lab->board, &e), 0);
	lab->slots = slots_new(&lab->board);
	assert_int_equal(generation_build(lab->conf, 1, lab->slots, &lab->generation, &e), 0);
	lab->start = (struct role_start){.role = ROLE_DNS,
		.generation = lab->generation,
		.board = &lab->board,
		.link = -1,
		.zones = {lab->zones, "zones"},
		.state = {lab->state, "state"},
		.control_socket = -1,
		.wake = -1,
		.row_count = 1};
}

static inline void lab_remove(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0) {
			lab_remove(openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY));
			(void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
		}
	}
	if (dir != NULL)
		closedir(dir);
}

static inline void lab_close(struct lab *lab)
{
	generation_free(lab->generation, lab->slots);
	slots_free(lab->slots);
	board_destroy(&lab->board);
	conf_free(lab->conf);
	close(lab->zones);
	close(lab->state);
	lab->path[strlen(lab->path) - 2] = '\0';
	lab_remove(open(lab->path, O_RDONLY | O_DIRECTORY));
	(void)rmdir(lab->path);
}

/* Replace a file at once, as an editor does. */
static inline void lab_write(struct lab *lab, const char *name, const char *text)
{
	int fd = openat(lab->zones, ".new", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	assert_int_equal(renameat(lab->zones, ".new", lab->zones, name), 0);
}

#define LAB_ZONE(serial, address)                                                                  \
	"$TTL 60\n@ SOA ns h " serial " 1 1 1 60\n@ NS ns.test.\nwww A " address "\n"

/* The next event of dns, NULL when there is none. Good until the next call. */
static inline const struct event *lab_event(struct lab *lab)
{
	static struct event e;

	if (event_next(board_ring(&lab->board, ROLE_DNS), &lab->events, clock_mono_ms(), &e) == 1)
		return &e;
	return NULL;
}

/* The board's row of a file; false when it has none. */
static inline bool lab_row(struct lab *lab, const char *file, struct board_zone *out)
{
	for (uint32_t i = 0; i < atomic_load(&lab->board.dns->zone_count); i++) {
		if (board_read_zone(&lab->board, i, out) && strcmp(out->file, file) == 0)
			return true;
	}
	return false;
}

#endif
