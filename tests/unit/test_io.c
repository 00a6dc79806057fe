#include "tests/unit/test.h"

#include "base/io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_folder(void **state)
{
	char *path = strdup("/tmp/waymark-io-XXXXXX");

	*state = path;
	return path != NULL && mkdtemp(path) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	int rc = rmdir(*state);

	free(*state);
	return rc;
}

static void a_file_is_replaced_whole_or_not_at_all(void **state)
{
	int dirfd = open(*state, O_RDONLY | O_DIRECTORY), sub;
	struct err e = {0};
	size_t length;
	char *data;

	assert_int_equal(file_write_atomic(dirfd, "a", "one", 3, &e), 0);
	assert_int_equal(file_write_atomic(dirfd, "a", "three", 5, &e), 0);
	assert_int_equal(file_read(dirfd, "a", 100, &data, &length, &e), 0);
	assert_int_equal(length, 5);
	assert_string_equal(data, "three");
	free(data);
	assert_int_equal(file_read(dirfd, "a", 4, &data, &length, &e), -1);
	assert_non_null(strstr(e.text, "larger than 4"));
	assert_string_equal(e.file, "a");

	assert_int_equal(mkdirat(dirfd, "d", 0700), 0); /* rename onto a folder fails */
	sub = openat(dirfd, "d", O_RDONLY | O_DIRECTORY);
	assert_int_equal(file_write_atomic(sub, "keep", "x", 1, &e), 0);
	assert_int_equal(file_write_atomic(dirfd, "d", "x", 1, &e), -1);
	assert_int_equal(faccessat(dirfd, "d.tmp", F_OK, 0), -1);
	assert_int_equal(file_read(dirfd, "d", 100, &data, &length, &e), -1);
	assert_int_equal(file_read(dirfd, "none", 100, &data, &length, &e), -1);
	assert_int_equal(unlinkat(sub, "keep", 0), 0);
	assert_int_equal(unlinkat(dirfd, "d", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(dirfd, "a", 0), 0);
	close(sub);
	close(dirfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_file_is_replaced_whole_or_not_at_all, make_folder, remove_folder),
	};
	TEST_MAIN(tests);
}
