#include "zones/name.h"

#include "base/rng.h"
#include "tests/unit/test.h"

/* Wire in a heap block of exactly its size, so that AddressSanitizer sees every octet read too far. */
static size_t from_wire(struct dname *out, const void *wire, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	size_t used;

	memcpy(copy, wire, length);
	used = dname_from_wire(out, copy, length);
	free(copy);
	return used;
}

static void wire_gives_labels_offsets_and_lower_case(void **state)
{
	static const uint8_t wire[] = "\x03WwW\x07"
				      "Example\x03"
				      "COM\0rest";
	struct dname n;

	(void)state;
	assert_int_equal(from_wire(&n, wire, sizeof wire), 17);
	assert_int_equal(n.length, 17);
	assert_int_equal(n.labels, 3);
	assert_memory_equal(n.wire,
		"\x03www\x07"
		"example\x03"
		"com",
		17);
	assert_int_equal(n.offset[0], 0);
	assert_int_equal(n.offset[1], 4);
	assert_int_equal(n.offset[2], 12);
	assert_int_equal(n.offset[3], 16);
	assert_int_equal(from_wire(&n, "", 1), 1);
	assert_int_equal(n.labels, 0);
	assert_int_equal(n.length, 1);
}

static void only_letters_are_lower_cased(void **state)
{
	struct dname n;

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		for (uint8_t length = 1; length < 20; length++) { /* every place in a word */
			uint8_t wire[22] = {length};

			memset(wire + 1, (int)c, length);
			assert_int_equal(from_wire(&n, wire, length + 2u), length + 2u);
			for (unsigned i = 1; i <= length; i++)
				assert_int_equal(
					n.wire[i], c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		}
	}
}

static void malformed_wire_is_refused(void **state)
{
	static const struct {
		const char *wire;
		size_t length;
	} cases[] = {
		{"", 0},              /* nothing */
		{"\x03www", 4},       /* no root */
		{"\x03ww", 3},        /* label cut short */
		{"\x03", 1},          /* label cut off */
		{"\xc0\x0c", 2},      /* pointer */
		{"\x01x\xc0\x0c", 4}, /* pointer behind a label */
		{"\x40x", 2},         /* the other reserved kinds */
		{"\x80x", 2},
		{"\xff", 1},
	};
	struct dname n;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(from_wire(&n, cases[i].wire, cases[i].length), 0);
}

static void names_end_at_255_octets_and_127_labels(void **state)
{
	uint8_t wire[300];
	struct dname n;

	(void)state;
	for (size_t i = 0; i < sizeof wire; i += 2)
		memcpy(wire + i, "\x01x", 2);
	wire[254] = 0;
	assert_int_equal(from_wire(&n, wire, 255), 255);
	assert_int_equal(n.labels, NAME_LABELS_MAX);
	assert_int_equal(n.offset[127], 254);
	memcpy(wire + 254, "\x01x", 3); /* 128 labels */
	assert_int_equal(from_wire(&n, wire, 257), 0);
	for (size_t i = 0; i < 4; i++) { /* 4 * 63: 253, 255 and 256 octets with what follows */
		wire[i * 64] = 63;
		memset(wire + i * 64 + 1, 'a', 63);
	}
	wire[192] = 61;
	wire[254] = 0;
	assert_int_equal(from_wire(&n, wire, 255), 255);
	wire[192] = 62;
	wire[254] = 'a';
	wire[255] = 0;
	assert_int_equal(from_wire(&n, wire, 256), 0);
}

/* The hash of a suffix is the hash of that name on its own, in any case, and others differ. */
static void suffix_hashes_belong_to_the_suffix_alone(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (int round = 0; round < 2000; round++) {
		uint8_t wire[NAME_WIRE_MAX];
		size_t at = 0;
		struct dname whole, part;
		unsigned labels = rng_below(&rng, 6);

		for (unsigned i = 0; i < labels; i++) {
			uint8_t length = (uint8_t)(1 + rng_below(&rng, 40));

			wire[at++] = length;
			for (; length > 0; length--)
				wire[at++] = (uint8_t)rng_below(&rng, 256);
		}
		wire[at++] = 0;
		assert_int_equal(from_wire(&whole, wire, at), at);
		assert_int_equal(whole.labels, labels);
		for (unsigned i = 0; i <= labels; i++) {
			const uint8_t *suffix = whole.wire + whole.offset[i];

			assert_int_equal(
				from_wire(&part, suffix, (size_t)whole.length - whole.offset[i]),
				whole.length - whole.offset[i]);
			assert_true(part.hash[0] == whole.hash[i]);
			if (i > 0)
				assert_true(whole.hash[i - 1] != whole.hash[i]);
		}
	}
}

