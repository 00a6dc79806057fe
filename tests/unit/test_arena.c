#include "tests/unit/test.h"

#include "base/arena.h"

static void allocations_are_aligned_and_apart(void **state)
{
	struct arena a = {0};
	unsigned char *last = NULL;
	size_t last_size = 0;

	(void)state;
	for (size_t size = 0; size < 3000; size += 7) {
		unsigned char *text = arena_alloc_bytes(&a, 3);
		unsigned char *p = arena_alloc(&a, size);

		assert_non_null(text);
		assert_int_equal((uintptr_t)p % 8, 0);
		memset(text, 1, 3);
		memset(p, 2, size);
		for (size_t i = 0; i < last_size; i++)
			assert_int_equal(last[i], 2);
		last = p;
		last_size = size;
	}
	arena_free(&a);
	assert_int_equal(a.total, 0);
}

static void a_small_arena_stays_small(void **state)
{
	struct arena a = {0};

	(void)state;
	assert_non_null(arena_alloc(&a, 100));
	assert_true(a.total <= 600);
	arena_free(&a);
}

static void overflow_is_refused(void **state)
{
	struct arena a = {0};

	(void)state;
	assert_null(arena_calloc(&a, SIZE_MAX / 2, 4));
	assert_null(arena_alloc(&a, SIZE_MAX - 8));
	assert_null(arena_strndup(&a, "x", SIZE_MAX));
	assert_string_equal(arena_printf(&a, "%s/%d", "web", 7), "web/7");
	assert_string_equal(arena_strdup(&a, "still usable"), "still usable");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_aligned_and_apart),
		cmocka_unit_test(a_small_arena_stays_small),
		cmocka_unit_test(overflow_is_refused),
	};
	TEST_MAIN(tests);
}
