#include "geo/mmdb.h"

#include <string.h>

static const uint8_t marker[] = {
	0xab, 0xcd, 0xef, 'M', 'a', 'x', 'M', 'i', 'n', 'd', '.', 'c', 'o', 'm'};

/* Values looked at in the whole file: records are read once each, what they share by pointers is
 * read anew for each. */
#define STEPS_PER_OCTET 8u
#define STEPS_AT_LEAST  1000000u

/* ---- values ---- */

/* A value as written: a pointer is not followed, size is the raw size field. */
struct header {
	unsigned type;
	uint32_t size;
	uint32_t content; /* offset behind the header */
	uint32_t target;  /* of a pointer */
};

/* `count` octets big-endian; the caller has checked that they are there. */
static uint32_t take(const uint8_t *p, unsigned count)
{
	uint32_t n = 0;

	while (count-- > 0)
		n = n << 8 | *p++;
	return n;
}

static bool has(const struct mmdb_section *s, uint32_t offset, size_t count)
{
	return offset <= s->length && count <= s->length - offset;
}

static bool read_pointer(
	const struct mmdb_section *s, uint8_t control, uint32_t at, struct header *h)
{
	static const uint32_t base[4] = {0, 2048, 526336, 0};
	unsigned extra = ((control >> 3) & 3u) + 1;
	uint32_t high = extra < 4 ? control & 7u : 0;

	if (!has(s, at, extra))
		return false;
	h->target = take(s->data + at, extra) + base[extra - 1];
	if (extra < 4)
		h->target += high << (8 * extra);
	h->content = at + extra;
	return h->target < s->length;
}

static bool read_header(struct mmdb_section *s, uint32_t offset, struct header *h)
{
	static const uint32_t base[3] = {29, 285, 65821};
	uint32_t at = offset;
	uint8_t control;
	unsigned extra;

	*h = (struct header){0};
	if (s->steps_left == 0 || !has(s, at, 1))
		return false;
	s->steps_left--;
	control = s->data[at++];
	h->type = control >> 5;
	if (h->type == MMDB_POINTER)
		return read_pointer(s, control, at, h);
	if (h->type == 0) { /* extended */
		if (!has(s, at, 1))
			return false;
		h->type = 7u + s->data[at++];
	}
	h->size = control & 0x1fu;
	if (h->size >= 29) {
		extra = h->size - 28;
		if (!has(s, at, extra))
			return false;
		h->size = base[extra - 1] + take(s->data + at, extra);
		at += extra;
	}
	h->content = at;
	return true;
}

/* Octets of content of a value that is neither map, array nor pointer; false when the type is
 * unknown or the size wrong. */
static bool content_length(const struct mmdb_section *s, const struct header *h, uint32_t *length)
{
	uint32_t most = UINT32_MAX, least = 0;

	switch (h->type) {
	case MMDB_STRING:
	case MMDB_BYTES: break;
	case MMDB_DOUBLE: least = most = 8; break;
	case MMDB_FLOAT: least = most = 4; break;
	case MMDB_UINT16: most = 2; break;
	case MMDB_UINT32:
	case MMDB_INT32: most = 4; break;
	case MMDB_UINT64: most = 8; break;
	case MMDB_UINT128: most = 16; break;
	case MMDB_BOOLEAN: *length = 0; return h->size <= 1;
	default: return false;
	}
	*length = h->size;
	return h->size >= least && h->size <= most && has(s, h->content, h->size);
}

bool mmdb_read(struct mmdb_section *s, uint32_t offset, struct mmdb_value *out)
{
	uint32_t behind = 0, length = 0;
	struct header h;

	if (!read_header(s, offset, &h))
		return false;
	if (h.type == MMDB_POINTER) {
		behind = h.content;
		if (!read_header(s, h.target, &h) || h.type == MMDB_POINTER)
			return false;
	}
	if (h.type != MMDB_MAP && h.type != MMDB_ARRAY && !content_length(s, &h, &length))
		return false;
	*out = (struct mmdb_value){(enum mmdb_type)h.type, h.size, h.content, h.content + length};
	if (behind != 0)
		out->next = behind;
	return true;
}