static void hashes_spread_over_numbered_names(void **state)
{
	unsigned char buckets[1 << 16] = {0};
	unsigned most = 0;

	(void)state;
	for (unsigned i = 0; i < 1 << 16; i++) {
		char text[32];
		const char *why;
		struct dname n;
		unsigned bucket;

		(void)snprintf(text, sizeof text, "host%u.example.com.", i);
		assert_int_equal(dname_from_text(&n, text, NULL, &why), 0);
		bucket = (unsigned)(n.hash[0] >> 48);
		most = ++buckets[bucket] > most ? buckets[bucket] : most;
	}
	assert_true(most < 16); /* balls in as many bins: about 9 */
}

struct text_case {
	const char *text;
	const char *wire; /* NUL-terminated by the root label; NULL: refused */
	size_t length;
	const char *why;
};

static const struct text_case texts[] = {
	{".", "", 1, NULL},
	{"@",
		"\x02"
		"ex",
		4, NULL},
	{"www",
		"\x03www\x02"
		"ex",
		8, NULL},
	{"www.", "\x03www", 5, NULL},
	{"A.b.C.",
		"\x01"
		"a\x01"
		"b\x01"
		"c",
		7, NULL},
	{"a\\.b.",
		"\x03"
		"a.b",
		5, NULL},
	{"\\097.",
		"\x01"
		"a",
		3, NULL},
	{"\\@.", "\x01@", 3, NULL},
	{"\\\\.", "\x01\\", 3, NULL},
	{"*.a.",
		"\x01*\x01"
		"a",
		5, NULL},
	{"a.@.",
		"\x01"
		"a\x01@",
		5, NULL}, /* @ means the origin only when it stands alone */
	{"", NULL, 0, "a name is missing"},
	{"..", NULL, 0, "a label is empty"},
	{".a", NULL, 0, "a label is empty"},
	{"a..b", NULL, 0, "a label is empty"},
	{"a\\", NULL, 0, "an escape is not \\X or \\000 to \\255"},
	{"a\\256.", NULL, 0, "an escape is not \\X or \\000 to \\255"},
	{"a\\25", NULL, 0, "an escape is not \\X or \\000 to \\255"},
	{"a\\2x5.", NULL, 0, "an escape is not \\X or \\000 to \\255"},
};

static void text_becomes_a_name(void **state)
{
	struct dname origin, n;
	const char *why;

	(void)state;
	assert_int_equal(dname_from_text(&origin, "ex.", NULL, &why), 0);
	for (size_t i = 0; i < COUNT(texts); i++) {
		int rc = dname_from_text(&n, texts[i].text, &origin, &why);

		if (rc != (texts[i].wire != NULL ? 0 : -1))
			fail_msg("\"%s\" gives %d", texts[i].text, rc);
		if (rc < 0) {
			assert_string_equal(why, texts[i].why);
			continue;
		}
		assert_int_equal(n.length, texts[i].length);
		assert_memory_equal(n.wire, texts[i].wire, texts[i].length);
	}
}

static void text_is_bounded(void **state)
{
	char label[80], text[300];
	struct dname n;
	const char *why = NULL;

	(void)state;
	memset(label, 'a', sizeof label);
	assert_int_equal(dname_from_chars(&n, label, 63, NULL, &why), 0);
	assert_int_equal(dname_from_chars(&n, label, 64, NULL, &why), -1);
	assert_string_equal(why, "a label is longer than 63 octets");
	for (size_t i = 0; i < sizeof text; i += 2)
		memcpy(text + i, "x.", 2);
	assert_int_equal(dname_from_chars(&n, text, 254, NULL, &why), 0); /* 127 labels */
	assert_int_equal(n.length, 255);
	for (size_t length = 255; length <= sizeof text; length++) {
		assert_int_equal(dname_from_chars(&n, text, length, NULL, &why), -1);
		assert_string_equal(why, "the name is longer than 255 octets");
	}
	/* relative to an origin that leaves no room */
	assert_int_equal(dname_from_chars(&n, text, 252, NULL, &why), 0);
	{
		struct dname origin = n;

		assert_int_equal(dname_from_text(&n, "y", &origin, &why), 0);
		assert_int_equal(n.length, 255);
		assert_int_equal(dname_from_text(&n, "yy", &origin, &why), -1);
		assert_string_equal(why, "the name is longer than 255 octets");
	}
}

