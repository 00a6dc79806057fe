/*
 * The tokenizer. One table says what each octet is; an entry is scanned from its start in one go,
 * and scanned again from its start when it runs over the end of the window (once a window).
 *
 * An entry that never ends (a missing parenthesis or quote) would swallow the rest of the file: it
 * is reported where it was opened, and scanning goes on with the line after that,
 * SCAN_RECOVERIES_MAX times.
 */
#include "zones/scan.h"

#include "zones/zone.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What an octet is; W: part of a word. */
enum octet { W = 0, BAD, SPACE, NEWLINE, QUOTE, ESCAPE, OPEN, CLOSE, COMMENT };

static const uint8_t octets[256] = {
	[0 ... 8] = BAD,
	['\t'] = SPACE,
	['\n'] = NEWLINE,
	[11 ... 12] = BAD,
	['\r'] = SPACE, /* only before a newline, see scan_entry() */
	[14 ... 31] = BAD,
	[' '] = SPACE,
	[127] = BAD,
	['"'] = QUOTE,
	['\\'] = ESCAPE,
	['('] = OPEN,
	[')'] = CLOSE,
	[';'] = COMMENT,
};

enum outcome { DONE, EMPTY, MORE, FAILED };

/* The scan of one entry. */
struct pass {
	struct scan *s;
	const char *p, *line_start;
	uint32_t line;
	uint32_t depth;         /* open parentheses */
	struct token open;      /* the outermost one, or the open quote, for messages */
	const char *after_open; /* behind the line it stands in; NULL when that is not seen yet */
};

static void start(struct scan *s, const char *shown, struct report *report)
{
	*s = (struct scan){.fd = -1, .shown = shown, .report = report, .line = 1};
}

void scan_memory(
	struct scan *s, const char *text, size_t length, const char *shown, struct report *report)
{
	start(s, shown, report);
	s->at = text;
	s->end = text + length;
	s->eof = true;
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		s->at += 3; /* a byte order mark */
}

void scan_file(struct scan *s, int fd, uint64_t *limit, const char *shown, struct report *report)
{
	start(s, shown, report);
	s->fd = fd;
	s->limit = limit;
}

void scan_close(struct scan *s)
{
	free(s->window);
	free(s->tokens);
	s->window = NULL;
	s->tokens = NULL;
}

static void add_message(struct scan *s, enum severity severity, const struct token *t,
	const char *format, va_list args)
{
	char text[ERR_TEXT_MAX];

	(void)vsnprintf(text, sizeof text, format, args);
	report_add(s->report, severity, s->shown, t->line, t->column, "%s", text);
}

void scan_error(struct scan *s, const struct token *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(s, SEVERITY_ERROR, t, format, args);
	va_end(args);
}

void scan_warn(struct scan *s, const struct token *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(s, SEVERITY_WARNING, t, format, args);
	va_end(args);
}

const char *token_show(const struct token *t, char out[TOKEN_SHOWN_MAX])
{
	size_t length = t->length;
	bool cut = length >= TOKEN_SHOWN_MAX;

	if (cut)
		length = TOKEN_SHOWN_MAX - 4;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)t->text[i];

		out[i] = c < ' ' || c >= 0x7f ? '?' : (char)c;
	}
	if (cut) {
		memcpy(out + length, "...", 3);
		length += 3;
	}
	out[length] = '\0';
	return out;
}

bool token_is(const struct token *t, const char *word)
{
	if (t->length == 0 || ((t->text[0] ^ word[0]) & ~0x20) != 0) /* most words, at once */
		return false;
	return strlen(word) == t->length && strncasecmp(t->text, word, t->length) == 0;
}

/* ---- the window ---- */

static struct token here(const struct scan *s)
{
	return (struct token){.line = s->line};
}

/* Stop reading: what is left of the file is not looked at. */
static void give_up(struct scan *s)
{
	s->at = s->end;
	s->eof = true;
}

