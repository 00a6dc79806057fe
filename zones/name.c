/*
 * Domain names. dname_from_wire() stands on the hot path of every query: one walk over the length
 * octets, one copy that lower-cases sixteen octets at a time, one multiplication a label (two for
 * labels above 7 octets) for the hashes.
 *
 * A label's length octet is below 'A', so lower-casing whole words never changes one.
 */
#include "zones/name.h"

#include "base/hash.h"

#include <endian.h>
#include <string.h>

#define LABEL_MAX 63
#define HASH_ROOT UINT64_C(0x5741594d41524b21) /* any constant; the root's hash */

static inline uint64_t load_word(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	return le64toh(word);
}

static inline void store_word(uint8_t *p, uint64_t word)
{
	word = htole64(word);
	memcpy(p, &word, sizeof word);
}

static inline uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* A-Z to a-z in all eight octets: bit 7 of `upper` marks them. */
static inline uint64_t lower_word(uint64_t word)
{
	const uint64_t ones = 0x0101010101010101u, high = ones * 0x80;
	uint64_t heptets = word & ~high;
	uint64_t from_a = heptets + ones * (0x80 - 'A'), past_z = heptets + ones * (0x7f - 'Z');
	uint64_t upper = (from_a ^ past_z) & ~word & high;

	return word | (upper >> 2);
}

__extension__ typedef uint8_t octets16 __attribute__((vector_size(16), aligned(1), may_alias));

/* Sixteen octets at once; p and out may be anywhere. */
static inline void copy_lower_16(uint8_t *out, const uint8_t *p)
{
	octets16 x = *(const octets16 *)(const void *)p;
	octets16 upper = (octets16)((octets16)(x - 'A') < (uint8_t)26);

	*(octets16 *)(void *)out = x | (upper & (uint8_t)0x20);
}

/* Blocks of 16, 8 or 1; the last block overlaps the one before it: never reads past the end. */
static void copy_lower(uint8_t *out, const uint8_t *p, size_t length)
{
	if (length >= 16) {
		for (size_t i = 0; i + 16 < length; i += 16)
			copy_lower_16(out + i, p + i);
		copy_lower_16(out + length - 16, p + length - 16);
	} else if (length >= 8) {
		store_word(out, lower_word(load_word(p)));
		store_word(out + length - 8, lower_word(load_word(p + length - 8)));
	} else {
		for (size_t i = 0; i < length; i++)
			out[i] = lower(p[i]);
	}
}

/* The hash of `label` (with its length octet, lower-cased, 7 octets behind it readable) before a
 * suffix. */
static inline uint64_t hash_label(uint64_t suffix, const uint8_t *label)
{
	size_t left = (size_t)label[0] + 1;

	for (; left > 8; label += 8, left -= 8)
		suffix = hash_mix(suffix, load_word(label));
	return hash_mix(suffix, load_word(label) & (~UINT64_C(0) >> (64 - 8 * left)));
}

size_t dname_from_wire(struct dname *out, const uint8_t *p, size_t max)
{
	size_t at = 0;
	unsigned labels = 0;
	uint64_t hash = HASH_ROOT;

	if (max > NAME_WIRE_MAX)
		max = NAME_WIRE_MAX;
	for (;; labels++) { /* 255 octets hold at most 127 labels and the root */
		uint8_t length;

		if (at >= max)
			return 0;
		length = p[at];
		out->offset[labels] = (uint8_t)at;
		if (length == 0)
			break;
		if (length > LABEL_MAX)
			return 0;
		at += (size_t)length + 1;
	}
	out->labels = (uint8_t)labels;
	out->length = (uint8_t)(at + 1);
	copy_lower(out->wire, p, at + 1);
	out->hash[labels] = hash;
	while (labels > 0) {
		labels--;
		hash = hash_label(hash, out->wire + out->offset[labels]);
		out->hash[labels] = hash;
	}
	return at + 1;
}

/* Value of the escape behind a backslash at text[0..length); its octets in *used. -1 when there
 * is none. */
