#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct text *t, size_t more)
{
	size_t capacity = t->capacity > 0 ? t->capacity : 128;
	char *data;

	if (t->failed)
		return false;
	while (capacity - t->length <= more) {
		if (capacity > SIZE_MAX / 2) {
			t->failed = true;
			return false;
		}
		capacity *= 2;
	}
	if (capacity == t->capacity)
		return true;
	data = realloc(t->data, capacity);
	if (data == NULL) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->capacity = capacity;
	return true;
}

void text_add(struct text *t, const char *data, size_t length)
{
	if (!reserve(t, length))
		return;
	if (length > 0)
		memcpy(t->data + t->length, data, length);
	t->length += length;
	t->data[t->length] = '\0';
}

void text_puts(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0 || !reserve(t, (size_t)length + 1)) {
		t->failed = true;
		return;
	}
	va_start(args, format);
	(void)vsnprintf(t->data + t->length, (size_t)length + 1, format, args);
	va_end(args);
	t->length += (size_t)length;
}

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
	{"d", 86400000u}, {"h", 3600000u}, {"m", 60000u}, {"s", 1000u}, {"ms", 1u}};
#define DURATION_MAX_MS (UINT64_C(36525) * 86400000u)

static const struct unit sizes[] = {{"GiB", UINT64_C(1) << 30}, {"MiB", UINT64_C(1) << 20},
	{"KiB", UINT64_C(1) << 10}, {"B", 1u}};
#define SIZE_LIMIT (UINT64_C(1) << 60)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Digits at *at, which moves past them; -1 without any or above 10^15. */
static int parse_digits(const char **at, uint64_t *out)
{
	const char *p = *at;
	uint64_t value = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > UINT64_C(1000000000000000))
			return -1;
	}
	if (p == *at)
		return -1;
	*at = p;
	*out = value;
	return 0;
}

int duration_parse(const char *text, uint64_t *out_ms)
{
	uint64_t total = 0, value, smallest = UINT64_MAX;

	if (strcmp(text, "0") == 0) {
		*out_ms = 0;
		return 0;
	}
	if (*text == '\0')
		return -1;
	while (*text != '\0') {
		const struct unit *unit = NULL;
		size_t letters = 0;

		if (parse_digits(&text, &value) < 0)
			return -1;
		while (isalpha((unsigned char)text[letters]))
			letters++;
		for (size_t i = 0; i < COUNT(durations); i++)
			if (strlen(durations[i].name) == letters &&
				strncmp(durations[i].name, text, letters) == 0)
				unit = &durations[i];
		if (unit == NULL || unit->factor >= smallest ||
			value > DURATION_MAX_MS / unit->factor)
			return -1;
		smallest = unit->factor;
		total += value * unit->factor;
		if (total > DURATION_MAX_MS)
			return -1;
		text += letters;
	}
	*out_ms = total;
	return 0;
}

const char *duration_format(uint64_t ms, char *out)
{
	size_t used = 0;

	memcpy(out, "0s", 3);
	for (size_t i = 0; i < COUNT(durations) && ms > 0; i++) {
		uint64_t n = ms / durations[i].factor;

		if (n == 0)
			continue;
		ms -= n * durations[i].factor;
		used += (size_t)snprintf(out + used, DURATION_TEXT_MAX - used, "%" PRIu64 "%s", n,
			durations[i].name);
	}
	return out;
}

int size_parse(const char *text, uint64_t *out)
{
	uint64_t value;

	if (parse_digits(&text, &value) < 0)
		return -1;
	if (*text == '\0') {
		*out = value;
		return 0;
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		if (strcmp(text, sizes[i].name) != 0)
			continue;
		if (value > SIZE_LIMIT / sizes[i].factor)
			return -1;
		*out = value * sizes[i].factor;
		return 0;
	}
	return -1;
}

const char *size_format(uint64_t octets, char *out)
{
	for (size_t i = 0; i + 1 < COUNT(sizes); i++) {
		if (octets == 0 || octets % sizes[i].factor != 0)
			continue;
		(void)snprintf(out, SIZE_TEXT_MAX, "%" PRIu64 "%s", octets / sizes[i].factor,
			sizes[i].name);
		return out;
	}
	(void)snprintf(out, SIZE_TEXT_MAX, "%" PRIu64, octets);
	return out;
}

#define WORD_MAX 64 /* longer words are never suggested */

/* Optimal string alignment distance: insert, delete, replace, swap neighbours. */
static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t d[3][WORD_MAX + 1];
	size_t *before = d[0], *last = d[1], *row = d[2];

	for (size_t j = 0; j <= lb; j++)
		last[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *oldest = before;

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			int ca = tolower((unsigned char)a[i - 1]),
			    cb = tolower((unsigned char)b[j - 1]);
			size_t best = last[j - 1] + (ca != cb);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
				cb == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		before = last;
		last = row;
		row = oldest;
	}
	return last[lb];
}

const char *text_nearest(const char *wrong, const char *const *words, size_t count)
{
	size_t length = strlen(wrong), best = SIZE_MAX;
	const char *found = NULL;

	if (length == 0 || length > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(words[i]), d;

		if (n > WORD_MAX)
			continue;
		d = distance(wrong, length, words[i], n);
		if (d < best) {
			best = d;
			found = words[i];
		}
	}
	return best <= (length < 6 ? 1 + length / 4 : length / 3) ? found : NULL;
}
