/* One zone file: reading it, or its last good copy, and taking over what was read. */
#include "dns/zone_files.h"

#include "base/clock.h"
#include "base/io.h"
#include "dns/zone_copies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void zone_file_origin(const struct zone_file *f, char *out)
{
	(void)snprintf(out, ZONE_ORIGIN_MAX, "%.*s.",
		(int)(strlen(f->name) - (sizeof ZONE_SUFFIX - 1)), f->name);
}

void zone_file_set_error(struct zone_file *f, char *error, uint64_t real_ms)
{
	if (f->error == NULL || error == NULL || strcmp(f->error, error) != 0) {
		f->failed_real_ms = real_ms;
		f->news = true;
	}
	free(f->error);
	f->error = error;
}

/* The first message of a severity and how many more there are; malloc'd, NULL when there is
 * none. */
static char *first_message(const struct report *r, enum severity severity, size_t total)
{
	char text[ERR_FILE_MAX + ERR_TEXT_MAX + 64];
	struct text out = {0};

	for (size_t i = 0; i < r->count; i++) {
		if (r->items[i].severity != severity)
			continue;
		err_format(&r->items[i], text, sizeof text);
		text_puts(&out, text);
		if (total > 1)
			text_printf(&out, " (and %zu more)", total - 1);
		return out.data;
	}
	return NULL;
}

/* Can its errors go away without any change to itself? Those of a file that mentions another
 * can, and of one that cannot be read: the disk, or too few descriptors or too little memory for
 * a moment. */
static bool may_mend_itself(const struct zone_files *zf, const struct zone_file *f)
{
	static const char word[] = "$INCLUDE";
	size_t length, size = sizeof word - 1;
	char *text;
	bool found = false;

	if (file_read(zf->folder->fd, f->name, ZONE_FILE_MAX, &text, &length, NULL) < 0)
		return true;
	for (size_t i = 0; i + size <= length && !found; i++)
		found = text[i] == '$' && strncasecmp(text + i, word, size) == 0;
	free(text);
	return found;
}

static void plan_retry(struct zone_files *zf, struct zone_file *f, uint64_t now_ms)
{
	if (!may_mend_itself(zf, f)) {
		f->retry_ms = f->retry_wait_ms = 0;
		return;
	}
	f->retry_wait_ms = f->retry_wait_ms == 0              ? RETRY_FIRST_MS
			   : f->retry_wait_ms < RETRY_LAST_MS ? f->retry_wait_ms * 2
							      : RETRY_LAST_MS;
	f->retry_ms = now_ms + f->retry_wait_ms;
}

void zone_file_load_copy(struct zone_files *zf, struct zone_file *f)
{
	struct report ignored = {0};
	char origin[ZONE_ORIGIN_MAX];
	struct stamp stamp;

	if (zf->copies < 0)
		return;
	stamp = stamp_at(zf->copies, f->name);
	zone_file_origin(f, origin);
	if (stamp.size < 0 ||
		zone_load(zf->copies, f->name, f->name, origin, &zf->pools, &f->next, &ignored) < 0)
		f->next = NULL;
	f->next_is_copy = f->next != NULL;
	if (f->next_is_copy) {
		f->copied_real_ms = (uint64_t)(stamp.modified_ns / 1000000);
		f->next_left_out = zone_copy_left_out(zf->copies, f->name);
	}
	report_free(&ignored);
}

/* What the zone includes is compared with this from now on, also when its new version is
 * refused. */
static void renew_includes(const struct zone_files *zf, struct zone_file *f)
{
	for (size_t i = 0; f->zone != NULL && i < f->include_count; i++)
		f->include[i] = stamp_at(zf->folder->fd, zone_file(f->zone, i + 1));
}

/* Read the file as it is now: sets `next` or `error`. */
void zone_file_load(struct zone_files *zf, struct zone_file *f, const struct stamp *stamp,
	uint64_t now_ms, uint64_t real_ms)
{
	struct report report = {0};
	char origin[ZONE_ORIGIN_MAX];
	char *error = NULL;

	zone_free(f->next); /* left over when memory was too short to accept it */
	renew_includes(zf, f);
	f->stamp = *stamp;
	f->unsure = !stamp_rested(stamp, real_ms);
	f->duplicate = f->next_is_copy = false;
	zone_file_origin(f, origin);
	if (zone_load(zf->folder->fd, f->name, f->name, origin, &zf->pools, &f->next, &report) <
		0) {
		f->next = NULL;
		error = first_message(&report, SEVERITY_ERROR, report.errors);
		if (error == NULL)
			error = strdup("out of memory");
	} else {
		free(f->warning);
		f->next_left_out = zone_left_out(f->next);
		/* that records are left out is told for itself (publish.c) */
		f->warning = report.warnings > (f->next_left_out > 0)
				     ? first_message(&report, SEVERITY_WARNING, report.warnings)
				     : NULL;
	}
	report_free(&report);
	if (f->next == NULL && error == NULL) { /* no memory even for the words */
		f->unsure = true;
		return;
	}
	if (error == NULL) {
		f->retry_ms = f->retry_wait_ms = 0;
		return;
	}
	zone_file_set_error(f, error, real_ms);
	plan_retry(zf, f, now_ms);
	if (f->zone == NULL)
		zone_file_load_copy(zf, f);
}

/* Could the file have changed while it was read? Only the kernel sets this time. */
static bool is_fresh(const struct stamp *s, uint64_t since_real_ms)
{
	uint64_t changed_ms = (uint64_t)(s->changed_ns / 1000000);

	return s->size < 0 ||
	       (changed_ms + STAMP_REST_MS >= since_real_ms && changed_ms <= clock_real_ms());
}

/* The files that f->zone includes; the scan that read them began at real_ms. Their names are known
 * only now that they have been read, so one that is younger than that is read again. */
static void note_includes(const struct zone_files *zf, struct zone_file *f, uint64_t real_ms)
{
	size_t count = zone_file_count(f->zone) - 1;

	free(f->include);
	f->include_count = 0;
	f->include = count > 0 ? calloc(count, sizeof f->include[0]) : NULL;
	if (f->include == NULL)
		return;
	f->include_count = count;
	renew_includes(zf, f);
	for (size_t i = 0; i < count; i++)
		f->unsure = f->unsure || is_fresh(&f->include[i], real_ms);
}

void zone_file_accept(struct zone_files *zf, struct zone_file *f, uint64_t real_ms)
{
	struct zone *old = f->zone;
	bool same = old != NULL && zone_digest(old) == zone_digest(f->next) &&
		    f->left_out == f->next_left_out &&
		    name_equal(zone_apex(old), zone_apex(f->next));

	if (f->next_is_copy) {
		f->from_copy = true;
		f->loaded_real_ms = f->copied_real_ms;
	} else {
		f->news = f->news || !same || f->error != NULL;
		f->serial_kept = old != NULL && !same &&
				 name_equal(zone_apex(old), zone_apex(f->next)) &&
				 zone_serial(old) == zone_serial(f->next);
		f->copy_due = f->copy_due || !same || f->from_copy;
		f->from_copy = false;
		f->loaded_real_ms = real_ms;
		f->failed_real_ms = 0;
		free(f->error);
		f->error = NULL;
	}
	f->zone = f->next;
	f->left_out = f->next_left_out;
	f->next = NULL;
	if (!f->next_is_copy)
		note_includes(zf, f, real_ms);
	if (old != NULL && !name_equal(zone_apex(old), zone_apex(f->zone)))
		zf->freed_apex = true;
	zone_files_retire(zf, old);
}
