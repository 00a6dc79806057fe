/* $INCLUDE: where files are looked for, what they inherit, and that none outside the folder is read. */
#include "tests/unit/zone_fixture.h"

#include "zones/load.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of its own with "zones" in it, which is `zones_fd`. */
struct place {
	char path[64];
	int fd, zones_fd;
};

static void put(const struct place *p, const char *name, const char *text)
{
	int fd = openat(p->fd, name, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

static int place_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	(void)snprintf(p->path, sizeof p->path, "/tmp/test_include.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->fd = open(p->path, O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(p->fd, "zones", 0700), 0);
	assert_int_equal(mkdirat(p->fd, "zones/sub", 0700), 0);
	p->zones_fd = openat(p->fd, "zones", O_DIRECTORY | O_CLOEXEC);
	put(p, "secret", "secret 60 TXT outside\n");
	*state = p;
	return 0;
}

static int place_down(void **state)
{
	struct place *p = *state;
	char command[128];

	(void)snprintf(command, sizeof command, "rm -rf '%s'", p->path);
	assert_int_equal(system(command), 0);
	(void)close(p->fd);
	(void)close(p->zones_fd);
	free(p);
	return 0;
}

/* Loads zones/main with HEAD before `text`; the print, or the messages when it was refused. The caller's. */
static char *load(const struct place *p, const char *text, struct zone **keep)
{
	const struct zone_pools pools = {.any = true};
	struct report report = {0};
	struct text whole = {0}, out = {0};
	struct zone *z = NULL;

	text_puts(&whole, HEAD);
	text_puts(&whole, text);
	put(p, "zones/main", whole.data);
	text_free(&whole);
	if (zone_load(p->zones_fd, "main", "conf/zones/main", "example.com.", &pools, &z,
		    &report) == 0 &&
		report.count == 0)
		zone_print(z, &out);
	else
		messages_add(&report, &out);
	report_free(&report);
	if (keep != NULL)
		*keep = z;
	else
		zone_free(z);
	return out.data;
}

static void expect(const struct place *p, const char *text, const char *part)
{
	char *got = load(p, text, NULL);

	if (strstr(got, part) == NULL)
		fail_msg("%s\ngives:\n%s\nwithout:\n%s", text, got, part);
	free(got);
}

static void origin_and_owner_come_back_and_the_ttl_goes_through(void **state)
{
	const struct place *p = *state;
	struct zone *z;
	char *got;

	put(p, "zones/inc", "  60 TXT inherited\n$ORIGIN deep\nb TXT b\n$TTL 70\n");
	got = load(p, "$TTL 60\na TXT a\n$INCLUDE inc sub\n  70 MX 1 a.\nc TXT c\n", &z);
	assert_non_null(strstr(got, "a.example.com. 70 IN MX 1 a.\n"
				    "a.example.com. 60 IN TXT \"a\"\n"
				    "a.example.com. 60 IN TXT \"inherited\"\n"
				    "c.example.com. 70 IN TXT \"c\"\n"));
	assert_non_null(strstr(got, "b.deep.sub.example.com. 60 IN TXT \"b\"\n"));
	assert_int_equal(zone_file_count(z), 2);
	assert_string_equal(zone_file(z, 0), "main");
	assert_string_equal(zone_file(z, 1), "inc");
	free(got);
	zone_free(z);
}

static void files_are_relative_to_the_including_one(void **state)
{
	const struct place *p = *state;
	struct zone *z;
	char *got;

	put(p, "zones/sub/one", "one 60 TXT one\n$INCLUDE two\n$INCLUDE ./two\n");
	put(p, "zones/sub/two", "two 60 TXT two\n");
	got = load(p, "$INCLUDE sub/one\n", &z);
	/* the same file twice: its records repeat, which is said with its name as the operator knows it */
	assert_non_null(strstr(got, "conf/zones/sub/./two:1:8: warning: repeats the record in "
				    "conf/zones/sub/two:1: dropped\n"));
	assert_int_equal(zone_file_count(z), 4);
	free(got);
	zone_free(z);
	expect(p, "$INCLUDE \"sub\\047two\"\n", "two.example.com. 60 IN TXT \"two\"\n");
	expect(p, "$include sub/two other\n", "two.other.example.com. 60 IN TXT \"two\"\n");
}

static void nothing_outside_the_folder_is_read(void **state)
{
	const struct place *p = *state;
	char absolute[96];

	(void)snprintf(absolute, sizeof absolute, "$INCLUDE %s/secret\n", p->path);
	assert_int_equal(symlinkat("../secret", p->fd, "zones/link"), 0);
	assert_int_equal(symlinkat("/etc", p->fd, "zones/etc"), 0);
	assert_int_equal(symlinkat("sub/two", p->fd, "zones/inside"), 0);
	put(p, "zones/sub/two", "two 60 TXT two\n");
	expect(p, absolute, "leads out of the zones folder\n");
	expect(p, "$INCLUDE ../secret\n", "leads out of the zones folder\n");
	expect(p, "$INCLUDE sub/../../secret\n", "leads out of the zones folder\n");
	expect(p, "$INCLUDE sub/../sub/two\n", "leads out of the zones folder\n");
	expect(p, "$INCLUDE link\n",
		"conf/zones/main:4:10: error: $INCLUDE \"link\": leads out of the zones folder\n");
	expect(p, "$INCLUDE etc/passwd\n", "leads out of the zones folder\n");
	expect(p, "$INCLUDE inside\n", "two.example.com. 60 IN TXT \"two\"\n");
}

static void what_is_no_file_is_refused(void **state)
{
	const struct place *p = *state;

	assert_int_equal(mkfifoat(p->fd, "zones/fifo", 0600), 0);
	expect(p, "$INCLUDE nosuch\n",
		"conf/zones/main:4:10: error: $INCLUDE \"nosuch\": No such file or directory\n");
	expect(p, "$INCLUDE sub\n", "$INCLUDE \"sub\": is not a regular file\n");
	expect(p, "$INCLUDE fifo\n", "$INCLUDE \"fifo\": is not a regular file\n");
	expect(p, "$INCLUDE\n", "4:1: error: $INCLUDE takes a file and perhaps an origin\n");
	expect(p, "$INCLUDE a b c\n", "4:1: error: $INCLUDE takes a file and perhaps an origin\n");
	expect(p, "$INCLUDE \"\"\n", "$INCLUDE \"\": No such file or directory\n");
	expect(p, "$INCLUDE a\\000\n", "$INCLUDE: not a file name\n");
	put(p, "zones/inc", "x 60 A 1.2.3\n");
	expect(p, "$INCLUDE inc a..b\n", "\"a..b\": a label is empty\n");
	expect(p, "$INCLUDE inc\n",
		"conf/zones/inc:1:8: error: address \"1.2.3\": not an IPv4 address\n");
}

static void includes_are_bounded_in_depth_and_number(void **state)
{
	const struct place *p = *state;
	struct text lines = {0};
	char *got;

	put(p, "zones/self", "$INCLUDE self\n");
	got = load(p, "$INCLUDE self\n", NULL);
	assert_string_equal(
		got, "conf/zones/self:1:1: error: $INCLUDE is nested more than 8 deep\n");
	free(got);
	/* 4^8 files, if nothing stopped it */
	put(p, "zones/many", "$INCLUDE many\n$INCLUDE many\n$INCLUDE many\n$INCLUDE many\n");
	free(load(p, "$INCLUDE many\n", NULL));
	put(p, "zones/leaf", "");
	for (unsigned i = 0; i <= ZONE_INCLUDES_MAX + 1; i++)
		text_puts(&lines, "$INCLUDE leaf\n");
	got = load(p, lines.data, NULL);
	assert_string_equal(
		got, "conf/zones/main:1004:1: error: more than 1000 files are included\n");
	free(got);
	text_free(&lines);
}

static void the_walk_without_openat2_is_as_strict(void **state)
{
	const struct place *p = *state;
	static const struct {
		const char *name;
		int error; /* 0: opened */
	} cases[] = {{"main", 0}, {"sub/two", 0}, {"sub//two", 0}, {"./sub/./two", 0},
		{"nosuch", ENOENT}, {"sub/nosuch", ENOENT}, {"link", EXDEV}, {"etc/passwd", EXDEV},
		{"inside", EXDEV}, {"main/x", EXDEV}};
	char longest[300];

	put(p, "zones/main", "");
	put(p, "zones/sub/two", "");
	assert_int_equal(symlinkat("../secret", p->fd, "zones/link"), 0);
	assert_int_equal(symlinkat("/etc", p->fd, "zones/etc"), 0);
	assert_int_equal(symlinkat("sub/two", p->fd, "zones/inside"), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		int fd;

		errno = 0;
		fd = open_beneath_walk(p->zones_fd, cases[i].name);
		if ((fd >= 0) != (cases[i].error == 0) || (fd < 0 && errno != cases[i].error))
			fail_msg("%s: %d %s", cases[i].name, fd, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
	}
	memset(longest, 'x', sizeof longest);
	longest[299] = '\0';
	assert_int_equal(open_beneath_walk(p->zones_fd, longest), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void the_zone_file_itself_must_be_there(void **state)
{
	const struct place *p = *state;
	const struct zone_pools pools = {.any = true};
	struct report report = {0};
	struct zone *z;

	assert_int_equal(
		zone_load(p->zones_fd, "nosuch", "z/nosuch", "example.com.", &pools, &z, &report),
		-1);
	assert_string_equal(report.items[0].text, "cannot open: No such file or directory");
	assert_string_equal(report.items[0].file, "z/nosuch");
	assert_int_equal(
		zone_load(p->zones_fd, "sub", "sub", "example.com.", &pools, &z, &report), -1);
	assert_string_equal(report.items[1].text, "cannot open: it is not a regular file");
	report_free(&report);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_up, place_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(origin_and_owner_come_back_and_the_ttl_goes_through),
		TEST(files_are_relative_to_the_including_one),
		TEST(nothing_outside_the_folder_is_read),
		TEST(what_is_no_file_is_refused),
		TEST(includes_are_bounded_in_depth_and_number),
		TEST(the_walk_without_openat2_is_as_strict),
		TEST(the_zone_file_itself_must_be_there),
	};

	TEST_MAIN(tests);
}
