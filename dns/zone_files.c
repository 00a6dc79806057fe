#include "dns/zone_files.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void zone_files_init(struct zone_files *zf, const struct start_folder *folder, int copies,
	const struct zone_pools *pools, uint64_t remove_after_ms, const _Atomic bool *stop)
{
	*zf = (struct zone_files){.folder = folder,
		.copies = copies,
		.pools = *pools,
		.remove_after_ms = remove_after_ms,
		.stop = stop};
}

static void free_file(struct zone_file *f)
{
	free(f->name);
	free(f->include);
	free(f->error);
	free(f->warning);
	free(f);
}

void zone_files_free_retired(struct zone_files *zf)
{
	for (size_t i = 0; i < zf->retired_count; i++)
		zone_free(zf->retired[i]);
	zf->retired_count = 0;
}

void zone_files_clear(struct zone_files *zf)
{
	for (size_t i = 0; i < zf->count; i++) {
		zone_free(zf->file[i]->zone);
		zone_free(zf->file[i]->next);
		free_file(zf->file[i]);
	}
	zone_files_free_retired(zf);
	zone_files_forget(zf);
	free(zf->file);
	free(zf->retired);
	free(zf->removed);
	if (zf->copies >= 0)
		close(zf->copies);
}

void zone_files_forget(struct zone_files *zf)
{
	for (size_t i = 0; i < zf->removed_count; i++)
		free_file(zf->removed[i]);
	zf->removed_count = 0;
}

bool zone_files_grow(void *array, size_t *capacity, size_t count, size_t size)
{
	size_t more = *capacity > 0 ? *capacity * 2 : 16;
	void *old, *bigger;

	if (count < *capacity)
		return true;
	memcpy(&old, array, sizeof old);
	bigger = realloc(old, more * size);
	if (bigger == NULL)
		return false;
	memcpy(array, &bigger, sizeof bigger);
	*capacity = more;
	return true; /* cppcheck-suppress memleak ; `array` has it */
}

void zone_files_retire(struct zone_files *zf, struct zone *z)
{
	/* without memory for the list it is lost rather than freed under a reader */
	if (z != NULL && zone_files_grow(&zf->retired, &zf->retired_capacity, zf->retired_count,
				 sizeof zf->retired[0]))
		zf->retired[zf->retired_count++] = z;
}

/* ---- the scan ---- */

static bool includes_changed(const struct zone_files *zf, const struct zone_file *f)
{
	for (size_t i = 0; f->zone != NULL && i < f->include_count; i++) {
		struct stamp now = stamp_at(zf->folder->fd, zone_file(f->zone, i + 1));

		if (!stamp_equal(&now, &f->include[i]))
			return true;
	}
	return false;
}

static bool includes_rested(
	const struct zone_files *zf, const struct zone_file *f, uint64_t real_ms)
{
	for (size_t i = 0; f->zone != NULL && i < f->include_count; i++) {
		struct stamp now = stamp_at(zf->folder->fd, zone_file(f->zone, i + 1));

		if (now.size >= 0 && !stamp_rested(&now, real_ms))
			return false;
	}
	return true;
}

/* A file that was missing has been looked at: it serves by itself again. */
static void come_back(struct zone_file *f)
{
	f->news = f->news || f->missing;
	f->missing = f->forget = false;
}

/* A file that is there: load it if it is new or has changed. Its age is that of this moment and
 * not of the scan, which may be a long one: else a file that is being written would look like
 * one with a time in the future. */
static void visit(
	struct zone_files *zf, struct zone_file *f, bool first, uint64_t now_ms, uint64_t *again_ms)
{
	struct stamp now = stamp_at(zf->folder->fd, f->name);
	uint64_t real_ms = clock_real_ms();
	bool due = f->retry_ms != 0 && now_ms >= f->retry_ms;

	/* a link to nothing, in a circle, through a closed folder: loading it says so */
	if (now.size < 0)
		now = stamp_of_entry(zf->folder->fd, f->name);
	if (now.size < 0) /* gone since the folder was listed: the next scan sees it */
		return;
	f->gone_since_ms = 0;
	if (stamp_equal(&now, &f->stamp) && !f->unsure && !due &&
		!(f->duplicate && zf->freed_apex) && !includes_changed(zf, f)) {
		if (f->retry_ms != 0)
			zone_files_again(again_ms, f->retry_ms);
		come_back(f);
		return;
	}
	if (!first && (!stamp_rested(&now, real_ms) || !includes_rested(zf, f, real_ms))) {
		zone_files_again(again_ms, now_ms + STAMP_REST_MS);
		return;
	}
	zone_file_load(zf, f, &now, now_ms, real_ms);
	come_back(f);
	zf->changed = true;
	if (f->unsure)
		zone_files_again(again_ms, now_ms + STAMP_REST_MS);
	if (f->retry_ms != 0)
		zone_files_again(again_ms, f->retry_ms);
}