static void any_name_survives_as_text(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 2);
	for (int round = 0; round < 2000; round++) {
		uint8_t wire[NAME_WIRE_MAX];
		size_t at = 0;
		struct dname one, two;
		char text[NAME_TEXT_MAX];
		const char *why;

		for (unsigned labels = rng_below(&rng, 4); labels > 0; labels--) {
			uint8_t length = (uint8_t)(1 + rng_below(&rng, 63));

			wire[at++] = length;
			for (; length > 0; length--)
				wire[at++] = (uint8_t)rng_next(&rng);
		}
		wire[at++] = 0;
		assert_int_equal(from_wire(&one, wire, at), at);
		assert_int_equal(dname_from_text(&two, name_format(one.wire, text), NULL, &why), 0);
		assert_int_equal(two.length, one.length);
		assert_memory_equal(two.wire, one.wire, one.length);
	}
}

static void the_longest_text_fits_its_buffer(void **state)
{
	uint8_t wire[NAME_WIRE_MAX];
	char *text = malloc(NAME_TEXT_MAX);

	(void)state;
	memset(wire, 7, sizeof wire);
	wire[0] = wire[64] = wire[128] = 63;
	wire[192] = 61;
	wire[254] = 0;
	assert_int_equal(strlen(name_format(wire, text)), 250 * 4 + 4);
	for (size_t i = 0; i < 254; i += 2)
		wire[i] = 1;
	assert_int_equal(strlen(name_format(wire, text)), 127 * 5);
	free(text);
}

static void relations_of_names(void **state)
{
	static const struct {
		const char *name, *apex;
		bool below, equal;
	} cases[] = {
		{"example.com.", "example.com.", true, true},
		{"EXAMPLE.com.", "example.COM.", true, true},
		{"www.Example.com.", "example.com.", true, false},
		{"example.com.", ".", true, false},
		{".", ".", true, true},
		{".", "com.", false, false},
		{"notexample.com.", "example.com.", false, false},
		{"com.", "example.com.", false, false},
		{"example.org.", "example.com.", false, false},
		/* the apex's octets end the name, but inside a label */
		{"x\\003com.", "com.", false, false},
		{"a\\003com.org.", "com.org.", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t a[NAME_WIRE_MAX], b[NAME_WIRE_MAX];
		struct dname name, apex;
		const char *why;

		assert_int_not_equal(
			name_from_chars(a, cases[i].name, strlen(cases[i].name), NULL, &why), 0);
		assert_int_not_equal(
			name_from_chars(b, cases[i].apex, strlen(cases[i].apex), NULL, &why), 0);
		(void)dname_from_wire(&name, a, sizeof a);
		(void)dname_from_wire(&apex, b, sizeof b);
		if (name_is_below(a, b) != cases[i].below || name_equal(a, b) != cases[i].equal ||
			dname_is_below(&name, &apex) != cases[i].below)
			fail_msg("%s and %s", cases[i].name, cases[i].apex);
		assert_int_equal(name_length(a), name.length);
	}
}

static void names_keep_their_case_outside_of_lookups(void **state)
{
	uint8_t wire[NAME_WIRE_MAX];
	const char *why;

	(void)state;
	assert_int_equal(name_from_chars(wire, "WwW", 3,
				 (const uint8_t *)"\x02"
						  "Ex",
				 &why),
		8);
	assert_memory_equal(wire,
		"\x03WwW\x02"
		"Ex",
		8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire_gives_labels_offsets_and_lower_case),
		cmocka_unit_test(only_letters_are_lower_cased),
		cmocka_unit_test(malformed_wire_is_refused),
		cmocka_unit_test(names_end_at_255_octets_and_127_labels),
		cmocka_unit_test(suffix_hashes_belong_to_the_suffix_alone),
		cmocka_unit_test(hashes_spread_over_numbered_names),
		cmocka_unit_test(text_becomes_a_name),
		cmocka_unit_test(text_is_bounded),
		cmocka_unit_test(any_name_survives_as_text),
		cmocka_unit_test(the_longest_text_fits_its_buffer),
		cmocka_unit_test(relations_of_names),
		cmocka_unit_test(names_keep_their_case_outside_of_lookups),
	};

	TEST_MAIN(tests);
}
