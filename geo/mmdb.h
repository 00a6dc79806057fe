/*
 * MaxMind DB files in memory (format 2.0): metadata, search tree, data.
 *
 *   [ search tree: node_count nodes of two records ][ 16 zeros ][ data section ]
 *   [ "\xab\xcd\xefMaxMind.com" ][ metadata ]
 *
 * Why not libmaxminddb: version 1.7.1 skips values by recursion without a limit, so that a 6 MB
 * file with nested arrays in front of the wanted key kills the process in MMDB_get_value(); it
 * opens files only by path, maps them (truncation is SIGBUS) and validates nothing. This reader
 * takes memory, checks each octet it touches against the section's end, recurses nowhere and counts
 * its steps. The tests compare it with libmaxminddb on good files.
 */
#ifndef GEO_MMDB_H
#define GEO_MMDB_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MMDB_FILE_MAX (1u << 30) /* octets; the largest commercial databases have a third of it */
#define MMDB_METADATA_MAX                                                                          \
	(128u << 10) /* octets from the end in which the marker must lie (the format's own limit) */
#define MMDB_SEPARATOR 16u /* zeros between tree and data */

/* Octets that values are read from; offsets and pointers count from `data`. */
struct mmdb_section {
	const uint8_t *data;
	size_t length;
	uint64_t steps_left; /* values that may still be read: hostile files do not keep us busy */
};

struct mmdb {
	const uint8_t *tree;
	uint32_t node_count;
	uint16_t record_size; /* bits: 24, 28, 32 */
	uint16_t ip_version;  /* 4, 6 */
	uint64_t built_s;
	char type[64];
	struct mmdb_section section;
};

/* Find and check metadata and layout. `m` borrows `data`. `path` is for messages. */
int mmdb_open(struct mmdb *m, const void *data, size_t length, const char *path, struct err *e);

/* A node's left (bit 0) or right (bit 1) record. `node` is below node_count. */
uint32_t mmdb_record(const struct mmdb *m, uint32_t node, unsigned bit);

/* What a record says. */
enum mmdb_record_kind {
	MMDB_NODE,  /* go on there */
	MMDB_EMPTY, /* nothing is known */
	MMDB_DATA,  /* mmdb_offset() of the data section */
	MMDB_BROKEN,
};
enum mmdb_record_kind mmdb_record_kind(const struct mmdb *m, uint32_t record);
uint32_t mmdb_offset(const struct mmdb *m, uint32_t record);

enum mmdb_type {
	MMDB_POINTER = 1,
	MMDB_STRING = 2,
	MMDB_DOUBLE = 3,
	MMDB_BYTES = 4,
	MMDB_UINT16 = 5,
	MMDB_UINT32 = 6,
	MMDB_MAP = 7,
	MMDB_INT32 = 8,
	MMDB_UINT64 = 9,
	MMDB_UINT128 = 10,
	MMDB_ARRAY = 11,
	MMDB_BOOLEAN = 14,
	MMDB_FLOAT = 15,
};

struct mmdb_value {
	enum mmdb_type type; /* never MMDB_POINTER: they are followed */
	uint32_t size;       /* octets; entries of a map or an array; the value of a boolean */
	uint32_t content;    /* offset of the first octet or entry */
	uint32_t next; /* behind it; of a map or an array: `content`, unless a pointer led there */
};

/* The value at `offset`, behind a pointer if one is there. False when it is broken. */
bool mmdb_read(struct mmdb_section *s, uint32_t offset, struct mmdb_value *out);
/* Move *offset behind the value that is there, whatever it holds. False when it is broken. */
bool mmdb_skip(struct mmdb_section *s, uint32_t *offset);
/* An unsigned integer of up to 64 bits; false for anything else. */
bool mmdb_number(const struct mmdb_section *s, const struct mmdb_value *v, uint64_t *out);
/* Is it this string? */
bool mmdb_is(const struct mmdb_section *s, const struct mmdb_value *v, const char *text);

#endif
