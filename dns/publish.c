#include "dns/publish.h"

#include "base/clock.h"
#include "base/text.h"
#include "dns/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows of zones ---- */

static int compare_file(const void *key, const void *element)
{
	const struct zone_file *const *f = element;

	return strncmp(key, (*f)->name, sizeof((struct board_zone *)0)->file - 1);
}

static struct zone_file *find_file(const struct zone_files *zf, const char *name)
{
	struct zone_file **f = NULL;

	if (zf->count > 0)
		f = bsearch(name, zf->file, zf->count, sizeof zf->file[0], compare_file);
	return f != NULL ? *f : NULL;
}

/* A row for `f`: its own, a new one, a free one, or none: then it gets one with its first news
 * after others went. */
static uint32_t find_row(struct dns_server *s, struct publishing *p, struct zone_file *f)
{
	struct board_dns *dns = s->board->dns;
	uint32_t count = atomic_load(&dns->zone_count);

	if (f->row != ZONE_ROW_NONE)
		return f->row;
	if (count < BOARD_ZONES_MAX) {
		atomic_store(&dns->zone_count, count + 1);
		return f->row = count;
	}
	for (; p->searched < BOARD_ZONES_MAX; p->searched++) {
		if (dns->zone[p->searched].name[0] == '\0') /* only this process writes it */
			return f->row = p->searched++;
	}
	return ZONE_ROW_NONE;
}

/* The zone's name for people: its apex, or what the file's name says, without the last dot. */
static void name_of(const struct zone_file *f, char *out, size_t size)
{
	char text[NAME_TEXT_MAX], origin[ZONE_ORIGIN_MAX];
	const char *name = origin;
	size_t length;

	zone_file_origin(f, origin);
	if (f->zone != NULL)
		name = name_format(zone_apex(f->zone), text);
	length = strlen(name);
	(void)snprintf(out, size, "%.*s", (int)(length > 1 ? length - 1 : length), name);
}

static void describe(const struct dns_server *s, const struct zone_file *f, struct board_zone *row)
{
	*row = (struct board_zone){.loaded_real_ms = f->zone != NULL ? f->loaded_real_ms : 0,
		.good_real_ms = f->copied_real_ms,
		.failed_real_ms = f->error != NULL ? f->failed_real_ms : 0};
	name_of(f, row->name, sizeof row->name);
	(void)snprintf(row->file, sizeof row->file, "%s", f->name);
	if (f->error != NULL)
		(void)snprintf(row->error, sizeof row->error, "%s", f->error);
	if (f->zone == NULL)
		return;
	row->serial = zone_serial(f->zone);
	row->records = (uint32_t)zone_record_count(f->zone);
	row->left_out = (uint32_t)f->left_out;
	row->flags = ZONE_SERVED |
		     (f->error != NULL || f->from_copy || f->missing ? ZONE_STALE : 0) |
		     (f->missing ? ZONE_MISSING : 0);
	if (!f->missing)
		return;
	row->gone_ms = f->gone_since_ms;
	row->remove_ms = f->gone_since_ms + s->conf->zones.remove_after_ms;
}

/* ---- events ---- */

static void emit(struct dns_server *s, enum event_kind kind, enum log_level level,
	const char *object, const char *from, const char *to, const char *text)
{
	struct event e = {.kind = (uint8_t)kind,
		.level = (uint8_t)level,
		.role = ROLE_DNS,
		.generation = s->start->generation->number};

	(void)snprintf(e.object, sizeof e.object, "%s", object);
	(void)snprintf(e.from, sizeof e.from, "%s", from);
	(void)snprintf(e.to, sizeof e.to, "%s", to);
	(void)snprintf(e.text, sizeof e.text, "%s", text);
	event_emit(board_ring(s->board, ROLE_DNS), &e);
}

static bool may_tell(struct publishing *p, uint32_t *untold)
{
	if (p->events < ZONE_EVENTS_MAX) {
		p->events++;
		return true;
	}
	++*untold;
	return false;
}

