#include "tests/unit/test.h"

#include "balancer/pipe.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_pipe_is_used_again(void **state)
{
	_Atomic uint64_t shortage = 0;
	struct pipe_pool pool;
	struct pipe *p;

	(void)state;
	pipe_pool_init(&pool, 8, &shortage);
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
	pipe_pool_init(&pool, 8, &shortage);
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
	pipe_pool_init(&pool, 8, &shortage);
	large = pipe_take(&pool, true, 1000);
	assert_non_null(large);
	if (large->size != PIPE_LARGE) { /* an unprivileged user whose pages are used up */
		pipe_give(&pool, large);
		pipe_pool_close(&pool);
		skip();
	}
	assert_true(fcntl(large->write_fd, F_GETPIPE_SZ) >= (int)PIPE_LARGE);
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
	pipe_pool_init(&pool, PIPE_LARGE_MAX + 1, &shortage);
	for (size_t i = 0; i < COUNT(p); i++) {
		p[i] = pipe_take(&pool, true, 1000);
		assert_non_null(p[i]);
	}
	assert_true(pool.large_count <= PIPE_LARGE_MAX);
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
	pipe_pool_init(&pool, 1, &shortage);
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
	pipe_pool_init(&pool, 8, &shortage);
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

/* An ordinary user's share of pages: 16,384 for all its pipes together (fs.pipe-user-pages-soft). Takes
 * large pipes until the kernel refuses, then small ones until they would be tiny. In a child: 0 when
 * both ends were met as they should be. */
static int use_up_the_users_pages(void)
{
	enum { POOLS = 64, EACH = 32 };
	static struct pipe_pool pool[POOLS];
	static _Atomic uint64_t shortage[POOLS];
	bool large_refused = false;

	if (geteuid() == 0 && setuid(65534) != 0)
		return 2;
	for (unsigned i = 0; i < POOLS; i++) {
		pipe_pool_init(&pool[i], EACH, &shortage[i]);
		for (unsigned n = 0; n < EACH; n++) {
			/* One small one first: the last large one then fails, not the pipe itself. */
			struct pipe *p = pipe_take(&pool[i], i + n > 0, 1000);

			if (p == NULL) /* the next would hold 8 KiB */
				return large_refused && shortage[i] > 0 ? 0 : 3;
			if (fcntl(p->write_fd, F_GETPIPE_SZ) < (int)p->size)
				return 4;
			large_refused |= i + n > 0 && p->size == PIPE_SMALL;
		}
	}
	return 5; /* no limit was met */
}

static void an_unprivileged_users_limits_end_in_smaller_pipes_and_then_none(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(use_up_the_users_pages());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2 || WEXITSTATUS(status) == 5)
		skip(); /* no such user, or the machine has other limits */
	assert_int_equal(WEXITSTATUS(status), 0);
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
		cmocka_unit_test(an_unprivileged_users_limits_end_in_smaller_pipes_and_then_none),
	};

	TEST_MAIN(tests);
}