static int escape_value(const char *text, size_t length, size_t *used)
{
	int value = 0;

	if (length == 0)
		return -1;
	if (text[0] < '0' || text[0] > '9') {
		*used = 1;
		return (unsigned char)text[0];
	}
	if (length < 3)
		return -1;
	for (size_t i = 0; i < 3; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	*used = 3;
	return value <= 255 ? value : -1;
}

static size_t refuse(const char **why, const char *text)
{
	*why = text;
	return 0;
}

size_t name_from_chars(
	uint8_t *wire, const char *text, size_t length, const uint8_t *origin, const char **why)
{
	size_t at = 1, label = 0, origin_length = origin != NULL ? name_length(origin) : 1;
	bool absolute = false;

	if (length == 0)
		return refuse(why, "a name is missing");
	if (length == 1 && text[0] == '.') {
		wire[0] = 0;
		return 1;
	}
	if (length == 1 && text[0] == '@') {
		memcpy(wire, origin != NULL ? origin : (const uint8_t *)"", origin_length);
		return origin_length;
	}
	for (size_t i = 0; i < length; i++) {
		int c = (unsigned char)text[i];

		absolute = false;
		if (c == '.') {
			if (at == label + 1)
				return refuse(why, "a label is empty");
			wire[label] = (uint8_t)(at - label - 1);
			label = at++;
			absolute = true;
		} else {
			if (c == '\\') {
				size_t used = 0;

				c = escape_value(text + i + 1, length - i - 1, &used);
				if (c < 0)
					return refuse(
						why, "an escape is not \\X or \\000 to \\255");
				i += used;
			}
			if (at - label > LABEL_MAX)
				return refuse(why, "a label is longer than 63 octets");
			if (at >= NAME_WIRE_MAX - 1) /* the root label must fit behind it */
				return refuse(why, "the name is longer than 255 octets");
			wire[at++] = (uint8_t)c;
		}
	}
	if (absolute) {
		wire[label] = 0;
		return label + 1;
	}
	wire[label] = (uint8_t)(at - label - 1);
	if (at + origin_length > NAME_WIRE_MAX)
		return refuse(why, "the name is longer than 255 octets");
	memcpy(wire + at, origin != NULL ? origin : (const uint8_t *)"", origin_length);
	return at + origin_length;
}

int dname_from_chars(struct dname *out, const char *text, size_t length, const struct dname *origin,
	const char **why)
{
	uint8_t wire[NAME_WIRE_MAX];
	size_t octets =
		name_from_chars(wire, text, length, origin != NULL ? origin->wire : NULL, why);

	if (octets == 0)
		return -1;
	(void)dname_from_wire(out, wire, octets);
	return 0;
}

int dname_from_text(
	struct dname *out, const char *text, const struct dname *origin, const char **why)
{
	return dname_from_chars(out, text, strlen(text), origin, why);
}

/* Room at `out`: 4 octets. */
static char *format_octet(char *out, uint8_t c)
{
	if (c <= ' ' || c >= 0x7f) {
		*out++ = '\\';
		*out++ = (char)('0' + c / 100);
		*out++ = (char)('0' + c / 10 % 10);
		*out++ = (char)('0' + c % 10);
		return out;
	}
	if (strchr(".\\\"();@$", c) != NULL) /* c is no NUL: that was printed as \000 */
		*out++ = '\\';
	*out++ = (char)c;
	return out;
}

const char *name_format(const uint8_t *wire, char *out)
{
	char *at = out;

	if (wire[0] == 0)
		*at++ = '.';
	for (; wire[0] != 0; wire += wire[0] + 1) {
		for (unsigned i = 1; i <= wire[0]; i++)
			at = format_octet(at, wire[i]);
		*at++ = '.';
	}
	*at = '\0';
	return out;
}

size_t name_length(const uint8_t *p)
{
	const uint8_t *start = p;

	while (*p != 0)
		p += *p + 1;
	return (size_t)(p - start) + 1;
}

bool name_equal(const uint8_t *a, const uint8_t *b)
{
	size_t length = name_length(a);

	for (size_t i = 0; i < length; i++) /* a differing length octet ends it in time */
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool dname_is_below(const struct dname *name, const struct dname *apex)
{
	unsigned label = (unsigned)name->labels - apex->labels;

	return name->labels >= apex->labels && name->hash[label] == apex->hash[0] &&
	       name->length - name->offset[label] == apex->length &&
	       memcmp(name->wire + name->offset[label], apex->wire, apex->length) == 0;
}

bool name_is_below(const uint8_t *name, const uint8_t *apex)
{
	size_t apex_length = name_length(apex);

	for (size_t left = name_length(name); left >= apex_length; name += *name + 1) {
		if (left == apex_length)
			return name_equal(name, apex);
		left -= (size_t)*name + 1;
	}
	return false;
}
