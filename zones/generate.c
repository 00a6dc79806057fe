/*
 * $GENERATE start-stop[/step] OWNER [TTL] [class] TYPE RDATA…  (as in BIND 9)
 *
 * In owner and RDATA `$` stands for the number, `${offset,width,base}` for a changed one, `$$` and
 * `\$` for a dollar sign. Bases: d o x X, and n N for reversed nibbles. Numbers have 32 bits: below
 * 0 they have a sign in base d, and are two's complements in the others. A quoted RDATA is taken as
 * text that is split again. Each step is expanded to a line of text and read like any other, with
 * the directive's own position in its messages.
 */
#include "zones/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENERATE_WIDTH_MAX 255    /* digits of one number */
#define GENERATE_LINE_MAX  65536u /* octets of one expanded line */

struct range {
	uint64_t start, stop, step;
};

static int parse_range(struct source *s, const struct token *t, struct range *r)
{
	const char *dash = memchr(t->text, '-', t->length);
	const char *end = t->text + t->length;
	const char *slash = memchr(t->text, '/', t->length);
	struct token start = *t, stop = *t, step = *t;
	char shown[TOKEN_SHOWN_MAX];

	r->step = 1;
	if (dash == NULL || (slash != NULL && slash < dash))
		goto malformed;
	start.length = (uint32_t)(dash - t->text);
	stop.text = dash + 1;
	stop.length = (uint32_t)((slash != NULL ? slash : end) - stop.text);
	if (number_parse(&start, INT32_MAX, &r->start) < 0 ||
		number_parse(&stop, INT32_MAX, &r->stop) < 0)
		goto malformed;
	if (slash != NULL) {
		step.text = slash + 1;
		step.length = (uint32_t)(end - step.text);
		if (number_parse(&step, INT32_MAX, &r->step) < 0 || r->step == 0)
			goto malformed;
	}
	if (r->stop < r->start)
		goto malformed;
	if ((r->stop - r->start) / r->step >= ZONE_GENERATE_MAX) {
		scan_error(&s->scan, t, "$GENERATE \"%s\": more than %u steps",
			token_show(t, shown), ZONE_GENERATE_MAX);
		return -1;
	}
	return 0;
malformed:
	scan_error(&s->scan, t, "$GENERATE \"%s\": not a range such as 1-100 or 0-254/2",
		token_show(t, shown));
	return -1;
}

/* What ${…} asks for. */
struct modifier {
	int64_t offset;
	uint64_t width;
	char base;
};

/* The next part of ${a,b,c}: text up to a comma or the end. */
static struct token next_part(const char **at, const char *end)
{
	const char *comma = memchr(*at, ',', (size_t)(end - *at));
	struct token part = {.text = *at};

	if (comma == NULL)
		comma = end;
	part.length = (uint32_t)(comma - *at);
	*at = comma < end ? comma + 1 : end;
	return part;
}

/* text..end is what stands between the braces. */
static int parse_modifier(const char *text, const char *end, struct modifier *m)
{
	struct token offset = next_part(&text, end), width, base;
	bool minus = offset.length > 0 && offset.text[0] == '-';
	uint64_t value;
	uint32_t most = minus ? 1u << 31 : INT32_MAX;

	*m = (struct modifier){.base = 'd'};
	if (minus || (offset.length > 0 && offset.text[0] == '+')) {
		offset.text++;
		offset.length--;
	}
	if (number_parse(&offset, most, &value) < 0)
		return -1;
	m->offset = minus ? -(int64_t)value : (int64_t)value;
	if (text == end)
		return end[-1] == ',' ? -1 : 0;
	width = next_part(&text, end);
	if (number_parse(&width, GENERATE_WIDTH_MAX, &m->width) < 0)
		return -1;
	if (text == end)
		return end[-1] == ',' ? -1 : 0;
	base = next_part(&text, end);
	if (text != end || base.length != 1 || strchr("doxXnN", base.text[0]) == NULL)
		return -1;
	m->base = base.text[0];
	return 0;
}

/* Reversed nibbles: 0x12ab, width 8 → "b.a.2.1" (the width counts digits and dots). */
static void add_nibbles(struct text *out, uint32_t value, const struct modifier *m)
{
	const char *digits = m->base == 'n' ? "0123456789abcdef" : "0123456789ABCDEF";
	uint64_t width = m->width;

	do {
		text_add(out, &digits[value & 15], 1);
		value >>= 4;
		if (width > 0)
			width--;
		if (value == 0 && width == 0)
			break;
		text_add(out, ".", 1);
		if (width > 0)
			width--;
	} while (value != 0 || width > 0);
}

static int add_number(struct text *out, uint64_t number, const struct modifier *m)
{
	int64_t value = (int64_t)number + m->offset;
	uint32_t bits = (uint32_t)value;
	int width = (int)m->width;

	if (value > INT32_MAX)
		return -1;
	switch (m->base) {
	case 'o': text_printf(out, "%0*" PRIo32, width, bits); break;
	case 'x': text_printf(out, "%0*" PRIx32, width, bits); break;
	case 'X': text_printf(out, "%0*" PRIX32, width, bits); break;
	case 'n':
	case 'N': add_nibbles(out, bits, m); break;
	default: text_printf(out, "%0*" PRId64, width, value); break;
	}
	return 0;
}

