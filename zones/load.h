/*
 * Loading a zone, its steps and what they share. Private to zones/.
 *
 *   reader.c    tokens → records in the log        (generate.c: $GENERATE, beneath.c: opening $INCLUDE)
 *   index.c     owners of the log → hash table, empty non-terminals, cuts
 *   check.c     what a zone must be: SOA, CNAME, DNAME, duplicates, glue (lint.c: what it hardly means)
 *   build.c     → struct zone, in one allocation of exactly its size
 */
#ifndef ZONES_LOAD_H
#define ZONES_LOAD_H

#include "base/arena.h"
#include "zones/layout.h"
#include "zones/log.h"
#include "zones/rdata.h"
#include "zones/scan.h"

#define RECORD_HEAD                                                                                \
	12u /* octets of a record in a node before its RDATA: C0 0C, type, class, TTL, RDLENGTH */

/* Octets of an owner in a node: whole words. */
static inline size_t padded_owner(size_t length)
{
	return (length + 7) / 8 * 8;
}

#define PREFETCH_AHEAD 16 /* owners: each slot is a cache miss, and the next ones are known */

struct load_file {
	const char *name;  /* below the zones folder */
	const char *shown; /* in messages */
};

/* One zone being loaded. */
struct load {
	struct log log;
	const struct zone_pools *pools;
	struct report *report;
	int dirfd;          /* -1: no $INCLUDE */
	struct arena arena; /* file names */
	struct load_file *files;
	uint16_t file_count, file_capacity;
	unsigned includes;
	uint64_t read_left;      /* octets of files that may still be read */
	uint64_t generated_left; /* octets of text that $GENERATE may still make */
	/* TTLs of records without one, UINT32_MAX = not known: $TTL, the last one given, the
	 * SOA's minimum */
	uint32_t ttl_default, ttl_last, ttl_minimum;
	size_t left_out; /* DNSSEC records */
	struct {         /* the first of them */
		uint32_t line;
		uint32_t column;
		uint16_t file;
	} first_left_out;
	struct lint lint;
	bool partial;        /* some records had mistakes: nothing is called missing */
	uint16_t last_pool;  /* most POOL records of a zone name the same one */
	uint32_t soa;        /* ref of the first SOA record, 0 = none */
	uint32_t apex_owner; /* and of its owner */
	/* set by index.c */
	struct slot *slots; /* ref: of a log_owner; build.c turns it into one of a node */
	uint32_t slot_count, owners;
	struct dname apex;
	uint8_t depth;
	bool has_cuts; /* NS below the apex, or DNAME */
	/* set by check.c */
	size_t node_octets; /* of all nodes */
	size_t records;
};

/* One file being read; an $INCLUDE has its own. */
struct source {
	struct load *load;
	struct scan scan;
	uint16_t file;
	unsigned depth; /* of $INCLUDE */
	struct dname origin, owner;
	bool owner_known, owner_bad;
};

/* All 0, or -1 with errors in load->report. */
int load_read(struct source *s);
/* Tokens of one record with the owner in s->owner: [TTL] [class] type RDATA. */
int load_record(struct source *s, const struct token *t, size_t count);
/* The entry is a directive: carry it out. */
int load_directive(struct source *s);
int load_generate(struct source *s);
/* The number of the file, which is added when it is new; -1 when memory is short. */
int load_add_file(struct load *l, const char *name, const char *shown);
/* NAME [region=NAME], to a struct pool_rdata. */
int load_pool(struct load *l, struct fields *f);
int load_index(struct load *l);
int load_check(struct load *l);
int load_build(struct load *l, struct zone **out);
/* A message about a record. */
void load_message(struct load *l, enum severity severity, const struct log_record *r,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The indexed owner of the suffix of `name` (in the zone) that starts at `label`: a ref, 0 when
 * there is none. */
uint32_t load_find(const struct load *l, const struct dname *name, unsigned label);
/* The wildcard that covers `name`, whose closest encloser starts at `label`; likewise. */
uint32_t load_find_wildcard(const struct load *l, const struct dname *name, unsigned label);
/* Warn of the target of an MX or SRV record that has no address. */
void lint_target(struct load *l, const struct log_record *r);
/* The same table with `count` slots; NULL with an error. Owners learn their new slots. */
struct slot *slots_resize(
	const struct slot *old, uint32_t old_count, uint32_t count, struct load *l);
/* -1 with an error when a search in the table could take more than ZONE_RUN_MAX steps. */
int slots_check(const struct slot *slots, uint32_t count, const struct load *l);
/* Out of memory, or the log is full. */
int load_no_memory(struct load *l);

/* Open `name` for reading, below dirfd: neither absolute, nor with "..", nor by symbolic links
 * that lead out of it. Regular files only. The descriptor, or -1 with errno (EXDEV: leads out;
 * EINVAL: not regular). */
int open_beneath(int dirfd, const char *name);
/* Its way without openat2(), folder by folder: no symbolic links at all. For its tests. */
int open_beneath_walk(int dirfd, const char *name);
/* The same without the confinement, for files the operator names. */
int open_regular(int dirfd, const char *name);
/* Why one of them failed with `error`, an errno: where a symbolic link leads, and what is wrong
 * there. Returns `out`. */
#define OPEN_FAILURE_MAX 300
const char *open_failure(int dirfd, const char *name, int error, char out[OPEN_FAILURE_MAX]);

#endif
