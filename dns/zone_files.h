/*
 * The files of the zones folder and what became of each: its zone, its error, its last good
 * version.
 *
 * zone_files_scan() compares the folder with what was loaded from it and loads what changed, and
 * only that. Of two files with one apex the one that serves already stays, at first the one whose
 * name sorts first. A file that vanished is missing when it is still gone after GONE_MS: editors
 * and `mv` make short gaps. Its zone serves on for `remove_after`, because a slip of `rm` or `rsync
 * --delete` is likelier than a zone that nobody wants any more, unless another file has it now. The
 * first scan of a process adds files of which only the last good copy is left. Used by one thread,
 * the loader; zones that are no longer served wait in `retired` until the caller has let a grace
 * period pass.
 */
#ifndef DNS_ZONE_FILES_H
#define DNS_ZONE_FILES_H

#include "board/generation.h"
#include "dns/dataset.h"
#include "dns/stamp.h"
#include "zones/zone.h"

#include <stdatomic.h>

#define GONE_MS        500u  /* a vanished file counts as missing after that */
#define RETRY_FIRST_MS 1000u /* a broken file that includes others is read again after that, */
#define RETRY_LAST_MS                                                                              \
	32000u /* then after twice as long, up to this: what it includes is not watched */
#define ZONE_ROW_NONE UINT32_MAX
#define ZONE_SUFFIX   ".zone"
#define COPIES_FOLDER "zones" /* in the state folder */

struct zone_file {
	char *name; /* in the zones folder, and of its copy in the state folder */
	struct stamp stamp;
	struct stamp *include; /* of zone_file(zone, 1…) when `zone` was loaded */
	size_t include_count;
	struct zone *zone; /* what it serves; NULL = nothing */
	struct zone *next; /* loaded in this scan, not accepted yet */
	char *error;       /* what is wrong with the file as it is now; NULL = nothing */
	char *warning;     /* of the last good load; NULL = none */
	uint64_t loaded_real_ms, failed_real_ms; /* as on the board */
	uint64_t copied_real_ms;                 /* age of its copy; 0 = there is none */
	size_t left_out, next_left_out;          /* DNSSEC records that `zone`, `next` lack */
	uint64_t gone_since_ms;                  /* when it was first missed; 0 = it is there */
	uint64_t retry_ms, retry_wait_ms;        /* 0 = no retry */
	uint32_t row;                            /* on the board, or ZONE_ROW_NONE */
	bool from_copy;                          /* `zone` is the last good copy */
	bool next_is_copy;                       /* `next` is */
	bool serial_kept;                        /* its content changed, its serial did not */
	bool duplicate;                          /* `error` is that another file serves its apex */
	bool unsure;                             /* it was young when it was read: read it again */
	bool listed;                             /* the last scan saw it */
	bool missing;                            /* gone for GONE_MS, and `zone` serves on */
	bool forget;                             /* do not wait for the end of `remove_after` */
	bool was_served;                         /* removed: it had a zone until then */
	bool news;                               /* something to publish */
	bool told;                               /* publish_zone() has spoken of it */
	bool copy_due;                           /* `zone` is newer than its copy */
};

struct zone_files {
	const struct start_folder *folder;
	int copies; /* folder of the last good copies; -1 = no state folder */
	struct zone_pools pools;
	const _Atomic bool *stop; /* ends a scan early */
	uint64_t remove_after_ms;
	size_t missing;          /* files that are */
	struct zone_file **file; /* sorted by name */
	size_t count, capacity;
	struct zone **retired; /* not served any more, to be freed by zone_files_free_retired() */
	size_t retired_count, retired_capacity;
	bool freed_apex; /* a file that was refused as a duplicate may have its chance now */
	/* What scans found, until the caller has made use of it: a scan that failed half-way,
	 * or a dataset that could not be built, loses nothing. */
	bool changed; /* other zones are served, or other apexes are broken: build a new dataset */
	struct zone_file **removed; /* not in `file` any more; freed by zone_files_forget() */
	size_t removed_count, removed_capacity;
};

/* Borrows everything. `copies` is taken over. */
void zone_files_init(struct zone_files *zf, const struct start_folder *folder, int copies,
	const struct zone_pools *pools, uint64_t remove_after_ms, const _Atomic bool *stop);
void zone_files_clear(struct zone_files *zf);

/* One look at the folder. `first`: at start, when young files are read too. -1 with `e` when
 * not everything could be looked at (the folder cannot be read, memory is short): what was
 * served stays, and the caller tries again.
 * again_ms  set to the clock_mono_ms() at which to scan again without a reason; 0 = not needed
 * real_ms   when the scan began: the time of what it loads */
int zone_files_scan(struct zone_files *zf, bool first, uint64_t now_ms, uint64_t real_ms,
	uint64_t *again_ms, struct err *e);
/* Free what was removed. */
void zone_files_forget(struct zone_files *zf);
void zone_files_free_retired(struct zone_files *zf);
/* dataset_build() of what the files serve now and of the apexes of those that have no good version.
 * */
int zone_files_dataset(const struct zone_files *zf, struct dataset *d, struct err *e);

/* ---- steps of a scan, in zone_folder.c, zone_file.c and zone_claims.c ---- */

/* Make zf->file what is in the folder now, or is missing from it; files that are gone for good go to
 * zf->removed. Arguments as of zone_files_scan(). */
int zone_files_list(
	struct zone_files *zf, bool first, uint64_t now_ms, uint64_t *again_ms, struct err *e);

/* Read the file as it is now, of which `stamp` was taken: sets `next` or `error`. */
void zone_file_load(struct zone_files *zf, struct zone_file *f, const struct stamp *stamp,
	uint64_t now_ms, uint64_t real_ms);
/* The last good copy of a file that has no good version: sets `next` if there is one. */
void zone_file_load_copy(struct zone_files *zf, struct zone_file *f);
/* Let each apex have one file: refuses `next`, or even `zone`, of the others. -1 without memory. */
int zone_files_settle(struct zone_files *zf, uint64_t real_ms);
/* What was loaded serves from now on. */
void zone_file_accept(struct zone_files *zf, struct zone_file *f, uint64_t real_ms);
/* Takes over `error` (malloc'd). */
void zone_file_set_error(struct zone_file *f, char *error, uint64_t real_ms);
/* One more element for an array; false without memory. */
bool zone_files_grow(void *array, size_t *capacity, size_t count, size_t size);
/* Scan again at `at_ms` at the latest. */
static inline void zone_files_again(uint64_t *again_ms, uint64_t at_ms)
{
	if (*again_ms == 0 || at_ms < *again_ms)
		*again_ms = at_ms;
}
/* Keep a zone that is served no more until nobody can be looking at it. */
void zone_files_retire(struct zone_files *zf, struct zone *z);

/* The initial $ORIGIN of a file: its name without ".zone", with a dot at the end; ZONE_ORIGIN_MAX
 * octets. */
#define ZONE_ORIGIN_MAX 260u
void zone_file_origin(const struct zone_file *f, char *out);

#endif
