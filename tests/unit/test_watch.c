/* Real folders, real events. Every wait is for a condition: poll() on the watch. */
#include "tests/unit/test.h"

#include "base/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[64];
	int fd;
};

static struct folder make_folder(void)
{
	struct folder f = {.path = "/tmp/waymark-watch-XXXXXX"};

	assert_non_null(mkdtemp(f.path));
	f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f.fd >= 0);
	return f;
}

static void drop_folder(struct folder *f)
{
	(void)close(f->fd);
	assert_int_equal(rmdir(f->path), 0);
}

static struct watch *watch_new(void)
{
	struct watch *w = NULL;
	struct err e = {0};

	if (watch_open(&w, &e) < 0)
		fail_msg("%s", e.text);
	return w;
}

static int add(struct watch *w, const struct folder *f)
{
	struct err e = {0};
	int number = watch_add(w, f->fd, f->path, &e);

	if (number < 0)
		fail_msg("%s: %s", e.file, e.text);
	return number;
}

static bool readable(const struct watch *w)
{
	struct pollfd p = {.fd = watch_fd(w), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static int create(const struct folder *f, const char *name)
{
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void a_written_file_counts_when_it_is_closed(void **state)
{
	struct folder f = make_folder();
	struct watch *w = watch_new();
	int number = add(w, &f), fd = create(&f, "a.zone");

	(void)state;
	assert_int_equal(watch_read(w), UINT64_C(1) << number); /* created */
	assert_int_equal(write(fd, "half a zone", 11), 11);
	assert_false(readable(w)); /* modified: not yet */
	(void)close(fd);
	assert_true(readable(w));
	assert_int_equal(watch_read(w), UINT64_C(1) << number);
	assert_false(readable(w));
	assert_int_equal(unlinkat(f.fd, "a.zone", 0), 0);
	assert_int_equal(watch_read(w), UINT64_C(1) << number);
	watch_close(w);
	drop_folder(&f);
}

static void renames_in_and_out_count(void **state)
{
	struct folder f = make_folder(), elsewhere = make_folder();
	struct watch *w = watch_new();
	int number = add(w, &f);

	(void)state;
	(void)close(create(&elsewhere, "x"));
	assert_int_equal(watch_read(w), 0);
	assert_int_equal(renameat(elsewhere.fd, "x", f.fd, "a.zone"), 0);
	assert_int_equal(watch_read(w), UINT64_C(1) << number);
	assert_int_equal(renameat(f.fd, "a.zone", elsewhere.fd, "x"), 0);
	assert_int_equal(watch_read(w), UINT64_C(1) << number);
	(void)unlinkat(elsewhere.fd, "x", 0);
	watch_close(w);
	drop_folder(&f);
	drop_folder(&elsewhere);
}

static void permissions_given_later_count(void **state)
{
	struct folder f = make_folder();
	struct watch *w = watch_new();
	int number;

	(void)state;
	(void)close(create(&f, "a.zone"));
	number = add(w, &f);
	assert_int_equal(fchmodat(f.fd, "a.zone", 0644, 0), 0);
	assert_int_equal(watch_read(w), UINT64_C(1) << number);
	(void)unlinkat(f.fd, "a.zone", 0);
	watch_close(w);
	drop_folder(&f);
}

static void only_the_folder_that_changed_is_named(void **state)
{
	struct folder f[3] = {make_folder(), make_folder(), make_folder()};
	struct watch *w = watch_new();
	int number[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		number[i] = add(w, &f[i]);
	(void)close(create(&f[0], "x"));
	(void)close(create(&f[2], "x"));
	assert_int_equal(watch_read(w), UINT64_C(1) << number[0] | UINT64_C(1) << number[2]);
	(void)unlinkat(f[0].fd, "x", 0);
	(void)unlinkat(f[2].fd, "x", 0);
	watch_close(w);
	for (int i = 0; i < 3; i++)
		drop_folder(&f[i]);
}

/* The open folder is watched, not its name: what is put in its place is another folder. */
static void a_replaced_folder_is_noticed(void **state)
{
	struct folder f = make_folder(), moved = f;
	struct watch *w = watch_new();
	int number = add(w, &f), fd;

	(void)state;
	moved.path[strlen(moved.path) - 1] = '_';
	assert_int_equal(rename(f.path, moved.path), 0);
	assert_int_equal(watch_read(w), UINT64_C(1) << number);
	assert_int_equal(mkdir(f.path, 0700), 0);
	fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)close(openat(fd, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(watch_read(w), 0); /* in the new folder: another inode */
	(void)close(create(&moved, "old"));
	assert_int_equal(watch_read(w), UINT64_C(1) << number);
	(void)unlinkat(fd, "new", 0);
	(void)unlinkat(moved.fd, "old", 0);
	(void)close(fd);
	watch_close(w);
	assert_int_equal(rmdir(f.path), 0);
	drop_folder(&moved);
}

static void a_deleted_folder_is_noticed_and_its_number_stays(void **state)
{
	struct folder f = make_folder(), other = make_folder();
	struct watch *w = watch_new();
	int number = add(w, &f);

	(void)state;
	(void)close(create(&f, "x"));
	(void)watch_read(w);
	(void)unlinkat(f.fd, "x", 0);
	drop_folder(&f); /* the last descriptor: the kernel drops its watch too */
	assert_int_equal(watch_read(w), UINT64_C(1) << number);
	assert_int_not_equal(add(w, &other), number);
	watch_remove(w, number);
	watch_remove(w, number); /* twice is harmless */
	watch_close(w);
	drop_folder(&other);
}

static void the_same_folder_twice_is_one_number_until_both_are_removed(void **state)
{
	struct folder f = make_folder();
	struct watch *w = watch_new();
	int number = add(w, &f), again = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e = {0};

	(void)state;
	assert_int_equal(watch_add(w, again, "again", &e), number);
	(void)close(again);
	watch_remove(w, number);
	(void)close(create(&f, "x"));
	assert_int_equal(watch_read(w), UINT64_C(1) << number);
	watch_remove(w, number);
	(void)unlinkat(f.fd, "x", 0);
	assert_int_equal(watch_read(w), 0);
	assert_int_equal(add(w, &f), number); /* free again */
	watch_close(w);
	drop_folder(&f);
}

static void an_overflow_means_all_folders(void **state)
{
	struct folder f[2] = {make_folder(), make_folder()};
	struct watch *w = watch_new();
	uint64_t both = UINT64_C(1) << add(w, &f[0]), changed = 0;
	long queue = 16384;
	FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

	(void)state;
	both |= UINT64_C(1) << add(w, &f[1]);
	assert_non_null(limit);
	assert_int_equal(fscanf(limit, "%ld", &queue), 1);
	(void)fclose(limit);
	(void)close(create(&f[0], "a"));
	(void)close(create(&f[0], "b"));
	for (long i = 0; i < queue / 2 + 2;
		i++) { /* two events each, never equal neighbours: they are not merged */
		assert_int_equal(renameat(f[0].fd, "a", f[0].fd, "c"), 0);
		assert_int_equal(renameat(f[0].fd, "c", f[0].fd, "a"), 0);
	}
	while (readable(w))
		changed |= watch_read(w);
	assert_int_equal(changed, both);
	(void)unlinkat(f[0].fd, "a", 0);
	(void)unlinkat(f[0].fd, "b", 0);
	watch_close(w);
	drop_folder(&f[0]);
	drop_folder(&f[1]);
}

static void what_is_no_folder_is_refused_by_name(void **state)
{
	struct folder f = make_folder();
	struct watch *w = watch_new();
	int fd = create(&f, "file");
	struct err e = {0};

	(void)state;
	assert_int_equal(watch_add(w, fd, "zones/", &e), -1);
	assert_string_equal(e.file, "zones/");
	assert_int_equal(watch_add(w, -1, "zones/", &e), -1);
	(void)close(fd);
	(void)unlinkat(f.fd, "file", 0);
	watch_close(w);
	drop_folder(&f);
}

static void more_folders_than_there_are_numbers_is_an_error(void **state)
{
	struct folder f[WATCH_FOLDERS_MAX + 1];
	struct watch *w = watch_new();
	struct err e = {0};

	(void)state;
	for (unsigned i = 0; i < COUNT(f); i++)
		f[i] = make_folder();
	for (unsigned i = 0; i < WATCH_FOLDERS_MAX; i++)
		assert_int_equal(add(w, &f[i]), i);
	assert_int_equal(watch_add(w, f[WATCH_FOLDERS_MAX].fd, "one more", &e), -1);
	assert_non_null(strstr(e.text, "63"));
	watch_remove(w, 7);
	assert_int_equal(add(w, &f[WATCH_FOLDERS_MAX]), 7);
	watch_close(w);
	for (unsigned i = 0; i < COUNT(f); i++)
		drop_folder(&f[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_written_file_counts_when_it_is_closed),
		cmocka_unit_test(renames_in_and_out_count),
		cmocka_unit_test(permissions_given_later_count),
		cmocka_unit_test(only_the_folder_that_changed_is_named),
		cmocka_unit_test(a_replaced_folder_is_noticed),
		cmocka_unit_test(a_deleted_folder_is_noticed_and_its_number_stays),
		cmocka_unit_test(the_same_folder_twice_is_one_number_until_both_are_removed),
		cmocka_unit_test(an_overflow_means_all_folders),
		cmocka_unit_test(what_is_no_folder_is_refused_by_name),
		cmocka_unit_test(more_folders_than_there_are_numbers_is_an_error),
	};

	TEST_MAIN(tests);
}
