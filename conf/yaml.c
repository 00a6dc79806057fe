/*
 * libyaml resolves an alias silently to the node it names, so that `&x [*x]` is a cycle and the
 * place of the alias is lost. Therefore the text is read twice: once as events, where aliases,
 * anchors, tags, a second document, depth and size are seen with their places, and once into the
 * document.
 */
#include "conf/yaml.h"

#include "conf/value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct input {
	const char *file, *text;
	size_t length;
	struct report *report;
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

/* Always -1. */
static int refuse(const struct input *in, yaml_mark_t mark, const char *why)
{
	struct conf_position at = position_of(mark);

	report_add(in->report, SEVERITY_ERROR, in->file, at.line, at.column, "%s", why);
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

/* Report why the parser stopped. Always -1. */
static int syntax_error(const struct input *in, const yaml_parser_t *p)
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
	at = position_of(mark);
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
static int check_event(const struct input *in, struct scan *scan, const yaml_event_t *event)
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
		return refuse(in, event->start_mark,
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
		return refuse(in, event->start_mark,
			"anchors (&name) are not supported: a value that starts with & needs "
			"quotes");
	if (tag != NULL)
		return refuse(in, event->start_mark,
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
static int scan_events(const struct input *in)
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
static int check_keys(const struct input *in, yaml_document_t *document, yaml_node_t *mapping)
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

static int check_nodes(const struct input *in, yaml_document_t *document)
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

int document_load(const char *file, const char *text, size_t length, yaml_document_t *out,
	struct report *report)
{
	const struct input in = {file, text, length, report};
	yaml_parser_t parser;
	int rc = 0;

	if (scan_events(&in) < 0)
		return -1;
	if (!yaml_parser_initialize(&parser))
		return refuse(&in, (yaml_mark_t){0}, "out of memory");
	parser_start(&in, &parser);
	if (!yaml_parser_load(&parser, out))
		rc = syntax_error(&in, &parser);
	yaml_parser_delete(&parser);
	if (rc == 0 && check_nodes(&in, out) < 0) {
		yaml_document_delete(out);
		rc = -1;
	}
	return rc;
}
