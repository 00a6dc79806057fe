#include "tests/unit/test.h"

#include "base/wire.h"

static void a_reader_fails_once_and_for_all(void **state)
{
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7};
	struct reader r = {data, data + sizeof data, false};

	(void)state;
	assert_int_equal(get_u8(&r), 1);
	assert_int_equal(get_u16(&r), 0x0203);
	assert_int_equal(get_u32(&r), 0x04050607);
	assert_false(r.failed);
	assert_int_equal(get_u8(&r), 0);
	assert_true(r.failed);
	r.at = data; /* room again, but it stays failed */
	assert_int_equal(get_u32(&r), 0);
	assert_ptr_equal(r.at, data);
}

static void a_writer_never_passes_its_end(void **state)
{
	uint8_t data[8] = {0};
	struct writer w = {data, data + 7, false};

	(void)state;
	put_u8(&w, 1);
	put_u16(&w, 0x0203);
	put_u32(&w, 0x04050607);
	assert_false(w.failed);
	put_u8(&w, 9);
	assert_true(w.failed);
	put_bytes(&w, "", 0);
	assert_memory_equal(data, "\1\2\3\4\5\6\7\0", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_fails_once_and_for_all),
		cmocka_unit_test(a_writer_never_passes_its_end),
	};
	TEST_MAIN(tests);
}