/* Behind a `$` at *i: the number as it is asked for. -1 when the braces are wrong. */
static int add_dollar(struct text *out, const struct token *t, size_t *i, uint64_t number)
{
	struct modifier m = {.base = 'd'};
	const char *at = t->text + *i, *end = t->text + t->length, *close;

	if (at < end && *at == '$') {
		text_add(out, "\\$", 2);
		++*i;
		return 0;
	}
	if (at < end && *at == '{') {
		close = memchr(at, '}', (size_t)(end - at));
		if (close == NULL || parse_modifier(at + 1, close, &m) < 0)
			return -1;
		*i = (size_t)(close - t->text) + 1;
	}
	return add_number(out, number, &m);
}

static int expand(struct source *s, struct text *out, const struct token *t, uint64_t number)
{
	char shown[TOKEN_SHOWN_MAX];

	for (size_t i = 0; i < t->length;) {
		size_t plain = 0, escape;

		while (i + plain < t->length && t->text[i + plain] != '$' &&
			t->text[i + plain] != '\\')
			plain++;
		text_add(out, t->text + i, plain);
		i += plain;
		if (i == t->length)
			break;
		if (t->text[i] == '$') {
			i++;
			if (add_dollar(out, t, &i, number) < 0) {
				scan_error(&s->scan, t,
					"$GENERATE \"%s\": not $ or ${offset,width,base}, or above "
					"2147483647",
					token_show(t, shown));
				return -1;
			}
			continue;
		}
		escape = t->length - i >= 2 ? 2 : 1; /* kept for the second reading */
		if (t->quoted && !t->glued && escape == 2 && t->text[i + 1] == '"') {
			i++;
			escape = 1;
		}
		text_add(out, t->text + i, escape);
		i += escape;
	}
	return 0;
}

/* One step: a line of text, read as a record. */
static int generate(struct source *s, const struct token *t, size_t count, uint64_t number)
{
	struct text line = {0};
	struct scan scan = {0};
	const char *why = NULL;
	int rc = -1;

	for (size_t i = 0; i < count; i++) {
		text_puts(&line, t[i].glued ? "\"" : i > 0 ? " " : "");
		if (expand(s, &line, &t[i], number) < 0)
			goto out;
		text_puts(&line, t[i].glued ? "\"" : "");
	}
	if (line.failed || line.length > GENERATE_LINE_MAX) {
		scan_error(&s->scan, t, "$GENERATE: a step is longer than %u octets",
			GENERATE_LINE_MAX);
		goto out;
	}
	if (line.length > s->load->generated_left) {
		scan_error(&s->scan, t, "$GENERATE: the zone's make more than %u octets of records",
			ZONE_GENERATED_MAX);
		goto out;
	}
	s->load->generated_left -= line.length;
	scan_memory(&scan, line.data, line.length, s->scan.shown, s->load->report);
	scan.line = t->line;
	if (!scan_next(&scan) || scan.count < 2 || scan.blank) {
		scan_error(&s->scan, t, "$GENERATE: no record comes of it");
		goto out;
	}
	for (size_t i = 0; i < scan.count; i++) { /* where it came from */
		scan.tokens[i].line = t[i < count ? i : count - 1].line;
		scan.tokens[i].column = t[i < count ? i : count - 1].column;
	}
	if (dname_from_chars(
		    &s->owner, scan.tokens[0].text, scan.tokens[0].length, &s->origin, &why) < 0) {
		char shown[TOKEN_SHOWN_MAX];

		scan_error(
			&s->scan, t, "owner \"%s\": %s", token_show(&scan.tokens[0], shown), why);
		goto out;
	}
	lint_name(&s->load->lint, &s->scan, &scan.tokens[0], "owner", s->owner.wire,
		s->owner.length, s->origin.wire);
	rc = load_record(s, scan.tokens + 1, scan.count - 1);
out:
	scan_close(&scan);
	text_free(&line);
	return rc;
}

int load_generate(struct source *s)
{
	const struct token *t = s->scan.tokens;
	struct dname *owner;
	struct range r;
	int rc = 0;

	if (s->scan.count < 5) {
		scan_error(&s->scan, t, "$GENERATE takes a range, an owner, a type and RDATA");
		return -1;
	}
	if (parse_range(s, &t[1], &r) < 0)
		return -1;
	owner = malloc(sizeof *owner); /* the owner of lines without one stays what it was */
	if (owner == NULL)
		return load_no_memory(s->load);
	*owner = s->owner;
	for (uint64_t n = r.start; n <= r.stop && rc == 0; n += r.step) {
		rc = generate(s, t + 2, s->scan.count - 2, n); /* the first mistake is enough */
		s->load->lint.quiet = true;
	}
	s->load->lint.quiet = false;
	s->owner = *owner;
	free(owner);
	return rc;
}
