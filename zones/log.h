/*
 * The records of a zone while it is read: a log in file order, later sorted by owner and built into
 * the zone.
 *
 *   | owner 28 + name | record 20 + RDATA | record … | owner … | record …
 *
 * An owner stands once before the records that follow each other in the file; the index
 * (zones/index.c) merges owners that come again. Everything is reached by `ref`, the offset in
 * steps of 4 octets, because the log moves as it grows: mremap, so that growing neither copies nor
 * holds memory twice (realloc does so only above a threshold that malloc changes by itself).
 */
#ifndef ZONES_LOG_H
#define ZONES_LOG_H

#include "zones/name.h"

#include <stddef.h>
#include <stdint.h>

#define LOG_SIZE_MAX  (UINT64_C(4) << 32) /* octets a ref can reach */
#define LOG_RDATA_MAX 65535u

struct log_owner {
	uint32_t next;       /* owner that was added after this one; 0 = last */
	uint32_t head, tail; /* its records; 0 = none */
	uint32_t tag, home;  /* lower and upper half of the name's hash */
	uint32_t slot;       /* index: its place in the table */
	uint8_t length;      /* octets of name */
	uint8_t labels;      /* without the root */
	uint8_t flags;       /* index: enum node_flags */
	uint8_t merged; /* index: its records went to another owner of this name, or it is out of zone */
	uint8_t name[]; /* lower-cased wire */
};

struct log_record {
	uint32_t next; /* of the same owner; 0 = last */
	uint32_t line;
	uint32_t ttl;
	uint16_t type;
	uint16_t length; /* of rdata */
	uint16_t column; /* of the owner or type; 65535 stands for more, too */
	uint16_t file;
	uint8_t rdata[]; /* as in a message; of TYPE_POOL a struct pool_rdata */
};

/* RDATA of a POOL in the log: the two names follow, each with its NUL (a missing region is ""). */
struct pool_rdata {
	uint16_t pool, region; /* as in struct pool_record */
	uint32_t ttl_cap_s;
	char names[];
};

struct log {
	uint8_t *data;
	size_t length, capacity;
	uint32_t first_owner, last_owner; /* refs; 0 = none */
	uint32_t owners;                  /* entries; a name that comes again counts again */
};

/* Zero-initialised `log`. 0, or -1 when memory is short or the log full. */
int log_open(struct log *log, size_t expected);
void log_close(struct log *log);
/* The owner of the records to come; does nothing when it is the last one already. -1 as above. */
int log_owner(struct log *log, const struct dname *name);
/* A new record behind the last one, with room for LOG_RDATA_MAX octets of rdata; nothing is
 * added before log_commit(). Valid until the next call. NULL as above. */
struct log_record *log_begin(struct log *log);
/* The record of log_begin() with record->length octets of rdata is complete. */
void log_commit(struct log *log, struct log_record *record);
/* A new owner: the suffix of `name` that starts at `label`; its ref, or 0 as above. */
uint32_t log_add_owner(struct log *log, const struct dname *name, unsigned label);

static inline struct log_owner *log_owner_at(const struct log *log, uint32_t ref)
{
	return (struct log_owner *)(void *)(log->data + (size_t)ref * 4);
}

static inline uint32_t log_ref(const struct log *log, const void *p)
{
	return (uint32_t)((size_t)((const uint8_t *)p - log->data) / 4);
}

static inline struct log_record *log_record_at(const struct log *log, uint32_t ref)
{
	return (struct log_record *)(void *)(log->data + (size_t)ref * 4);
}

#endif