bool mmdb_skip(struct mmdb_section *s, uint32_t *offset)
{
	uint64_t pending = 1; /* values still to pass; each costs a step, so this ends */
	uint32_t at = *offset, length;
	struct header h;

	for (; pending > 0; pending--) {
		if (!read_header(s, at, &h))
			return false;
		at = h.content;
		if (h.type == MMDB_POINTER)
			continue;
		if (h.type == MMDB_MAP)
			pending += 2 * (uint64_t)h.size;
		else if (h.type == MMDB_ARRAY)
			pending += h.size;
		else if (content_length(s, &h, &length))
			at += length;
		else
			return false;
	}
	*offset = at;
	return true;
}

bool mmdb_number(const struct mmdb_section *s, const struct mmdb_value *v, uint64_t *out)
{
	uint64_t n = 0;

	if (v->type != MMDB_UINT16 && v->type != MMDB_UINT32 && v->type != MMDB_UINT64)
		return false;
	for (uint32_t i = 0; i < v->size; i++)
		n = n << 8 | s->data[v->content + i];
	*out = n;
	return true;
}

bool mmdb_is(const struct mmdb_section *s, const struct mmdb_value *v, const char *text)
{
	return v->type == MMDB_STRING && v->size == strlen(text) &&
	       memcmp(s->data + v->content, text, v->size) == 0;
}

/* ---- metadata ---- */

/* Offset of the last marker, or -1. */
static int64_t find_marker(const uint8_t *data, size_t length)
{
	size_t lowest = length > MMDB_METADATA_MAX ? length - MMDB_METADATA_MAX : 0;

	if (length < sizeof marker)
		return -1;
	for (size_t at = length - sizeof marker + 1; at-- > lowest;)
		if (memcmp(data + at, marker, sizeof marker) == 0)
			return (int64_t)at;
	return -1;
}

struct metadata {
	uint64_t node_count, record_size, ip_version, major, built_s;
};

static bool read_entry(struct mmdb *m, struct mmdb_section *s, const struct mmdb_value *key,
	const struct mmdb_value *value, struct metadata *meta)
{
	const struct {
		const char *name;
		uint64_t *number;
	} numbers[] = {
		{"node_count", &meta->node_count},
		{"record_size", &meta->record_size},
		{"ip_version", &meta->ip_version},
		{"binary_format_major_version", &meta->major},
		{"build_epoch", &meta->built_s},
	};

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (mmdb_is(s, key, numbers[i].name))
			return mmdb_number(s, value, numbers[i].number);
	if (mmdb_is(s, key, "database_type") && value->type == MMDB_STRING) {
		size_t n = value->size < sizeof m->type ? value->size : sizeof m->type - 1;

		for (size_t i = 0; i < n; i++) { /* it goes to logs and terminals */
			uint8_t c = s->data[value->content + i];

			m->type[i] = c >= ' ' && c < 0x7f ? (char)c : '?';
		}
	}
	return true;
}

static bool read_metadata(struct mmdb *m, struct mmdb_section *s, struct metadata *meta)
{
	struct mmdb_value map, key, value;
	uint32_t at;

	if (!mmdb_read(s, 0, &map) || map.type != MMDB_MAP)
		return false;
	at = map.content;
	for (uint32_t i = 0; i < map.size; i++) {
		uint32_t value_at;

		if (!mmdb_read(s, at, &key) || key.type != MMDB_STRING)
			return false;
		value_at = at = key.next;
		if (!mmdb_read(s, value_at, &value) || !read_entry(m, s, &key, &value, meta) ||
			!mmdb_skip(s, &at))
			return false;
	}
	return true;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && *p == 0) {
		p++;
		n--;
	}
	return n == 0;
}