/* Move the unfinished entry to the front of the window and read behind it. */
static void refill(struct scan *s)
{
	size_t kept = (size_t)(s->end - s->at);
	struct token at = here(s);
	ssize_t n;

	if (kept >= SCAN_ENTRY_MAX) {
		scan_error(s, &at,
			"entry is longer than %u octets; the rest of the file was not read",
			SCAN_ENTRY_MAX);
		give_up(s);
		return;
	}
	if (kept > 0)
		memmove(s->window, s->at, kept);
	if (s->capacity - kept < SCAN_WINDOW / 2) {
		size_t capacity = s->capacity > 0 ? s->capacity * 2 : SCAN_WINDOW;
		char *window = realloc(s->window, capacity);

		if (window == NULL) {
			scan_error(s, &at, "out of memory for %zu octets", capacity);
			give_up(s);
			return;
		}
		s->window = window;
		s->capacity = capacity;
	}
	s->at = s->window;
	s->end = s->window + kept;
	do
		n = read(s->fd, s->window + kept, s->capacity - kept);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		scan_error(s, &at, "cannot read: %s", strerror(errno));
		give_up(s);
		return;
	}
	if (n == 0) {
		s->eof = true;
		return;
	}
	if ((uint64_t)n > *s->limit) {
		scan_error(s, &at, "more text than the %u octets of a zone; the rest was not read",
			ZONE_FILE_MAX);
		give_up(s);
		return;
	}
	*s->limit -= (uint64_t)n;
	if (!s->begun && n >= 3 && memcmp(s->window, "\xef\xbb\xbf", 3) == 0)
		s->at += 3;
	s->begun = true;
	s->end += n;
}

/* ---- one entry ---- */

static struct token token_at(const struct pass *a, const char *p)
{
	return (struct token){
		.text = p, .line = a->line, .column = (uint32_t)(p - a->line_start) + 1};
}

static struct token *add_token(struct scan *s)
{
	if (s->count == s->token_capacity) {
		size_t capacity = s->token_capacity > 0 ? s->token_capacity * 2 : 16;
		struct token *tokens = realloc(s->tokens, capacity * sizeof *tokens);

		if (tokens == NULL)
			return NULL;
		s->tokens = tokens;
		s->token_capacity = capacity;
	}
	return &s->tokens[s->count++];
}

static void newline(struct pass *a)
{
	a->line++;
	a->line_start = a->p;
	if (a->after_open == NULL)
		a->after_open = a->p;
}

static enum outcome fail(struct pass *a, const struct token *t, const char *why)
{
	scan_error(a->s, t, "%s", why);
	return FAILED;
}

static enum outcome fail_octet(struct pass *a)
{
	struct token t = token_at(a, a->p);

	scan_error(a->s, &t, "control character; write it as \\%03d", (uint8_t)*a->p);
	return FAILED;
}

/* The end of the text inside an open quote or parenthesis. */
static enum outcome unfinished(struct pass *a, const char *why)
{
	struct scan *s = a->s;

	if (!s->eof && (size_t)(s->end - s->at) < SCAN_ENTRY_MAX)
		return MORE;
	scan_error(s, &a->open, "%s", why);
	if (++s->recoveries >= SCAN_RECOVERIES_MAX) {
		scan_error(s, &a->open,
			"%u entries without an end; the rest of the file was not read",
			s->recoveries);
		give_up(s);
		return EMPTY;
	}
	s->at = a->after_open != NULL ? a->after_open : s->end;
	s->line = a->open.line + 1;
	return EMPTY;
}

/* Behind an opening quote up to and with the closing one. */
static enum outcome scan_quoted(struct pass *a, const struct token *opened)
{
	const char *end = a->s->end;

	if (a->depth == 0) {
		a->open = *opened;
		a->after_open = NULL;
	}
	while (a->p < end && *a->p != '"') {
		if (octets[(uint8_t)*a->p] == BAD)
			return fail_octet(a);
		if (*a->p == '\\' && ++a->p == end)
			break;
		if (*a->p++ == '\n')
			newline(a);
	}
	if (a->p >= end)
		return unfinished(a, a->depth == 0 ? "quote is not closed" : "'(' is not closed");
	a->p++;
	return DONE;
}

/* A word: up to white space, a quote, a bracket or a comment. */
static enum outcome scan_word(struct pass *a)
{
	const char *start_of_word = a->p, *end = a->s->end;
	struct token t = token_at(a, a->p), *added;

	for (;;) {
		while (a->p < end && octets[(uint8_t)*a->p] == W)
			a->p++;
		if (a->p == end || *a->p != '\\')
			break;
		if (end - a->p < 2) {
			if (!a->s->eof)
				return MORE;
			return fail(a, &t, "a backslash has nothing behind it");
		}
		if (a->p[1] == '\n' || a->p[1] == '\r')
			return fail(a, &t, "a backslash stands at the end of the line");
		a->p += 2;
	}
	if (a->p == end && !a->s->eof)
		return MORE;
	t.length = (uint32_t)(a->p - start_of_word);
	added = add_token(a->s);
	if (added == NULL)
		return fail(a, &t, "out of memory");
	*added = t;
	return DONE;
}

