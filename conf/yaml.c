/*
 * libyaml resolves an alias silently to the node it names, so that `&x [*x]` is a cycle and the
 * place of the alias is lost. Therefore the text is read twice: once as events, where aliases,
 * anchors, tags, a second document, depth and size are seen with their places, and once into the
 * document.
 *
 * libyaml stops at the first syntax error. To find the others, the top-level key in which it stands
 * is blanked (lines keep their numbers) and the text is read again: keys in column 1 are where a
 * writer and a parser who have lost each other meet again.
 */
#include "conf/yaml.h"

#include "conf/value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HINT_COLON "; write \"key: value\", with a colon and a blank"

struct input {
	const char *file;
	char *text; /* a copy: what is wrong is blanked */
	size_t length;
	struct report *report;
	bool can_cut;    /* the last error: others may be found without its key, */
	size_t cut_line; /* which holds this line, from 0 */
};

static struct conf_position position_of(yaml_mark_t mark)
{
	return (struct conf_position){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

struct conf_position document_position(const yaml_node_t *node)
{
	return position_of(node->start_mark);
}

const char *document_text(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* Report what ends the reading. Always -1. */
static int refuse(struct input *in, yaml_mark_t mark, const char *why)
{
	struct conf_position at = position_of(mark);

	in->can_cut = false;
	report_add(in->report, SEVERITY_ERROR, in->file, at.line, at.column, "%s", why);
	return -1;
}

/* Report a value that is refused; the keys after its own can be looked at. Always -1. */
static int refuse_value(struct input *in, yaml_mark_t mark, const char *why)
{
	(void)refuse(in, mark, why);
	in->can_cut = true;
	in->cut_line = mark.line;
	return -1;
}

/* The place of an octet that is no YAML character: libyaml gives only its offset. */
static yaml_mark_t mark_of_offset(const struct input *in, size_t offset)
{
	yaml_mark_t mark = {.index = offset};

	for (size_t i = 0; i < offset && i < in->length; i++) {
		if (in->text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((uint8_t)in->text[i] & 0xc0u) != 0x80u) {
			mark.column++;
		}
	}
	return mark;
}

/* Does line `number` (from 0) hold what looks like an IPv6 address outside of quotes? */
static bool line_has_bare_ipv6(const struct input *in, size_t number)
{
	const char *p = in->text, *end = in->text + in->length;
	unsigned colons = 0;
	char quote = '\0';

	for (; number > 0 && p < end; p++)
		if (*p == '\n')
			number--;
	for (; p < end && *p != '\n' && *p != '#'; p++) {
		if (quote != '\0' || *p == '"' || *p == '\'') {
			quote = quote == '\0' ? *p : *p == quote ? '\0' : quote;
			colons = 0;
		} else if (*p == ':') {
			if (++colons >= 2)
				return true;
		} else if (!isxdigit((unsigned char)*p)) {
			colons = 0;
		}
	}
	return false;
}

/* The octet at which the parser stopped; NUL at the end. */
static char octet_at(const struct input *in, size_t index)
{
	return index < in->length ? in->text[index] : '\0';
}

/* Is the first word of line `number` (from 0) followed by something else than a colon? */
static bool line_lacks_colon(const struct input *in, size_t number)
{
	const char *p = in->text, *end = in->text + in->length;

	for (; number > 0 && p < end; p++)
		if (*p == '\n')
			number--;
	p += strspn(p, " ");
	if (*p == '-')
		return false;
	p += strcspn(p, " :\n#\"'[{");
	return p < end && *p != ':' && *p != '"' && *p != '\'';
}

/* What people mean by the commonest mistakes, whose descriptions speak of tokens. */
static const char *hint_of(const struct input *in, const yaml_parser_t *p)
{
	if (octet_at(in, p->problem_mark.index) == '\t')
		return "; this is a tab, and YAML is indented with blanks";
	if (p->problem != NULL &&
		(strstr(p->problem, "could not find expected ':'") != NULL ||
			(strstr(p->problem, "did not find expected key") != NULL &&
				line_lacks_colon(in, p->problem_mark.line))))
		return HINT_COLON;
	return "";
}

/* Report why the parser stopped. Always -1. */
static int syntax_error(struct input *in, const yaml_parser_t *p)
{
	const char *problem = p->problem != NULL ? p->problem : "not YAML";
	yaml_mark_t mark = p->problem_mark;
	struct conf_position at, from = position_of(p->context_mark);
	const char *hint = "";

	if (p->error == YAML_MEMORY_ERROR)
		return refuse(in, (yaml_mark_t){0}, "out of memory");
	if (p->error == YAML_READER_ERROR)
		mark = mark_of_offset(in, p->problem_offset);
	else if (line_has_bare_ipv6(in, mark.line) ||
		 (p->context != NULL && line_has_bare_ipv6(in, p->context_mark.line)))
		hint = "; put quotes around an IPv6 address: \"2001:db8::1\", \"[::1]:53\"";
	else
		hint = hint_of(in, p);
	/* words without a colon go on in the next line, and it is the next colon that is one too many */
	if (p->problem != NULL && strstr(p->problem, "mapping values are not allowed") != NULL &&
		mark.line > 0 && line_lacks_colon(in, mark.line - 1)) {
		mark = (yaml_mark_t){.line = mark.line - 1};
		problem = "a colon is missing";
		hint = HINT_COLON;
	}
	/* a word that is no key is noticed at the end of its line, or of the next */
	if (p->context != NULL && strcmp(p->context, "while scanning a simple key") == 0)
		mark = p->context_mark;
	at = position_of(mark);
	/* what was begun and never ended is the mistake, not the place where that was noticed */
	in->can_cut = true;
	in->cut_line = p->context != NULL ? p->context_mark.line : mark.line;
	if (p->context != NULL && (from.line != at.line || from.column != at.column))
		report_add(in->report, SEVERITY_ERROR, in->file, at.line, at.column,
			"%s %s that began at %u:%u%s", problem, p->context, from.line, from.column,
			hint);
	else
		report_add(in->report, SEVERITY_ERROR, in->file, at.line, at.column, "%s%s",
			problem, hint);
	return -1;
}

struct scan {
	unsigned depth, documents;
	size_t nodes;
};

/* One event; -1 when it has no place in a configuration. */
static int check_event(struct input *in, struct scan *scan, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (event->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT: return 0;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: scan->depth--; return 0;
	case YAML_ALIAS_EVENT:
		return refuse_value(in, event->start_mark,
			"aliases (*name) are not supported: repeat the value");
	case YAML_DOCUMENT_START_EVENT:
		if (++scan->documents > 1)
			return refuse(in, event->start_mark,
				"a second document: one file is one configuration");
		return 0;
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		scan->depth++;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		scan->depth++;
		break;
	}
	if (anchor != NULL)
		return refuse_value(in, event->start_mark,
			"anchors (&name) are not supported: a value that starts with & needs "
			"quotes");
	if (tag != NULL)
		return refuse_value(in, event->start_mark,
			"tags (!name) are not supported: a value that starts with ! needs quotes");
	if (scan->depth > YAML_DEPTH_MAX)
		return refuse(in, event->start_mark, "lists and mappings are nested too deep");
	if (++scan->nodes > YAML_NODES_MAX)
		return refuse(in, event->start_mark, "too many keys and values in one file");
	return 0;
}

static void parser_start(const struct input *in, yaml_parser_t *p)
{
	yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(p, (const unsigned char *)in->text, in->length);
}

/* The first reading: everything that the document would hide. */
static int scan_events(struct input *in)
{
	struct scan scan = {0};
	yaml_parser_t parser;
	bool more = true;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return refuse(in, (yaml_mark_t){0}, "out of memory");
	parser_start(in, &parser);
	while (more && rc == 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			rc = syntax_error(in, &parser);
			break;
		}
		rc = check_event(in, &scan, &event);
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}

struct key {
	const char *text;
	yaml_node_pair_t *pair;
	struct conf_position position;
};

static int compare_keys(const void *left, const void *right)
{
	const struct key *a = left, *b = right;
	int order = strcmp(a->text, b->text);

	if (order != 0)
		return order;
	return a->pair < b->pair ? -1 : a->pair > b->pair;
}

/* Take the pairs out whose key was marked with 0. */
static void drop_pairs(yaml_node_t *mapping)
{
	yaml_node_pair_t *kept = mapping->data.mapping.pairs.start;

	for (yaml_node_pair_t *p = kept; p < mapping->data.mapping.pairs.top; p++)
		if (p->key != 0)
			*kept++ = *p;
	mapping->data.mapping.pairs.top = kept;
}

/* Report keys that are no words or occur twice, and leave only the first of each. */
static int check_keys(struct input *in, yaml_document_t *document, yaml_node_t *mapping)
{
	yaml_node_pair_t *start = mapping->data.mapping.pairs.start;
	size_t count = (size_t)(mapping->data.mapping.pairs.top - start), used = 0;
	char shown[VALUE_SHOWN_MAX];
	struct key *keys;

	if (count == 0)
		return 0;
	keys = calloc(count, sizeof *keys);
	if (keys == NULL)
		return refuse(in, mapping->start_mark, "out of memory");
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *node = yaml_document_get_node(document, start[i].key);

		if (document_text(node) == NULL) {
			(void)refuse(in, node->start_mark,
				"a key must be a word, not a list or a mapping");
			start[i].key = 0;
			continue;
		}
		keys[used++] =
			(struct key){document_text(node), &start[i], document_position(node)};
	}
	qsort(keys, used, sizeof *keys, compare_keys);
	for (size_t first = 0, i = 1; i < used; i++) {
		if (strcmp(keys[first].text, keys[i].text) != 0) {
			first = i;
			continue;
		}
		report_add(in->report, SEVERITY_ERROR, in->file, keys[i].position.line,
			keys[i].position.column, "%s is given twice: first at line %u",
			value_shown(keys[i].text, shown), keys[first].position.line);
		keys[i].pair->key = 0;
	}
	free(keys);
	drop_pairs(mapping);
	return 0;
}

static int check_nodes(struct input *in, yaml_document_t *document)
{
	for (yaml_node_t *n = document->nodes.start; n < document->nodes.top; n++) {
		const char *text = document_text(n);

		if (n->type == YAML_MAPPING_NODE && check_keys(in, document, n) < 0)
			return -1;
		if (text != NULL && strlen(text) != n->data.scalar.length)
			(void)refuse(in, n->start_mark, "a NUL character (\\0) in a word");
	}
	return 0;
}

/* Does a top-level key begin here? */
static bool begins_key(const char *line)
{
	return strchr(" \t\r\n#-}]", *line) == NULL;
}

/* Blank the top-level key that holds the line `in->cut_line`; false when there is nothing to blank. */
static bool cut_key(struct input *in)
{
	char *line = in->text, *end = in->text + in->length, *from = in->text;
	bool found = false;

	for (size_t number = 0; line < end; number++) {
		char *next = memchr(line, '\n', (size_t)(end - line));

		if (begins_key(line) && number > in->cut_line)
			break;
		if (begins_key(line))
			from = line;
		line = next != NULL ? next + 1 : end;
	}
	for (char *p = from; p < line; p++) {
		if (*p == '\n' || *p == ' ')
			continue;
		*p = ' ';
		found = true;
	}
	return found;
}

/* The second reading, of a text in which the first found nothing. */
static int load_document(struct input *in, yaml_document_t *out)
{
	yaml_parser_t parser;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return refuse(in, (yaml_mark_t){0}, "out of memory");
	parser_start(in, &parser);
	if (!yaml_parser_load(&parser, out))
		rc = syntax_error(in, &parser);
	yaml_parser_delete(&parser);
	if (rc == 0 && check_nodes(in, out) < 0) {
		yaml_document_delete(out);
		rc = -1;
	}
	return rc;
}

int document_load(const char *file, const char *text, size_t length, yaml_document_t *out,
	bool *cut, struct report *report)
{
	struct input in = {.file = file, .length = length, .report = report};
	int rc = 0;

	*cut = false;
	in.text = malloc(length + 1);
	if (in.text == NULL)
		return refuse(&in, (yaml_mark_t){0}, "out of memory");
	memcpy(in.text, text, length);
	in.text[length] = '\0';
	for (unsigned cuts = 0; scan_events(&in) < 0; cuts++) {
		*cut = true;
		if (!in.can_cut || cuts == YAML_CUTS_MAX || !cut_key(&in)) {
			rc = -1;
			break;
		}
	}
	if (rc == 0)
		rc = load_document(&in, out);
	explicit_bzero(in.text, length); /* may hold secrets */
	free(in.text);
	return rc;
}
