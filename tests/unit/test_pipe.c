#include "tests/unit/test.h"

#include "balancer/pipe.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The kernel as it treats an ordinary user, whatever else the account holds: so many pages for all
 * its pipes, a small pipe beyond them holds two pages, and a large one is refused. */
enum { PAGE = 4096, PAGES_OF_USER = 2 * 256 + 3 * 16 };
static _Thread_local int pages_taken;

static int user_open(int fd[2])
{
	int pages = pages_taken + 16 <= PAGES_OF_USER ? 16 : 2;

	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC) < 0)
		return -1;
	pages_taken += pages;
	return pages * PAGE;
}

static int user_resize(int fd, int octets)
{
	int more = octets / PAGE - 16;

	(void)fd;
	if (pages_taken + more > PAGES_OF_USER)
		return -1;
	pages_taken += more;
	return octets;
}

static int root_open(int fd[2])
{
	return pipe2(fd, O_NONBLOCK | O_CLOEXEC) < 0 ? -1 : (int)PIPE_SMALL;
}

static int root_resize(int fd, int octets)
{
	(void)fd;
	return octets;
}

static const struct pipe_source of_user = {.open = user_open, .resize = user_resize};
static const struct pipe_source of_root = {.open = root_open, .resize = root_resize};

static void start(struct pipe_pool *pool, uint32_t max, _Atomic uint64_t *shortage)
{
	pipe_pool_init(pool, max, shortage);
	pool->source = &of_root;
}

static void a_pipe_is_used_again(void **state)
{
	_Atomic uint64_t shortage = 0;
	struct pipe_pool pool;
	struct pipe *p;

	(void)state;
	start(&pool, 8, &shortage);
	p = pipe_take(&pool, false, 1000);
	assert_non_null(p);
	assert_int_equal(p->size, PIPE_SMALL);
	assert_int_equal(p->fill, 0);
	pipe_give(&pool, p);
	assert_ptr_equal(pipe_take(&pool, false, 1000), p);
	assert_int_equal(pool.count, 1);
	pipe_give(&pool, p);
	pipe_pool_close(&pool);
	assert_int_equal(pool.count, 0);
	assert_int_equal(shortage, 0);
}

static void a_pipe_with_data_in_it_is_never_given_to_another(void **state)
{
	_Atomic uint64_t shortage = 0;
	struct pipe_pool pool;
	struct pipe *p;
	char octet;

	(void)state;
	start(&pool, 8, &shortage);
	p = pipe_take(&pool, false, 1000);
	assert_non_null(p);
	assert_int_equal(write(p->write_fd, "secret", 6), 6);
	p->fill = 6;
	pipe_give(&pool, p);
	assert_int_equal(pool.count, 0);
	p = pipe_take(&pool, false, 1000);
	assert_non_null(p);
	assert_int_equal(read(p->read_fd, &octet, 1), -1); /* EAGAIN: empty */
	pipe_give(&pool, p);
	pipe_pool_close(&pool);
}

static void bulk_gets_a_large_pipe_and_the_next_bulk_the_same_one(void **state)
{
	_Atomic uint64_t shortage = 0;
	struct pipe_pool pool;
	struct pipe *large, *small;

	(void)state;
	start(&pool, 8, &shortage);
	large = pipe_take(&pool, true, 1000);
	assert_non_null(large);
	assert_int_equal(large->size, PIPE_LARGE);
	pipe_give(&pool, large);
	small = pipe_take(&pool, false, 1000);
	assert_int_equal(small->size, PIPE_SMALL); /* the large one is kept for bulk */
	assert_ptr_equal(pipe_take(&pool, true, 1000), large);
	pipe_give(&pool, large);
	pipe_give(&pool, small);
	pipe_pool_close(&pool);
	assert_int_equal(pool.large_count, 0);
}

static void large_pipes_are_bounded_and_small_ones_serve_beyond(void **state)
{
	_Atomic uint64_t shortage = 0;
	struct pipe *p[PIPE_LARGE_MAX + 1];
	struct pipe_pool pool;

	(void)state;
	start(&pool, PIPE_LARGE_MAX + 1, &shortage);
	for (size_t i = 0; i < COUNT(p); i++) {
		p[i] = pipe_take(&pool, true, 1000);
		assert_non_null(p[i]);
	}
	assert_int_equal(pool.large_count, PIPE_LARGE_MAX);
	assert_int_equal(p[PIPE_LARGE_MAX]->size, PIPE_SMALL);
	for (size_t i = 0; i < COUNT(p); i++)
		pipe_give(&pool, p[i]);
	pipe_pool_close(&pool);
}

