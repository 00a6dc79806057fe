#include "dns/zone_copies.h"

#include "base/clock.h"
#include "base/io.h"
#include "dns/owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK_MAX 96u /* octets of the first line with its NUL */

int zone_copies_open(int state_fd, struct err *e)
{
	int fd;

	if (state_fd < 0)
		return -1;
	if (mkdirat(state_fd, COPIES_FOLDER, 0750) < 0 && errno != EEXIST)
		return err_set(e,
			"cannot make the folder of last good zones in the state folder: %s",
			strerror(errno));
	fd = openat(state_fd, COPIES_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e,
			"cannot open the folder of last good zones in the state folder: %s",
			strerror(errno));
	return fd;
}

#define MARK "; last good copy, content %016" PRIx64 ", without %zu DNSSEC records\n"

static void mark(const struct zone *z, char *out)
{
	(void)snprintf(out, MARK_MAX, MARK, zone_digest(z), zone_left_out(z));
}

/* The beginning of the copy that is there; "" without one. */
static void read_mark(int copies, const char *name, char *out)
{
	int fd = openat(copies, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, MARK_MAX - 1) : 0;

	out[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Is the copy that is there of this content? */
static bool is_current(int copies, const char *name, const char *wanted)
{
	char found[MARK_MAX];

	read_mark(copies, name, found);
	return strncmp(found, wanted, strlen(wanted)) == 0;
}

size_t zone_copy_left_out(int copies, const char *name)
{
	char found[MARK_MAX];
	uint64_t digest;
	size_t count;

	read_mark(copies, name, found);
	return sscanf(found, "; last good copy, content %" SCNx64 ", without %zu", &digest,
		       &count) == 2
		       ? count
		       : 0;
}

int zone_copy_write(int copies, struct zone_file *f, struct err *e)
{
	struct text text = {0};
	char first[MARK_MAX];
	struct stamp stamp;
	int rc = 0;

	mark(f->zone, first);
	if (!is_current(copies, f->name, first)) {
		text_puts(&text, first);
		zone_print(f->zone, &text);
		if (text.failed)
			rc = err_set(e, "out of memory for the last good copy of %s", f->name);
		else
			rc = file_write_atomic(copies, f->name, text.data, text.length, e);
		text_free(&text);
	}
	stamp = stamp_at(copies, f->name);
	f->copied_real_ms = stamp.size >= 0 ? (uint64_t)(stamp.modified_ns / 1000000) : 0;
	return rc;
}

bool zone_copy_keeps_serial(int copies, const char *name, const struct zone *z)
{
	const struct zone_pools pools = {.any = true}; /* the digest is of their names */
	struct report ignored = {0};
	char first[MARK_MAX];
	struct zone *copy = NULL;
	bool kept = false;

	mark(z, first);
	if (!is_current(copies, name, first) &&
		zone_load(copies, name, name, ".", &pools, &copy, &ignored) == 0) {
		kept = zone_serial(copy) == zone_serial(z) && zone_digest(copy) != zone_digest(z) &&
		       name_equal(zone_apex(copy), zone_apex(z));
		zone_free(copy);
	}
	report_free(&ignored);
	return kept;
}

void zone_copy_delete(int copies, const char *name)
{
	(void)unlinkat(copies, name, 0); /* gone already, or it is pruned at the next start */
}

static int compare_name(const void *key, const void *element)
{
	const struct zone_file *const *f = element;

	return strcmp(key, (*f)->name);
}

void zone_copies_prune(const struct zone_files *zf, struct dns_server *s)
{
	int fd = zf->copies >= 0 ? openat(zf->copies, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (zf->count > 0 && bsearch(entry->d_name, zf->file, zf->count, sizeof zf->file[0],
					     compare_name) != NULL)
			continue;
		if (!owner_begin(s))
			break;
		zone_copy_delete(zf->copies, entry->d_name);
		owner_end(s);
	}
	closedir(dir);
}