static int check_layout(struct mmdb *m, const struct metadata *meta, const uint8_t *data,
	size_t length, const char *path, struct err *e)
{
	uint64_t tree;

	if (meta->major != 2)
		return err_at(e, path, 0, 0, "format version %llu is not supported, only 2",
			(unsigned long long)meta->major);
	if (meta->record_size != 24 && meta->record_size != 28 && meta->record_size != 32)
		return err_at(e, path, 0, 0, "record size %llu is none of 24, 28, 32",
			(unsigned long long)meta->record_size);
	if (meta->ip_version != 4 && meta->ip_version != 6)
		return err_at(e, path, 0, 0, "IP version %llu is neither 4 nor 6",
			(unsigned long long)meta->ip_version);
	if (meta->node_count == 0 || meta->node_count > UINT32_MAX - MMDB_SEPARATOR)
		return err_at(e, path, 0, 0, "a search tree of %llu nodes is impossible",
			(unsigned long long)meta->node_count);
	tree = meta->node_count * (meta->record_size / 4);
	if (tree + MMDB_SEPARATOR > length)
		return err_at(e, path, 0, 0,
			"truncated: a search tree of %llu nodes needs %llu octets, the file has "
			"%zu",
			(unsigned long long)meta->node_count, (unsigned long long)tree, length);
	if (!is_zero(data + tree, MMDB_SEPARATOR))
		return err_at(e, path, 0, 0,
			"no separator behind a search tree of %llu nodes: the node count is wrong",
			(unsigned long long)meta->node_count);
	m->tree = data;
	m->node_count = (uint32_t)meta->node_count;
	m->record_size = (uint16_t)meta->record_size;
	m->ip_version = (uint16_t)meta->ip_version;
	m->built_s = meta->built_s;
	m->section.data = data + tree + MMDB_SEPARATOR;
	m->section.length = length - (size_t)tree - MMDB_SEPARATOR;
	m->section.steps_left = STEPS_AT_LEAST + STEPS_PER_OCTET * (uint64_t)m->section.length;
	return 0;
}

int mmdb_open(struct mmdb *m, const void *data, size_t length, const char *path, struct err *e)
{
	const uint8_t *octets = data;
	int64_t at = find_marker(octets, length);
	struct metadata meta = {0};
	struct mmdb_section s;
	size_t start;

	*m = (struct mmdb){0};
	if (length > MMDB_FILE_MAX) /* so that no offset can wrap */
		return err_at(e, path, 0, 0, "is larger than %u octets", MMDB_FILE_MAX);
	if (at < 0)
		return err_at(e, path, 0, 0, "not a MaxMind database, or truncated: no metadata");
	start = (size_t)at + sizeof marker;
	s = (struct mmdb_section){octets + start, length - start, STEPS_AT_LEAST};
	if (!read_metadata(m, &s, &meta))
		return err_at(e, path, 0, 0, "broken metadata");
	return check_layout(m, &meta, octets, (size_t)at, path, e);
}

/* ---- search tree ---- */

uint32_t mmdb_record(const struct mmdb *m, uint32_t node, unsigned bit)
{
	const uint8_t *p = m->tree + (size_t)node * (m->record_size / 4);

	switch (m->record_size) {
	case 24: return take(p + (size_t)3 * bit, 3);
	case 28:
		if (bit == 0)
			return (uint32_t)(p[3] >> 4) << 24 | take(p, 3);
		return take(p + 3, 4) & 0x0fffffffu;
	}
	return take(p + (size_t)4 * bit, 4);
}

enum mmdb_record_kind mmdb_record_kind(const struct mmdb *m, uint32_t record)
{
	if (record < m->node_count)
		return MMDB_NODE;
	if (record == m->node_count)
		return MMDB_EMPTY;
	record -= m->node_count;
	if (record < MMDB_SEPARATOR || record - MMDB_SEPARATOR >= m->section.length)
		return MMDB_BROKEN;
	return MMDB_DATA;
}

uint32_t mmdb_offset(const struct mmdb *m, uint32_t record)
{
	return record - m->node_count - MMDB_SEPARATOR;
}