/* Does the last word end at `p`? */
static bool follows_word(const struct scan *s, const char *p)
{
	const struct token *last = s->count > 0 ? &s->tokens[s->count - 1] : NULL;

	return last != NULL && !last->quoted && last->text + last->length == p;
}

static enum outcome scan_quote(struct pass *a)
{
	struct token t = token_at(a, a->p), *added;
	enum outcome quoted;

	t.glued = follows_word(a->s, a->p);
	a->p++;
	t.text = a->p;
	t.quoted = true;
	quoted = scan_quoted(a, &t);
	if (quoted != DONE)
		return quoted;
	t.length = (uint32_t)(a->p - t.text) - 1;
	added = add_token(a->s);
	if (added == NULL)
		return fail(a, &t, "out of memory");
	*added = t;
	return DONE;
}

static enum outcome scan_bracket(struct pass *a)
{
	struct token t = token_at(a, a->p);

	if (*a->p++ == '(') {
		if (a->depth++ == 0) {
			a->open = t;
			a->after_open = NULL;
		}
		return DONE;
	}
	if (a->depth == 0)
		return fail(a, &t, "')' without '('");
	a->depth--;
	return DONE;
}

/* At the end of the text. */
static enum outcome scan_end(struct pass *a)
{
	struct scan *s = a->s;

	if (a->depth > 0)
		return unfinished(a, "'(' is not closed");
	if (!s->eof)
		return MORE;
	s->at = s->end;
	return s->count > 0 ? DONE : EMPTY;
}

static enum outcome scan_entry(struct scan *s)
{
	struct pass a = {.s = s, .p = s->at, .line_start = s->at, .line = s->line};

	s->count = 0;
	s->cut.line = 0;
	s->blank = s->at < s->end && (*s->at == ' ' || *s->at == '\t');
	while (a.p < s->end) {
		enum outcome o = DONE;

		switch ((enum octet)octets[(uint8_t)*a.p]) {
		case W:
		case ESCAPE: o = scan_word(&a); break;
		case SPACE:
			if (*a.p == '\r' && (a.p + 1 < s->end ? a.p[1] != '\n' : s->eof)) {
				struct token t = token_at(&a, a.p);

				o = fail(&a, &t, "a carriage return without a newline");
				break;
			}
			a.p++;
			break;
		case NEWLINE:
			a.p++;
			newline(&a);
			if (a.depth > 0)
				break;
			s->at = a.p;
			s->line = a.line;
			return s->count > 0 ? DONE : EMPTY;
		case QUOTE: o = scan_quote(&a); break;
		case OPEN:
		case CLOSE: o = scan_bracket(&a); break;
		case COMMENT: {
			const char *nl = memchr(a.p, '\n', (size_t)(s->end - a.p));

			if (s->cut.line == 0 && follows_word(s, a.p))
				s->cut = token_at(&a, a.p);
			a.p = nl != NULL ? nl : s->end;
			break;
		}
		case BAD: o = fail_octet(&a); break;
		}
		if (o == FAILED) {
			s->at = a.p;
			s->line = a.line;
			s->skip_line = true;
			return EMPTY;
		}
		if (o == MORE && a.depth > 0)
			return unfinished(&a, "'(' is not closed");
		if (o != DONE)
			return o;
	}
	return scan_end(&a);
}

/* What is left of a line with a mistake. */
static void skip_line(struct scan *s)
{
	const char *nl = memchr(s->at, '\n', (size_t)(s->end - s->at));

	s->at = nl != NULL ? nl + 1 : s->end;
	s->skip_line = nl == NULL;
	if (nl != NULL)
		s->line++;
}

bool scan_next(struct scan *s)
{
	for (;;) {
		if (s->at == s->end) {
			if (s->eof)
				return false;
			refill(s);
			continue;
		}
		if (s->skip_line) {
			skip_line(s);
			continue;
		}
		switch (scan_entry(s)) {
		case DONE: return true;
		case MORE: refill(s); break;
		case EMPTY:
		case FAILED: break;
		}
	}
}
