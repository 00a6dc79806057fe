/*
 * Every reader takes the whole text or refuses it. Numbers are decimal digits and nothing else: no
 * sign, no 0x, no 1_000, and no leading zero, which YAML 1.1 would take for octal. They are bounded
 * while they are read, so nothing wraps. Texts (paths, addresses, names) are in scalar_text.c.
 */
#include "conf/scalar.h"

#include <inttypes.h>
#include <sched.h>
#include <string.h>

#define WORDS_MAX  16 /* words of one key */
#define DIGITS_MAX 15 /* more cannot be in any range, and 10^15 fits an int64_t */

void scalar_store(void *field, size_t size, int64_t value)
{
	uint8_t u8 = (uint8_t)value;
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	switch (size) {
	case 1: memcpy(field, &u8, size); break;
	case 2: memcpy(field, &u16, size); break;
	case 4: memcpy(field, &u32, size); break;
	case 8: memcpy(field, &value, size); break;
	}
}

int64_t scalar_load(const void *field, size_t size)
{
	int64_t value = 0;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;

	switch (size) {
	case 1: memcpy(&u8, field, size); return u8;
	case 2: memcpy(&u16, field, size); return u16;
	case 4: memcpy(&u32, field, size); return u32;
	case 8: memcpy(&value, field, size); break;
	}
	return value;
}

static int out_of_range(const struct schema_key *key, const char *shown, struct err *e)
{
	struct text range = {0};

	value_range(key, &range);
	(void)err_set(e, "%s is out of range: %s", shown, range.data != NULL ? range.data : "");
	text_free(&range);
	return -1;
}

/* Decimal digits [text, text + length) within the key's range. */
static int read_digits(
	const struct schema_key *key, const char *text, size_t length, int64_t *out, struct err *e)
{
	char shown[VALUE_SHOWN_MAX];
	int64_t value = 0;

	value_shown(text, shown);
	for (size_t i = 0; i < length; i++)
		if (text[i] < '0' || text[i] > '9')
			return err_set(e, "%s is no whole number", shown);
	if (length == 0)
		return err_set(e, "%s is no whole number", shown);
	if (length > 1 && text[0] == '0')
		return err_set(e,
			"%s starts with a zero: write it without, it would be octal in YAML 1.1",
			shown);
	for (size_t i = 0; i < length && i <= DIGITS_MAX; i++)
		value = value * 10 + (text[i] - '0');
	if (length > DIGITS_MAX || value < key->min || value > key->max)
		return out_of_range(key, shown, e);
	*out = value;
	return 0;
}

int scalar_number(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	int64_t value = 0;

	(void)v;
	if (read_digits(key, text, strlen(text), &value, e) < 0)
		return -1;
	scalar_store(field, key->size, value);
	return 0;
}

int scalar_percent(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	size_t length = strlen(text);
	char shown[VALUE_SHOWN_MAX];
	int64_t value = 0;

	(void)v;
	if (length == 0 || text[length - 1] != '%')
		return err_set(e, "%s is no percentage: write a number with %%, such as 10%%",
			value_shown(text, shown));
	if (read_digits(key, text, length - 1, &value, e) < 0)
		return -1;
	scalar_store(field, key->size, value);
	return 0;
}

int scalar_workers(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	int64_t count = 1;
	cpu_set_t usable;

	if (strcmp(text, "auto") != 0)
		return scalar_number(v, key, text, field, e);
	if (sched_getaffinity(0, sizeof usable, &usable) == 0)
		count = CPU_COUNT(&usable);
	scalar_store(field, key->size,
		count < key->min   ? key->min
		: count > key->max ? key->max
				   : count);
	return 0;
}

