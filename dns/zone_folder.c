/*
 * Which files there are: the listing of the zones folder, merged with what is known, and the files
 * that are gone from it.
 */
#include "dns/zone_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listing {
	char **name; /* sorted */
	size_t count, capacity;
};

static void free_listing(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->name[i]);
	free(l->name);
}

static bool is_zone_name(const char *name)
{
	size_t length = strlen(name), suffix = sizeof ZONE_SUFFIX - 1;

	return name[0] != '.' && length > suffix &&
	       strcmp(name + length - suffix, ZONE_SUFFIX) == 0;
}

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int list_folder(const struct start_folder *folder, struct listing *out, struct err *e)
{
	int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return err_at(
			e, folder->path, 0, 0, "cannot read this folder: %s", strerror(errno));
	}
	/* it looks empty; another at its place is the supervisor's business */
	if (fstat(fd, &st) == 0 && st.st_nlink == 0) {
		closedir(dir);
		return err_at(e, folder->path, 0, 0, "this folder was removed");
	}
	for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
		if (!is_zone_name(entry->d_name))
			continue;
		if (!zone_files_grow(&out->name, &out->capacity, out->count, sizeof out->name[0]) ||
			(out->name[out->count] = strdup(entry->d_name)) == NULL) {
			errno = ENOMEM;
			break;
		}
		out->count++;
	}
	if (errno != 0) {
		(void)err_at(e, folder->path, 0, 0, "cannot read this folder: %s", strerror(errno));
		closedir(dir);
		return -1;
	}
	closedir(dir);
	if (out->count > 0)
		qsort(out->name, out->count, sizeof out->name[0], compare_names);
	return 0;
}

static struct zone_file *new_file(char *name)
{
	struct zone_file *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->name = name;
	f->row = ZONE_ROW_NONE;
	f->stamp.size = -1;
	f->listed = true;
	return f;
}

/* Make zf->file the sorted union of what was known and what is listed; takes the names of new
 * files out of `l`. -1 without memory for all of them. */
static int merge(struct zone_files *zf, struct listing *l)
{
	struct zone_file **all = calloc(zf->count + l->count + 1, sizeof *all);
	size_t n = 0, i = 0, k = 0;
	int rc = 0;

	if (all == NULL)
		return -1;
	while (i < zf->count || k < l->count) {
		int order = i == zf->count  ? 1
			    : k == l->count ? -1
					    : strcmp(zf->file[i]->name, l->name[k]);

		if (order <= 0) {
			zf->file[i]->listed = order == 0;
			all[n++] = zf->file[i++];
			k += order == 0;
			continue;
		}
		all[n] = new_file(l->name[k]);
		if (all[n] != NULL) {
			n++;
			l->name[k] = NULL;
		} else {
			rc = -1;
		}
		k++;
	}
	free(zf->file);
	zf->file = all;
	zf->count = n;
	return rc;
}

/* A file that is not there (any more). True: it is removed now. */
static bool visit_gone(
	struct zone_files *zf, struct zone_file *f, uint64_t now_ms, uint64_t *again_ms)
{
	if (f->gone_since_ms == 0)
		f->gone_since_ms = now_ms;
	if (!f->missing && now_ms - f->gone_since_ms < GONE_MS) {
		zone_files_again(again_ms, f->gone_since_ms + GONE_MS);
		return false;
	}
	if (f->zone == NULL || f->forget)
		return true;
	if (!f->missing) {
		f->missing = f->news = true;
		zf->freed_apex = true; /* of two files the other may have it now */
	}
	if (now_ms >= f->gone_since_ms + zf->remove_after_ms)
		return true;
	zone_files_again(again_ms, f->gone_since_ms + zf->remove_after_ms);
	return false;
}

/* Take the files that are gone out of the list. */
static int sort_out_gone(struct zone_files *zf, uint64_t now_ms, uint64_t *again_ms)
{
	size_t kept = 0;
	int rc = 0;

	zf->missing = 0;
	for (size_t i = 0; i < zf->count; i++) {
		struct zone_file *f = zf->file[i];

		if (f->listed || !visit_gone(zf, f, now_ms, again_ms)) {
			zf->missing += !f->listed && f->missing;
			zf->file[kept++] = f;
			continue;
		}
		if (!zone_files_grow(&zf->removed, &zf->removed_capacity, zf->removed_count,
			    sizeof zf->removed[0])) {
			zf->file[kept++] = f; /* until there is memory */
			rc = -1;
			continue;
		}
		f->was_served = f->zone != NULL;
		zone_files_retire(zf, f->zone);
		zone_free(f->next);
		f->zone = f->next = NULL;
		zf->freed_apex = zf->changed = true;
		zf->removed[zf->removed_count++] = f;
	}
	zf->count = kept;
	return rc;
}

static int compare_files(const void *a, const void *b)
{
	const struct zone_file *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* At the first scan: files of which only the last good copy is left. They went while nobody looked,
 * or an earlier process has missed them already: then it says since when (publish.c). */
static int add_copies(struct zone_files *zf, uint64_t now_ms, uint64_t *again_ms)
{
	const struct start_folder folder = {zf->copies, COPIES_FOLDER};
	struct listing listing = {0};
	size_t known = zf->count;
	struct zone_file **all;
	struct err ignored;

	if (zf->copies < 0 || list_folder(&folder, &listing, &ignored) < 0 || listing.count == 0) {
		free_listing(&listing);
		return 0;
	}
	all = reallocarray(zf->file, zf->count + listing.count, sizeof *all);
	if (all == NULL) {
		free_listing(&listing);
		return -1;
	}
	zf->file = all;
	for (size_t i = 0; i < listing.count; i++) {
		const struct zone_file key = {.name = listing.name[i]}, *const wanted = &key;
		struct zone_file *f;

		if (known > 0 && bsearch(&wanted, all, known, sizeof all[0], compare_files) != NULL)
			continue;
		f = new_file(listing.name[i]);
		if (f == NULL)
			continue; /* its copy stays for a process with more memory */
		listing.name[i] = NULL;
		f->listed = false;
		f->missing = f->news = true;
		f->gone_since_ms = now_ms;
		zone_file_load_copy(zf, f);
		all[zf->count++] = f;
		zf->missing++;
	}
	free_listing(&listing);
	if (zf->count > known) {
		qsort(all, zf->count, sizeof all[0], compare_files);
		zone_files_again(again_ms, now_ms + 1);
	}
	return 0;
}

int zone_files_list(
	struct zone_files *zf, bool first, uint64_t now_ms, uint64_t *again_ms, struct err *e)
{
	struct listing listing = {0};
	int rc = list_folder(zf->folder, &listing, e);

	if (rc == 0 && (merge(zf, &listing) < 0 || sort_out_gone(zf, now_ms, again_ms) < 0 ||
			       (first && add_copies(zf, now_ms, again_ms) < 0)))
		rc = err_at(e, zf->folder->path, 0, 0, "out of memory for %zu zone files",
			listing.count);
	free_listing(&listing);
	return rc;
}