static uint32_t *untold(struct publishing *p, const struct zone_file *f)
{
	return f->missing         ? &p->untold_missing
	       : f->error != NULL ? &p->untold_errors
				  : &p->untold_loads;
}

static const char *state_word(const struct board_zone *z)
{
	if (z->name[0] == '\0')
		return "none";
	if ((z->flags & ZONE_SERVED) == 0)
		return "refused";
	if ((z->flags & ZONE_MISSING) != 0)
		return "missing";
	return (z->flags & ZONE_STALE) != 0 ? "stale" : "serving";
}

static void tell_missing(
	struct dns_server *s, const struct board_zone *old, const struct board_zone *new)
{
	uint64_t now_ms = clock_mono_ms(),
		 left_ms = new->remove_ms > now_ms ? new->remove_ms - now_ms : 0;
	char until[CLOCK_TEXT_MAX], text[512];

	(void)snprintf(text, sizeof text,
		"%.100s is gone; serial %u serves on until %s (`waymark zones forget %.60s` ends "
		"that)",
		new->file, new->serial, clock_format(clock_real_ms() + left_ms, until), new->name);
	emit(s, EVENT_ZONE, LEVEL_WARNING, new->name, state_word(old), "missing", text);
}

static void tell_zone(struct dns_server *s, const struct zone_file *f, const struct board_zone *old,
	const struct board_zone *new)
{
	const char *from = state_word(old), *to = state_word(new);
	char text[512];

	if (f->missing) {
		tell_missing(s, old, new);
		return;
	}
	if (f->error != NULL) {
		if (f->zone != NULL)
			(void)snprintf(text, sizeof text, "%.180s; serial %u stays in service",
				f->error, new->serial);
		else
			(void)snprintf(text, sizeof text, "%.180s%s", f->error,
				f->duplicate ? "" : "; its names get SERVFAIL");
		emit(s, EVENT_ZONE, LEVEL_ERROR, new->name, from, to, text);
		return;
	}
	(void)snprintf(text, sizeof text, "%sloaded %s: serial %u, %u records",
		(old->flags & ZONE_MISSING) != 0 ? "its file is back: " : "", new->file,
		new->serial, new->records);
	emit(s, EVENT_ZONE, LEVEL_INFO, new->name, from, to, text);
	if (f->warning != NULL)
		emit(s, EVENT_ZONE, LEVEL_WARNING, new->name, "", "", f->warning);
	if (f->serial_kept)
		emit(s, EVENT_ZONE, LEVEL_WARNING, new->name, "", "",
			"the content changed and the serial did not");
}

/* Would the same thing be told again, by a restarted role or a new generation? */
static bool is_known(const struct board_zone *old, const struct board_zone *new)
{
	return old->name[0] != '\0' && old->serial == new->serial && old->records == new->records &&
	       old->flags == new->flags &&
	       old->left_out == new->left_out &&strcmp(old->error, new->error) == 0 &&
	       strcmp(old->name, new->name) == 0;
}

/* At every load, also one by a new process: a signed zone that nobody can validate is found in the
 * log of any day. */
static void tell_left_out(struct dns_server *s, const struct zone_file *f, const char *zone)
{
	char text[256];

	if (f->error != NULL || f->missing || f->left_out == 0)
		return;
	(void)snprintf(text, sizeof text, "%zu " ZONE_LEFT_OUT_TEXT, f->left_out);
	emit(s, EVENT_ZONE, LEVEL_WARNING, zone, "", "", text);
}

void publish_zone(struct dns_server *s, struct publishing *p, struct zone_file *f)
{
	struct board_zone old = {0}, new;
	bool first = f->row != ZONE_ROW_NONE && !f->told;
	uint32_t row;

	describe(s, f, &new);
	if (!owner_begin(s))
		return;
	row = find_row(s, p, f);
	if (row != ZONE_ROW_NONE) {
		if (!board_read_zone(s->board, row, &old))
			old = (struct board_zone){0};
		board_write_zone(s->board, row, &new);
	}
	owner_end(s);
	if (f->news && !(first && is_known(&old, &new)) && may_tell(p, untold(p, f))) {
		tell_zone(s, f, &old, &new);
		tell_left_out(s, f, new.name);
	} else if (f->news && f->error == NULL && !f->missing && f->left_out > 0 &&
		   may_tell(p, untold(p, f))) {
		tell_left_out(s, f, new.name);
	}
	f->news = false;
	f->told = true;
}

