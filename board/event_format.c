#include "board/event_format.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

const char *level_name(enum log_level l)
{
	switch (l) {
	case LEVEL_DEBUG: return "debug";
	case LEVEL_INFO: return "info";
	case LEVEL_WARNING: return "warning";
	case LEVEL_ERROR: return "error";
	}
	return "error";
}

const char *level_mark(enum log_level l)
{
	switch (l) {
	case LEVEL_DEBUG: return "<7>";
	case LEVEL_INFO: return "<6>";
	case LEVEL_WARNING: return "<4>";
	case LEVEL_ERROR: return "<3>";
	}
	return "<3>";
}

/* Rings are other processes' memory: a number out of range is shown, never used as an index. */
static enum log_level level_of(const struct event *e)
{
	switch (e->level) {
	case LEVEL_DEBUG: return LEVEL_DEBUG;
	case LEVEL_INFO: return LEVEL_INFO;
	case LEVEL_WARNING: return LEVEL_WARNING;
	}
	return LEVEL_ERROR;
}

static const char *kind_of(const struct event *e)
{
	return e->kind < EVENT_KIND_COUNT ? event_kind_name((enum event_kind)e->kind) : "unknown";
}

static const char *role_of(const struct event *e)
{
	return e->role < ROLE_COUNT ? role_name((enum role)e->role) : "unknown";
}

bool event_passes(const struct event *e, enum log_level threshold)
{
	return level_of(e) >= threshold;
}

/* Octets that stay as they are: printable ASCII, less `special`. */
static void add_escaped(struct text *t, const char *s, size_t max, const char *special)
{
	size_t length = strnlen(s, max), plain = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= ' ' && c < 0x7f && strchr(special, c) == NULL)
			continue;
		text_add(t, s + plain, i - plain);
		text_printf(t, "\\x%02x", c);
		plain = i + 1;
	}
	text_add(t, s + plain, length - plain);
}

void text_add_escaped(struct text *t, const char *s, size_t max)
{
	add_escaped(t, s, max, "\\");
}

/* A field that must stay one word of its line. */
static void add_word(struct text *t, const char *s, size_t max)
{
	add_escaped(t, s, max, "\\ ");
}

json_t *json_escaped(const char *s, size_t max)
{
	struct text t = {0};
	json_t *out = NULL;

	add_escaped(&t, s, max, "");
	if (!t.failed)
		out = json_string(t.data != NULL ? t.data : "");
	text_free(&t);
	return out;
}

/* Copy a finished line; one that is too long is cut, and still ends with its newline. */
static size_t put_line(const char *line, size_t length, char *out, size_t size)
{
	if (length > size - 2)
		length = size - 2;
	memcpy(out, line, length);
	out[length] = '\n';
	out[length + 1] = '\0';
	return length + 1;
}

static void add_text_fields(struct text *t, const struct event *e)
{
	if (e->pool[0] != '\0') {
		text_puts(t, " ");
		add_word(t, e->pool, sizeof e->pool);
		if (e->endpoint[0] != '\0') {
			text_puts(t, "/");
			add_word(t, e->endpoint, sizeof e->endpoint);
		}
	}
	if (e->object[0] != '\0') {
		text_puts(t, " ");
		add_word(t, e->object, sizeof e->object);
	}
	if (e->from[0] != '\0' || e->to[0] != '\0') {
		text_puts(t, " ");
		add_word(t, e->from[0] != '\0' ? e->from : "-", sizeof e->from);
		text_puts(t, " -> ");
		add_word(t, e->to[0] != '\0' ? e->to : "-", sizeof e->to);
	}
	if (e->text[0] != '\0') {
		text_puts(t, ": ");
		text_add_escaped(t, e->text, sizeof e->text);
	}
}

size_t event_format_text(const struct event *e, uint64_t sequence, char *out, size_t size)
{
	char when[CLOCK_TEXT_MAX];
	struct text t = {0};
	size_t length;

	text_printf(&t, "%s %s %s", clock_format(e->real_ms, when), level_name(level_of(e)),
		kind_of(e));
	add_text_fields(&t, e);
	if (sequence != 0)
		text_printf(&t, " [%llu]", (unsigned long long)sequence);
	length = put_line(t.data != NULL ? t.data : "", t.length, out, size);
	text_free(&t);
	return length;
}

static int set_string(json_t *object, const char *key, const char *value, size_t max)
{
	return value[0] == '\0' ? 0 : json_object_set_new(object, key, json_escaped(value, max));
}

json_t *event_to_json(const struct event *e, uint64_t sequence)
{
	json_t *o = json_object();
	char when[CLOCK_TEXT_MAX];
	int bad = 0;

	if (o == NULL)
		return NULL;
	if (sequence != 0)
		bad |= json_object_set_new(o, "seq", json_integer((json_int_t)sequence));
	bad |= json_object_set_new(o, "time", json_string(clock_format(e->real_ms, when)));
	bad |= json_object_set_new(o, "level", json_string(level_name(level_of(e))));
	bad |= json_object_set_new(o, "event", json_string(kind_of(e)));
	bad |= json_object_set_new(o, "role", json_string(role_of(e)));
	bad |= json_object_set_new(o, "generation", json_integer(e->generation));
	bad |= set_string(o, "pool", e->pool, sizeof e->pool);
	bad |= set_string(o, "endpoint", e->endpoint, sizeof e->endpoint);
	bad |= set_string(o, "object", e->object, sizeof e->object);
	bad |= set_string(o, "from", e->from, sizeof e->from);
	bad |= set_string(o, "to", e->to, sizeof e->to);
	bad |= set_string(o, "text", e->text, sizeof e->text);
	if (bad == 0)
		return o;
	json_decref(o);
	return NULL;
}

size_t event_format_json(const struct event *e, uint64_t sequence, char *out, size_t size)
{
	json_t *o = event_to_json(e, sequence);
	char *line = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	size_t length = 0;

	if (line != NULL)
		length = put_line(line, strlen(line), out, size);
	else
		out[0] = '\0';
	free(line);
	json_decref(o);
	return length;
}

size_t event_format(
	const struct event *e, uint64_t sequence, enum log_format format, char *out, size_t size)
{
	switch (format) {
	case LOG_TEXT: return event_format_text(e, sequence, out, size);
	case LOG_JSON: return event_format_json(e, sequence, out, size);
	}
	return 0;
}

size_t event_format_log(const struct event *e, uint64_t sequence, enum log_format format,
	bool to_journal, char *out, size_t size)
{
	size_t mark = to_journal ? 3 : 0, length;

	memcpy(out, level_mark(level_of(e)), mark);
	length = event_format(e, sequence, format, out + mark, size - mark);
	return length > 0 ? mark + length : 0;
}