int scalar_duration(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	char shown[VALUE_SHOWN_MAX];
	uint64_t ms;

	(void)v;
	value_shown(text, shown);
	if (*text != '\0' && text[strspn(text, "0123456789")] == '\0' && strcmp(text, "0") != 0)
		return err_set(e, "%s has no unit: write %.15ss, %.15sms or %.15sm", shown, text,
			text, text);
	if (duration_parse(text, &ms) < 0)
		return err_set(e,
			"%s is no duration: write whole numbers with units, such as 250ms, 5s or "
			"1h30m",
			shown);
	if (ms % key->unit_ms != 0)
		return err_set(e, "%s is not a whole number of seconds", shown);
	if (ms < (uint64_t)key->min || ms > (uint64_t)key->max)
		return out_of_range(key, shown, e);
	scalar_store(field, key->size, (int64_t)(ms / key->unit_ms));
	return 0;
}

/* "51.51", "-0.13": nine decimals are a tenth of a millimetre and survive printing. */
int scalar_degrees(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	const char *p = *text == '-' ? text + 1 : text;
	size_t whole = strspn(p, "0123456789"), decimals = 0, length;
	char shown[VALUE_SHOWN_MAX];
	double value = 0, scale = 1;

	(void)v;
	if (p[whole] == '.')
		decimals = strspn(p + whole + 1, "0123456789");
	if (whole == 0 || whole > 3 || decimals > 9 || (p[whole] == '.') != (decimals > 0) ||
		p[whole + (decimals > 0 ? decimals + 1 : 0)] != '\0')
		return err_set(e, "%s is no coordinate: write degrees such as 51.51 or -0.13",
			value_shown(text, shown));
	/* not strtod: the decimal point must not depend on the locale. Twelve digits are exact
	 * in a double, so the one division rounds as strtod would. */
	length = whole + (decimals > 0 ? decimals + 1 : 0);
	for (size_t i = 0; i < length; i++)
		if (p[i] != '.')
			value = value * 10 + (p[i] - '0');
	for (size_t i = 0; i < decimals; i++)
		scale *= 10;
	value /= scale;
	if (value > (double)key->max)
		return out_of_range(key, value_shown(text, shown), e);
	value = *text == '-' && value > 0 ? -value : value;
	memcpy(field, &value, sizeof value);
	return 0;
}

/* The words there are, in a message; always -1. */
static int unknown_word(const struct schema_key *key, const char *text, struct err *e)
{
	const char *names[WORDS_MAX], *nearest;
	char shown[VALUE_SHOWN_MAX];
	struct text all = {0};
	size_t count = 0;

	for (const struct schema_word *w = key->words; w->name != NULL && count < WORDS_MAX; w++) {
		if (w->help == NULL)
			continue;
		names[count++] = w->name;
		text_printf(&all, "%s%s", count > 1 ? ", " : "", w->name);
	}
	value_shown(text, shown);
	nearest = text_nearest(text, names, count);
	if (nearest != NULL)
		(void)err_set(e, "%s is not known here; did you mean \"%s\"?", shown, nearest);
	else
		(void)err_set(e, "%s is not known here: it is one of %s", shown,
			all.data != NULL ? all.data : "");
	text_free(&all);
	return -1;
}

int scalar_word(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	(void)v;
	for (const struct schema_word *w = key->words; w->name != NULL; w++) {
		if (strcmp(w->name, text) != 0)
			continue;
		if (w->help == NULL)
			return err_set(e, "\"%s\" is known, but not built in this version", text);
		scalar_store(field, key->size, w->value);
		return 0;
	}
	return unknown_word(key, text, e);
}

/* YAML 1.1 has eleven spellings of each; one is enough, and no editor disputes it. */
int scalar_switch(const struct value_context *v, const struct schema_key *key, const char *text,
	void *field, struct err *e)
{
	bool on = strcmp(text, "true") == 0;
	char shown[VALUE_SHOWN_MAX];

	(void)v;
	if (!on && strcmp(text, "false") != 0)
		return err_set(e, "%s is neither true nor false", value_shown(text, shown));
	scalar_store(field, key->size, on);
	return 0;
}