static void tell_removed(
	struct dns_server *s, const struct zone_file *f, const char *name, const char *was)
{
	uint32_t after_ms = s->conf->zones.remove_after_ms;
	char span[DURATION_TEXT_MAX], text[256];

	if (f->duplicate && f->error != NULL) { /* its zone may serve, from another file */
		emit(s, EVENT_ZONE, LEVEL_INFO, name, "", "", f->error);
		return;
	}
	if (!f->was_served || f->forget) {
		emit(s, EVENT_ZONE, LEVEL_INFO, name, was, "none",
			f->forget ? "its file is gone, and it was to be forgotten: served no more"
				  : "its file was removed");
		return;
	}
	(void)snprintf(text, sizeof text,
		"its file %s%s: served no more, and its last good copy is deleted",
		after_ms > 0 ? "has been gone for " : "was removed",
		after_ms > 0 ? duration_format(after_ms, span) : "");
	emit(s, EVENT_ZONE, LEVEL_WARNING, name, was, "none", text);
}

void publish_zone_removed(struct dns_server *s, struct publishing *p, struct zone_file *f)
{
	const struct board_zone empty = {0};
	struct board_zone old = {0};
	char name[256];

	name_of(f, name, sizeof name);
	if (!owner_begin(s))
		return;
	if (f->row != ZONE_ROW_NONE) {
		if (board_read_zone(s->board, f->row, &old) && old.name[0] != '\0')
			(void)snprintf(name, sizeof name, "%s", old.name);
		board_write_zone(s->board, f->row, &empty);
	}
	owner_end(s);
	if (f->row == ZONE_ROW_NONE && !f->told)
		return; /* of one that nobody has heard of, or that is told to be gone already */
	if (may_tell(p, f->was_served ? &p->untold_missing : &p->untold_loads))
		tell_removed(s, f, name, state_word(&old));
}

/* ---- taking over ---- */

/* What the process before this one said of the file. */
static void adopt(
	struct zone_files *zf, struct zone_file *f, uint32_t row, const struct board_zone *old)
{
	f->row = row;
	if ((old->flags & ZONE_MISSING) == 0)
		return;
	zf->missing += !f->missing; /* that it was here when this process looked is older */
	f->missing = true;
	f->gone_since_ms = old->gone_ms;
}

/* A row that nothing here stands for. */
static bool clear_row(struct dns_server *s, uint32_t row, const struct board_zone *old)
{
	const struct board_zone empty = {0};

	if (!owner_begin(s))
		return false;
	board_write_zone(s->board, row, &empty);
	owner_end(s);
	if ((old->flags & ZONE_SERVED) != 0)
		emit(s, EVENT_ZONE, LEVEL_WARNING, old->name, state_word(old), "none",
			"its file is gone and there is no last good copy that could be read: "
			"served no more");
	return true;
}

/* Files that have been gone for longer than this process lives, and no row: the process before this
 * one has dropped their zones while this one was loading. */
static void forget_dropped(const struct zone_files *zf)
{
	for (size_t i = 0; i < zf->count; i++)
		if (zf->file[i]->missing && zf->file[i]->row == ZONE_ROW_NONE)
			zf->file[i]->forget = true;
}

