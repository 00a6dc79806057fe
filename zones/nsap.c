/* Addresses that are written with dots for the eye: NSAP (RFC 1706), ATMA (ATM Forum, "ATM Name System").
 */
#include "zones/rdata.h"

#include <string.h>

/* One token: hexadecimal with dots anywhere between the digits. */
static int parse_dotted(struct fields *f, const struct token *t, const char *what,
	const char *digits, size_t length)
{
	struct text plain = {0};
	struct token one = *t;
	struct fields hex = *f;
	int rc;

	for (size_t i = 0; i < length; i++)
		if (digits[i] != '.')
			text_add(&plain, &digits[i], 1);
	if (plain.data == NULL || plain.failed) {
		text_free(&plain);
		return field_error(f, t, what, "no digits");
	}
	one.text = plain.data;
	one.length = (uint32_t)plain.length;
	hex.next = &one;
	hex.end = &one + 1;
	rc = field_hex(&hex, what);
	f->at = hex.at;
	text_free(&plain);
	return rc;
}

/* 0x47.0005.80… (RFC 1706, 6) */
int nsap_parse(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);

	if (t == NULL)
		return -1;
	if (t->length < 3 || t->text[0] != '0' || (t->text[1] | 0x20) != 'x')
		return field_error(f, t, what,
			t->length == 2 && token_is(t, "0x") ? "has no digits behind 0x"
							    : "does not begin with 0x");
	return parse_dotted(f, t, what, t->text + 2, t->length - 2);
}

static bool are_dots_between(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] == '.' && (i == 0 || i + 1 == length || text[i + 1] == '.'))
			return false;
	return true;
}

/* Digits and dots? */
static bool is_number(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((text[i] < '0' || text[i] > '9') && text[i] != '.')
			return false;
	return true;
}

/* "+digits" (E.164) or hexadecimal (AESA), with dots for the eye. */
int atma_parse(struct fields *f, const char *what)
{
	const struct token *t = field_token(f, what);
	uint8_t *format;

	if (t == NULL)
		return -1;
	format = field_room(f, t, 1);
	if (format == NULL)
		return -1;
	if (t->length == 0 || t->text[0] != '+') {
		*format = 0;
		if (!are_dots_between(t->text, t->length))
			return field_error(f, t, what, "a dot is not between two digits");
		return parse_dotted(f, t, what, t->text, t->length);
	}
	if (t->length < 2 || !is_number(t->text + 1, t->length - 1) ||
		!are_dots_between(t->text + 1, t->length - 1))
		return field_error(f, t, what, "not digits behind the +");
	*format = 1;
	for (size_t i = 1; i < t->length; i++) {
		uint8_t *room;

		if (t->text[i] == '.')
			continue;
		room = field_room(f, t, 1);
		if (room == NULL)
			return -1;
		*room = (uint8_t)t->text[i];
	}
	return 0;
}
