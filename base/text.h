/* Text: a growing buffer, units (durations, sizes), and the nearest known word to a misspelt one.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; free with text_free(). `data` is NUL-terminated once anything was added. */
struct text {
	char *data;
	size_t length, capacity;
	bool failed; /* memory ran out; what is there is a prefix */
};

void text_add(struct text *t, const char *data, size_t length);
void text_puts(struct text *t, const char *s);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *t);

/* "250ms", "5s", "10m", "1h", "7d", or sums of them in falling order ("1h30m"), to milliseconds; a
 * bare number is refused (except "0"). -1 when malformed or above 100 years. */
int duration_parse(const char *text, uint64_t *out_ms);
#define DURATION_TEXT_MAX 48
/* The shortest exact form: "1h30m", "250ms", "0s". Returns `out`. */
const char *duration_format(uint64_t ms, char *out);

/* "4096", "64KiB", "1MiB", "2GiB" (and B) to octets. -1 when malformed or above 2^60. */
int size_parse(const char *text, uint64_t *out);
#define SIZE_TEXT_MAX 24
const char *size_format(uint64_t octets, char *out);

/* The word of words[0..count) nearest to `wrong` (restricted edit distance, case ignored), or NULL
 * when none is near enough to be a likely misspelling (distance above a third of its length, at
 * least 1 allowed). */
const char *text_nearest(const char *wrong, const char *const *words, size_t count);

#endif
