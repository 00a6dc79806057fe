#include "tests/unit/test.h"

#include "base/qsbr.h"

#include <pthread.h>

#define READERS 3
#define SWAPS   300

struct shared {
	struct qsbr qsbr;
	struct qsbr_reader *reader[READERS];
	int *_Atomic current;
	_Atomic int stop;
	_Atomic uint64_t reads;
};

struct reader_arg {
	struct shared *shared;
	unsigned index;
};

static void *read_on(void *arg)
{
	struct reader_arg *a = arg;
	struct shared *s = a->shared;

	while (!atomic_load(&s->stop)) {
		qsbr_online(&s->qsbr, s->reader[a->index]);
		for (int i = 0; i < 10; i++) {
			int *p = atomic_load(&s->current);

			if (*p != 7) /* freed memory is poisoned by the sanitizers and by the writer
				      */
				abort();
			atomic_fetch_add(&s->reads, 1);
		}
		qsbr_offline(s->reader[a->index]);
	}
	return NULL;
}

static void nothing_is_freed_under_a_reader(void **state)
{
	static struct shared s;
	struct reader_arg arg[READERS];
	pthread_t thread[READERS];
	int *p = malloc(sizeof *p);

	(void)state;
	assert_non_null(p);
	*p = 7;
	atomic_store(&s.current, p);
	for (unsigned i = 0; i < READERS; i++) {
		s.reader[i] = qsbr_add_reader(&s.qsbr);
		arg[i] = (struct reader_arg){&s, i};
		assert_int_equal(pthread_create(&thread[i], NULL, read_on, &arg[i]), 0);
	}
	while (atomic_load(&s.reads) == 0)
		;
	for (int i = 0; i < SWAPS; i++) {
		int *fresh = malloc(sizeof *fresh), *old;

		assert_non_null(fresh);
		*fresh = 7;
		old = atomic_exchange(&s.current, fresh);
		qsbr_wait(&s.qsbr);
		*old = 0;
		free(old);
	}
	atomic_store(&s.stop, 1);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	free(atomic_load(&s.current));
}

static void readers_are_bounded(void **state)
{
	static struct qsbr q;

	(void)state;
	for (unsigned i = 0; i < QSBR_READERS_MAX; i++)
		assert_non_null(qsbr_add_reader(&q));
	assert_null(qsbr_add_reader(&q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_freed_under_a_reader),
		cmocka_unit_test(readers_are_bounded),
	};
	TEST_MAIN(tests);
}
