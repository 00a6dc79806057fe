#include "tests/unit/test.h"

#include "base/hash.h"
#include "base/wire.h"

/* The reference vectors of SipHash-2-4 (key 00..0f, message 00, 01, … of growing length). */
static void siphash_matches_the_reference(void **state)
{
	static const struct {
		size_t length;
		uint64_t expect;
	} cases[] = {
		{0, 0x726fdb47dd0e0e31u},
		{1, 0x74f839c593dc67fdu},
		{7, 0xab0200f58b01d137u},
		{8, 0x93f5f5799a932462u},
		{15, 0xa129ca6149be45e5u},
		{63, 0x958a324ceb064572u},
	};
	uint8_t key[16], message[64];

	(void)state;
	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	for (unsigned i = 0; i < sizeof message; i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_true(hash_siphash(key, message, cases[i].length) == cases[i].expect);
}

static void bytes_hash_depends_on_all_it_is_given(void **state)
{
	uint8_t data[40] = {0};
	uint64_t plain = hash_bytes(1, data, sizeof data);

	(void)state;
	assert_true(hash_bytes(2, data, sizeof data) != plain);
	assert_true(hash_bytes(1, data, sizeof data - 1) != plain);
	for (size_t i = 0; i < sizeof data; i++) {
		data[i] = 1;
		assert_true(hash_bytes(1, data, sizeof data) != plain);
		data[i] = 0;
	}
	assert_true(hash_bytes(1, data, sizeof data) == plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_matches_the_reference),
		cmocka_unit_test(bytes_hash_depends_on_all_it_is_given),
	};
	TEST_MAIN(tests);
}
