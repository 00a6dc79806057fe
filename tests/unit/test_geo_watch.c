#include "tests/unit/conf_fixture.h"

#include "balancer/geo_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define FIXTURES "tests/fixtures/geo/"
#define NAME     "geo.mmdb"

/* A folder with at most one database in it, a balancer that has it configured, and a reader. */
struct scene {
	char folder[64];
	int dirfd;
	struct conf *conf;
	struct generation generation;
	struct board board;
	struct role_start start;
	struct balancer *balancer;
	struct geo_watch watch;
	struct qsbr_reader *reader;
};

static void scene_open(struct scene *s)
{
	struct err e;

	*s = (struct scene){.folder = "/tmp/test_geo_watch.XXXXXX"};
	assert_non_null(mkdtemp(s->folder));
	s->dirfd = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->dirfd >= 0);
	s->conf = fixture_conf();
	fixture_region(s->conf, "london", "GB");
	fixture_region(s->conf, "rest", "default");
	s->conf->databases[s->conf->database_count++].path = "/not/reachable/by/path/" NAME;
	s->generation = (struct generation){.number = 1, .conf = s->conf};
	assert_int_equal(board_create_private(&s->board, &e), 0);
	s->start = (struct role_start){.role = ROLE_BALANCER,
		.generation = &s->generation,
		.board = &s->board,
		.database = {{.fd = s->dirfd, .path = s->folder}}};
	s->balancer = aligned_alloc(_Alignof(struct balancer), sizeof *s->balancer);
	assert_non_null(s->balancer);
	memset(s->balancer, 0, sizeof *s->balancer);
	s->balancer->start = &s->start;
	s->balancer->generation = &s->generation;
	s->balancer->conf = s->conf;
	s->balancer->board = &s->board;
	s->reader = qsbr_add_reader(&s->balancer->qsbr);
}

static void scene_close(struct scene *s)
{
	geo_watch_close(&s->watch);
	(void)unlinkat(s->dirfd, NAME, 0);
	(void)close(s->dirfd);
	assert_int_equal(rmdir(s->folder), 0);
	board_destroy(&s->board);
	fixture_free(s->conf);
	free(s->balancer);
}

/* Put a fixture in place as an update does: written beside, then renamed. */
static void place(const struct scene *s, const char *fixture)
{
	static char data[1 << 20];
	char path[128];
	size_t length;
	FILE *f;
	int fd;

	(void)snprintf(path, sizeof path, FIXTURES "%s", fixture);
	f = fopen(path, "re");
	assert_non_null(f);
	length = fread(data, 1, sizeof data, f);
	(void)fclose(f);
	fd = openat(s->dirfd, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), (ssize_t)length);
	(void)close(fd);
	assert_int_equal(renameat(s->dirfd, "new", s->dirfd, NAME), 0);
}

/* As a worker does: the region of a British client. */
static uint16_t region(const struct scene *s)
{
	struct addr client = fixture_addr("81.2.69.142");
	uint16_t home;

	qsbr_online(&s->balancer->qsbr, s->reader);
	home = geo_lookup(atomic_load(&s->balancer->geo), &client).region;
	qsbr_offline(s->reader);
	return home;
}

static const struct geo_table *table(const struct scene *s)
{
	return atomic_load(&s->balancer->geo);
}

static void a_database_that_appears_is_loaded_and_a_worse_one_is_not(void **state)
{
	const struct geo_table *good;
	struct scene s;
	struct err e;

	(void)state;
	scene_open(&s);
	assert_int_equal(geo_watch_open(&s.watch, s.balancer, &e), 0);
	assert_int_equal(geo_watch_start(&s.watch, &e), 0);
	assert_int_equal(region(&s), 1); /* nothing known: `default` */
	place(&s, "maxmind-24.mmdb");
	while (region(&s) != 0)
		(void)poll(NULL, 0, 1);
	good = table(&s);

	/* A database without countries, then none at all: the good table stays, whatever is looked
	 * at in between. The next good one shows that both have been seen. */
	place(&s, "asn-24.mmdb");
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(region(&s), 0);
		(void)poll(NULL, 0, 1);
	}
	assert_int_equal(unlinkat(s.dirfd, NAME, 0), 0);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(region(&s), 0);
		(void)poll(NULL, 0, 1);
	}
	assert_ptr_equal(table(&s), good);
	place(&s, "flat-24-ipv4.mmdb");
	while (table(&s) == good) {
		assert_int_equal(region(&s), 0);
		(void)poll(NULL, 0, 1);
	}
	assert_int_equal(region(&s), 0);
	scene_close(&s);
}

/* Nothing tells of a link's target outside the folder. */
static void changes_outside_the_folder_are_found_by_the_rescan(void **state)
{
	struct scene s, outside;
	struct err e;

	(void)state;
	scene_open(&s);
	s.conf->zones.rescan_ms = 20;
	assert_int_equal(mkdirat(s.dirfd, "outside", 0700), 0);
	assert_int_equal(symlinkat("outside/" NAME, s.dirfd, NAME), 0);
	outside = s;
	outside.dirfd = openat(s.dirfd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(geo_watch_open(&s.watch, s.balancer, &e), 0);
	assert_int_equal(geo_watch_start(&s.watch, &e), 0);
	assert_int_equal(region(&s), 1);
	place(&outside, "maxmind-24.mmdb");
	while (region(&s) != 0)
		(void)poll(NULL, 0, 1);
	assert_int_equal(unlinkat(outside.dirfd, NAME, 0), 0);
	(void)close(outside.dirfd);
	assert_int_equal(unlinkat(s.dirfd, "outside", AT_REMOVEDIR), 0);
	scene_close(&s);
}

static void a_folder_that_could_not_be_opened_leaves_networks_and_default(void **state)
{
	struct scene s;
	struct err e;

	(void)state;
	scene_open(&s);
	s.start.database[0].fd = -1;
	assert_int_equal(geo_watch_open(&s.watch, s.balancer, &e), 0);
	assert_int_equal(geo_watch_start(&s.watch, &e), 0);
	assert_int_equal(region(&s), 1);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_database_that_appears_is_loaded_and_a_worse_one_is_not),
		cmocka_unit_test(changes_outside_the_folder_are_found_by_the_rescan),
		cmocka_unit_test(a_folder_that_could_not_be_opened_leaves_networks_and_default),
	};

	TEST_MAIN(tests);
}