/* Has any file been loaded? Most scans find nothing, and 20,000 claims are not settled for that. */
static bool has_next(const struct zone_files *zf)
{
	for (size_t i = 0; i < zf->count; i++)
		if (zf->file[i]->next != NULL)
			return true;
	return false;
}

/* Load what changed and let it serve. -1 without memory: what was loaded waits for the next
 * scan. */
static int load_changed(
	struct zone_files *zf, bool first, uint64_t now_ms, uint64_t real_ms, uint64_t *again_ms)
{
	for (size_t i = 0; i < zf->count && !atomic_load(zf->stop); i++) {
		if (zf->file[i]->listed)
			visit(zf, zf->file[i], first, now_ms, again_ms);
	}
	zf->freed_apex = false;
	if (has_next(zf) && zone_files_settle(zf, real_ms) < 0)
		return -1;
	for (size_t i = 0; i < zf->count; i++) {
		if (zf->file[i]->next == NULL)
			continue;
		zone_file_accept(zf, zf->file[i], real_ms);
		zf->changed = true;
		if (zf->file[i]->unsure)
			zone_files_again(again_ms, now_ms + STAMP_REST_MS);
	}
	if (zf->freed_apex) /* a zone left its apex to another file */
		zone_files_again(again_ms, now_ms + 1);
	return 0;
}

int zone_files_scan(struct zone_files *zf, bool first, uint64_t now_ms, uint64_t real_ms,
	uint64_t *again_ms, struct err *e)
{
	*again_ms = 0;
	if (zone_files_list(zf, first, now_ms, again_ms, e) < 0)
		return -1;
	if (load_changed(zf, first, now_ms, real_ms, again_ms) < 0)
		return err_at(
			e, zf->folder->path, 0, 0, "out of memory for %zu zone files", zf->count);
	return 0;
}

/* The apex that a file without any good version stands for; malloc'd, NULL when it is none or its
 * name says nothing. */
static struct dname *broken_apex(const struct zone_file *f)
{
	char origin[ZONE_ORIGIN_MAX];
	struct dname *apex;
	const char *why;

	if (f->zone != NULL || f->error == NULL || f->duplicate)
		return NULL;
	zone_file_origin(f, origin);
	apex = malloc(sizeof *apex);
	if (apex != NULL && dname_from_text(apex, origin, NULL, &why) == 0)
		return apex;
	free(apex);
	return NULL;
}

/* Does a good version serve although the file is broken now? */
static bool is_stale(const struct zone_file *f)
{
	return f->zone != NULL && f->error != NULL && !f->duplicate;
}

int zone_files_dataset(const struct zone_files *zf, struct dataset *d, struct err *e)
{
	struct zone **zones = calloc(zf->count + 1, sizeof *zones);
	const struct zone **stale = calloc(zf->count + 1, sizeof *stale);
	struct dname **broken = calloc(zf->count + 1, sizeof *broken);
	size_t zone_count = 0, stale_count = 0, broken_count = 0;
	int rc = -1;

	if (zones == NULL || stale == NULL || broken == NULL) {
		(void)err_set(e, "out of memory for %zu zones", zf->count);
		goto out;
	}
	for (size_t i = 0; i < zf->count; i++) {
		if (zf->file[i]->zone != NULL)
			zones[zone_count++] = zf->file[i]->zone;
		else if ((broken[broken_count] = broken_apex(zf->file[i])) != NULL)
			broken_count++;
		if (is_stale(zf->file[i]))
			stale[stale_count++] = zf->file[i]->zone;
	}
	rc = dataset_build(
		d, zones, zone_count, (const struct dname *const *)broken, broken_count, e);
	if (rc == 0 && dataset_set_stale(d, stale, stale_count, e) < 0) {
		dataset_clear(d);
		rc = -1;
	}
out:
	for (size_t i = 0; i < broken_count; i++)
		free(broken[i]);
	free(broken);
	free(stale);
	free(zones);
	return rc;
}