bool publish_take_over(struct dns_server *s, struct zone_files *zf)
{
	struct board_dns *dns = s->board->dns;
	bool first = atomic_load(&dns->owner) == 0; /* of this board: nobody has dropped anything */
	uint32_t count;

	if (!owner_take(s))
		return false;
	count = atomic_load(&dns->zone_count);
	for (uint32_t row = 0; row < count && row < BOARD_ZONES_MAX; row++) {
		struct board_zone old = {0};
		struct zone_file *f = NULL;

		if (board_read_zone(s->board, row, &old) && old.name[0] != '\0')
			f = find_file(zf, old.file);
		if (f != NULL && f->row == ZONE_ROW_NONE)
			adopt(zf, f, row, &old);
		else if (!clear_row(s, row, &old))
			return false;
	}
	if (!first && atomic_load(&dns->zones_unlisted) == 0)
		forget_dropped(zf);
	return true;
}

/* ---- the end of a round ---- */

/* Zones that BOARD_ZONES_MAX leaves without a row are counted on the board, and told once. */
static void tell_full(struct dns_server *s, struct publishing *p, const struct zone_files *zf)
{
	uint32_t unlisted = 0;
	char text[160];

	for (size_t i = 0; i < zf->count; i++)
		unlisted += zf->file[i]->told && zf->file[i]->row == ZONE_ROW_NONE;
	if (!owner_begin(s))
		return;
	atomic_store(&s->board->dns->zones_unlisted, unlisted);
	owner_end(s);
	if (unlisted > 0 && !p->full_told) {
		(void)snprintf(text, sizeof text,
			"all %u rows for zones are taken: %u zones are served but missing from "
			"`waymark zones`",
			BOARD_ZONES_MAX, unlisted);
		emit(s, EVENT_ZONE, LEVEL_WARNING, "", "", "", text);
	}
	p->full_told = unlisted > 0;
}

void publish_rest(struct dns_server *s, struct publishing *p, const struct zone_files *zf)
{
	char text[160];

	if (p->untold_loads + p->untold_errors + p->untold_missing > 0) {
		(void)snprintf(text, sizeof text,
			"%u more zones changed, %u more have errors, %u more have lost their "
			"files: see `waymark zones`",
			p->untold_loads, p->untold_errors, p->untold_missing);
		emit(s, EVENT_ZONE,
			p->untold_errors > 0    ? LEVEL_ERROR
			: p->untold_missing > 0 ? LEVEL_WARNING
						: LEVEL_INFO,
			"", "", "", text);
	}
	tell_full(s, p, zf);
	*p = (struct publishing){.full_told = p->full_told};
}

void publish_database(struct dns_server *s, size_t index, const struct geo_file *f)
{
	struct board_database row = {.networks = f->info.networks,
		.loaded_real_ms = f->served ? f->loaded_real_ms : 0,
		.built_real_ms = f->info.built_s * 1000,
		.failed_real_ms = f->error.text[0] != '\0' ? f->failed_real_ms : 0};
	const char *path = s->conf->databases[index].path;
	char text[ERR_FILE_MAX + ERR_TEXT_MAX];
	struct board_database old;

	(void)snprintf(row.path, sizeof row.path, "%s", path);
	(void)snprintf(row.type, sizeof row.type, "%s", f->info.type);
	if (f->error.text[0] != '\0')
		err_format(&f->error, row.error, sizeof row.error);
	if (!owner_begin(s))
		return;
	if (!board_read_database(s->board, (uint32_t)index, &old))
		old = (struct board_database){0};
	board_write_database(s->board, (uint32_t)index, &row);
	owner_end(s);
	if (strcmp(old.path, row.path) == 0 && strcmp(old.error, row.error) == 0 &&
		old.networks == row.networks && old.built_real_ms == row.built_real_ms)
		return; /* told by the process before this one */
	if (row.error[0] != '\0') {
		(void)snprintf(text, sizeof text, "%.200s; %s", row.error,
			f->served ? "the old data stay in service" : "answers do without it");
		emit(s, EVENT_DATABASE, LEVEL_ERROR, path, "", f->served ? "stale" : "refused",
			text);
		return;
	}
	(void)snprintf(text, sizeof text, "loaded: %s, %u networks", row.type, row.networks);
	emit(s, EVENT_DATABASE, LEVEL_INFO, path, "", "serving", text);
}
