/* What tells one content of a file from the next without reading it. */
#ifndef DNS_STAMP_H
#define DNS_STAMP_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* A file whose content changed so recently may still be being written: it is left alone until it
 * has rested. The granularity of file times (4 ms) is well below it, so two changes never look like
 * one. */
#define STAMP_REST_MS 200u

struct stamp {
	uint64_t device, inode;
	int64_t modified_ns; /* real time */
	int64_t changed_ns;  /* of the inode: other permissions can make a file readable */
	int64_t size;        /* octets; -1: there is no such file */
};

static inline struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){.device = (uint64_t)st->st_dev,
		.inode = (uint64_t)st->st_ino,
		.modified_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.changed_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
		.size = (int64_t)st->st_size};
}

static inline struct stamp stamp_at(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, 0) < 0)
		return (struct stamp){.size = -1};
	return stamp_of(&st);
}

/* Of what stands in the folder itself, be it a symbolic link that cannot be followed. */
static inline struct stamp stamp_of_entry(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return (struct stamp){.size = -1};
	return stamp_of(&st);
}

static inline bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->modified_ns == b->modified_ns &&
	       a->changed_ns == b->changed_ns && a->size == b->size;
}

/* Has it rested? Times in the future count as rested: else such a file would never be read. */
static inline bool stamp_rested(const struct stamp *s, uint64_t real_ms)
{
	int64_t age_ms = (int64_t)real_ms - s->modified_ns / 1000000;

	return age_ms < 0 || age_ms >= STAMP_REST_MS;
}

#endif