static void at_the_bound_there_is_none_until_the_pause_is_over(void **state)
{
	_Atomic uint64_t shortage = 0;
	struct pipe_pool pool;
	struct pipe *p, *q;

	(void)state;
	start(&pool, 1, &shortage);
	p = pipe_take(&pool, false, 1000);
	assert_non_null(p);
	for (unsigned i = 0; i < 5; i++)
		assert_null(pipe_take(&pool, false, 1000));
	assert_int_equal(shortage, 1); /* counted once a pause, not once a call */
	pool.max = 2;
	assert_null(pipe_take(&pool, false, 1000 + PIPE_RETRY_MS - 1));
	pipe_give(&pool, p);
	assert_ptr_equal(pipe_take(&pool, false, 1000), p); /* a free one needs no kernel */
	q = pipe_take(&pool, false, 1000 + PIPE_RETRY_MS);
	assert_non_null(q);
	assert_int_equal(pool.count, 2);
	pipe_give(&pool, p);
	pipe_give(&pool, q);
	pipe_pool_close(&pool);
}

static void without_descriptors_there_is_none_and_it_is_counted(void **state)
{
	_Atomic uint64_t shortage = 0;
	struct rlimit limit, tight;
	struct pipe_pool pool;
	struct pipe *p;

	(void)state;
	start(&pool, 8, &shortage);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	tight = limit;
	tight.rlim_cur = (rlim_t)dup(STDERR_FILENO);
	(void)close((int)tight.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	p = pipe_take(&pool, false, 1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_null(p);
	assert_int_equal(shortage, 1);
	assert_int_equal(pool.count, 0);
	pipe_pool_close(&pool);
}

static void an_ordinary_users_limits_end_in_smaller_pipes_and_then_none(void **state)
{
	static const uint32_t size[] = {PIPE_LARGE, PIPE_LARGE, PIPE_SMALL, PIPE_SMALL, PIPE_SMALL};
	_Atomic uint64_t shortage = 0;
	struct pipe *p[COUNT(size)];
	struct pipe_pool pool;

	(void)state;
	start(&pool, 100, &shortage);
	pool.source = &of_user;
	pages_taken = 0;
	for (size_t i = 0; i < COUNT(size); i++) {
		p[i] = pipe_take(&pool, true, 1000);
		assert_non_null(p[i]);
		assert_int_equal(p[i]->size, size[i]);
	}
	assert_int_equal(shortage, 1);
	assert_null(pipe_take(&pool, true, 1000)); /* the next would hold 8 KiB */
	assert_int_equal(shortage, 2);
	for (size_t i = 0; i < COUNT(size); i++)
		pipe_give(&pool, p[i]);
	pipe_pool_close(&pool);
	assert_int_equal(pool.count, 0);
}

/* Whatever the kernel has left for this account, a pipe is never smaller than it says. */
static void the_kernels_pipes_are_as_large_as_they_say(void **state)
{
	_Atomic uint64_t shortage = 0;
	struct pipe_pool pool;
	struct pipe *p;

	(void)state;
	pipe_pool_init(&pool, 8, &shortage);
	p = pipe_take(&pool, true, 1000);
	if (p != NULL) {
		assert_true(fcntl(p->write_fd, F_GETPIPE_SZ) >= (int)p->size);
		assert_int_equal(shortage, p->size == PIPE_LARGE ? 0 : 1);
		pipe_give(&pool, p);
	} else {
		assert_int_equal(shortage, 1);
	}
	pipe_pool_close(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_is_used_again),
		cmocka_unit_test(a_pipe_with_data_in_it_is_never_given_to_another),
		cmocka_unit_test(bulk_gets_a_large_pipe_and_the_next_bulk_the_same_one),
		cmocka_unit_test(large_pipes_are_bounded_and_small_ones_serve_beyond),
		cmocka_unit_test(at_the_bound_there_is_none_until_the_pause_is_over),
		cmocka_unit_test(without_descriptors_there_is_none_and_it_is_counted),
		cmocka_unit_test(an_ordinary_users_limits_end_in_smaller_pipes_and_then_none),
		cmocka_unit_test(the_kernels_pipes_are_as_large_as_they_say),
	};

	TEST_MAIN(tests);
}
