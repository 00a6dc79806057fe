#include "dns/loader.h"

#include "base/clock.h"
#include "base/watch.h"
#include "dns/owner.h"
#include "dns/publish.h"
#include "dns/zone_copies.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICE_SERVING 10 /* 0 raises a worker's p99 from 0.15 to 3.6 ms, 19 starves under attack */

struct loader {
	struct dns_server *server;
	struct zone_files files;
	struct geo_files geo;
	const char **pool_names, **region_names;
	struct watch *watch;
	struct publishing publishing;
	uint64_t again_ms;        /* look again then without a reason; 0 = never yet */
	uint64_t copies_again_ms; /* a copy failed: none is tried before; 0 = none did */
	bool geo_changed;         /* another table than the dataset's serves next */
	bool copies_failed, watch_failed, scan_failed, swap_failed; /* told once */
	_Atomic bool ready;
	struct report misfits; /* of the first scan, when they refuse the generation */
};

/* ---- setting up ---- */

static int name_pools(struct loader *l, struct zone_pools *out)
{
	const struct conf *c = l->server->conf;

	l->pool_names = calloc(c->pool_count + 1, sizeof l->pool_names[0]);
	l->region_names = calloc(c->region_count + 1, sizeof l->region_names[0]);
	if (l->pool_names == NULL || l->region_names == NULL)
		return -1;
	for (size_t i = 0; i < c->pool_count; i++)
		l->pool_names[i] = c->pools[i].name;
	for (size_t i = 0; i < c->region_count; i++)
		l->region_names[i] = c->regions[i].name;
	*out = (struct zone_pools){.pools = l->pool_names,
		.pool_count = c->pool_count,
		.regions = l->region_names,
		.region_count = c->region_count,
		.conf = c};
	return 0;
}

/* A folder that cannot be watched is served all the same; its changes come with the next rescan. */
static void watch_folder(struct loader *l, int fd, const char *shown)
{
	struct err e;
	char text[ERR_TEXT_MAX + ERR_FILE_MAX];

	if (fd < 0 || watch_add(l->watch, fd, shown, &e) >= 0 || l->watch_failed)
		return;
	l->watch_failed = true;
	err_format(&e, text, sizeof text);
	dns_server_event(l->server, EVENT_NOTICE, LEVEL_ERROR, "dns", text);
}

int loader_open(struct loader **out, struct dns_server *s, struct err *e)
{
	const struct role_start *start = s->start;
	struct loader *l = calloc(1, sizeof *l);
	struct zone_pools pools;
	int copies;

	if (l == NULL)
		return err_set(e, "out of memory for the loader");
	l->server = s;
	if (name_pools(l, &pools) < 0) {
		err_set(e, "out of memory for the loader");
		goto fail;
	}
	if (watch_open(&l->watch, e) < 0)
		goto fail;
	watch_folder(l, start->zones.fd, start->zones.path);
	for (size_t i = 0; i < s->conf->database_count; i++)
		watch_folder(l, start->database[i].fd, start->database[i].path);
	e->text[0] = '\0';
	copies = zone_copies_open(start->state.fd, e);
	if (copies < 0 && e->text[0] != '\0')
		dns_server_event(s, EVENT_NOTICE, LEVEL_ERROR, "dns", e->text);
	zone_files_init(
		&l->files, &start->zones, copies, &pools, s->conf->zones.remove_after_ms, &s->stop);
	geo_files_init(&l->geo, start);
	*out = l;
	return 0;
fail:
	free(l->pool_names);
	free(l->region_names);
	free(l);
	return -1;
}

void loader_close(struct loader *l)
{
	struct dataset *data = atomic_exchange(&l->server->data, NULL);

	if (data != NULL) {
		dataset_clear(data);
		free(data);
	}
	zone_files_clear(&l->files);
	geo_files_clear(&l->geo);
	watch_close(l->watch);
	free(l->pool_names);
	free(l->region_names);
	report_free(&l->misfits);
	free(l);
}

static void look_again(struct loader *l, uint64_t at_ms)
{
	if (l->again_ms == 0 || at_ms < l->again_ms)
		l->again_ms = at_ms;
}

/* Also when nothing is told to change: links lead out of the watched folders, and network file
 * systems tell nothing. */
static void plan_rescan(struct loader *l, uint64_t now_ms)
{
	look_again(l, now_ms + l->server->conf->zones.rescan_ms);
}

/* ---- from files to a dataset ---- */

static int build_dataset(struct loader *l, struct dataset **out, struct err *e)
{
	struct dataset *data = calloc(1, sizeof *data);

	if (data == NULL)
		return err_set(e, "out of memory for %zu zones", l->files.count);
	data->conf = l->server->conf;
	data->steering = l->server->steering;
	data->geo = l->geo.table;
	if (zone_files_dataset(&l->files, data, e) < 0) {
		free(data);
		return -1;
	}
	*out = data;
	return 0;
}

/* Publish what the files say now, then free what nobody looks at any more. */
static int swap(struct loader *l, struct err *e)
{
	struct dns_server *s = l->server;
	struct dataset *new, *old;

	if (build_dataset(l, &new, e) < 0)
		return -1;
	old = atomic_exchange(&s->data, new);
	qsbr_wait(&s->qsbr);
	if (old != NULL) {
		dataset_clear(old);
		free(old);
	}
	zone_files_free_retired(&l->files);
	geo_free(l->geo.retired);
	l->geo.retired = NULL;
	l->files.changed = l->geo_changed = false;
	return 0;
}

static void tell_error(struct loader *l, const struct err *e)
{
	char text[ERR_TEXT_MAX + ERR_FILE_MAX];

	err_format(e, text, sizeof text);
	dns_server_event(l->server, EVENT_NOTICE, LEVEL_ERROR, "dns", text);
}

/* Watch the folders of included files, too. */
static void watch_includes(struct loader *l)
{
	for (size_t i = 0; i < l->files.count; i++) {
		const struct zone *z = l->files.file[i]->zone;

		if (!l->files.file[i]->news || z == NULL || l->files.file[i]->from_copy)
			continue;
		for (size_t k = 1; k < zone_file_count(z); k++) {
			const char *name = zone_file(z, k), *slash = strrchr(name, '/');
			char folder[ERR_FILE_MAX];
			int fd;

			if (slash == NULL)
				continue; /* in the zones folder itself */
			(void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - name), name);
			fd = openat(
				l->files.folder->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			watch_folder(l, fd, folder);
			if (fd >= 0)
				close(fd); /* the watch is on the inode */
		}
	}
}

/* The zones for the first time. The configuration of a reload must leave no POOL record without an
 * answer for ever; later, and at the server's start, one is no more than a warning of its zone. */
static int scan_first(struct loader *l, uint64_t now_ms, uint64_t real_ms, struct err *e)
{
	int rc;

	l->files.pools.misfits = l->server->start->replaces_conf ? &l->misfits : NULL;
	rc = zone_files_scan(&l->files, true, now_ms, real_ms, &l->again_ms, e);
	l->files.pools.misfits = NULL;
	if (rc == 0 && l->misfits.errors > 0) {
		*e = l->misfits.items[0];
		return -1;
	}
	return rc;
}

int loader_start(struct loader *l, struct err *e)
{
	uint64_t now_ms = clock_mono_ms(), real_ms = clock_real_ms();

	if (geo_files_start(&l->geo, real_ms, e) < 0 || scan_first(l, now_ms, real_ms, e) < 0)
		return -1;
	plan_rescan(l, now_ms);
	watch_includes(l);
	if (swap(l, e) < 0)
		return -1;
	atomic_store(&l->ready, true);
	return 0;
}

bool loader_is_ready(const struct loader *l)
{
	return atomic_load(&l->ready);
}

/* Databases that could not be loaded: unlike a zone they have no last good copy, and a new process
 * starts without what the one before it still had. */
void loader_warnings(const struct loader *l, char *out, size_t size)
{
	size_t loaded = 0, used = 0;

	for (size_t i = 0; i < l->geo.conf->database_count; i++)
		loaded += l->geo.file[i].served;
	out[0] = '\0';
	for (size_t i = 0; i < l->geo.conf->database_count && used + 1 < size; i++) {
		const struct geo_file *f = &l->geo.file[i];
		struct board_database before;
		char what[ERR_TEXT_MAX + ERR_FILE_MAX];
		int n;

		if (f->served)
			continue;
		if (!board_read_database(l->server->board, (uint32_t)i, &before) ||
			strcmp(before.path, l->geo.conf->databases[i].path) != 0)
			before.loaded_real_ms = 0;
		err_format(&f->error, what, sizeof what);
		n = snprintf(out + used, size - used,
			"geo database not loaded: %.300s; %sclients are placed by %s from now on\n",
			what,
			before.loaded_real_ms != 0
				? "what it said until now is not kept over a reload: "
				: "",
			loaded > 0 ? "the other databases and geo.networks" : "geo.networks alone");
		used += n > 0 ? (size_t)n : 0;
	}
}

/* ---- telling ---- */

/* One file's copy and what its row says of it, in one write. -1 with `e` as zone_copy_write(). */
static int write_copy(struct loader *l, struct zone_file *f, struct err *e)
{
	struct board_zone row;

	if (zone_copy_write(l->files.copies, f, e) < 0)
		return -1;
	f->copy_due = false;
	if (f->row == ZONE_ROW_NONE || !board_read_zone(l->server->board, f->row, &row))
		return 0;
	row.good_real_ms = f->copied_real_ms;
	board_write_zone(l->server->board, f->row, &row);
	return 0;
}

static bool changes_wait(const struct loader *l)
{
	struct pollfd p = {.fd = watch_fd(l->watch), .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* Copies that cannot be written stay due: the disk is full, or was for a moment. Said once, not
 * once a zone. */
static void write_copies(struct loader *l, uint64_t now_ms)
{
	struct err first;
	bool failed = false;

	if (now_ms < l->copies_again_ms) {
		look_again(l, l->copies_again_ms);
		return;
	}
	for (size_t i = 0; i < l->files.count && !atomic_load(&l->server->stop); i++) {
		struct zone_file *f = l->files.file[i];
		struct err e;
		int rc;

		if (!f->copy_due || l->files.copies < 0)
			continue;
		if (!owner_begin(l->server))
			return;
		rc = write_copy(l, f, &e);
		owner_end(l->server);
		if (rc < 0 && !failed)
			first = e;
		failed = failed || rc < 0;
		if (changes_wait(l)) { /* 20,000 copies take seconds: changes come first */
			look_again(l, now_ms);
			break;
		}
	}
	if (failed && !l->copies_failed)
		tell_error(l, &first);
	l->copies_failed = failed;
	l->copies_again_ms = failed ? now_ms + RETRY_LAST_MS : 0;
	if (failed)
		look_again(l, l->copies_again_ms);
}

static void publish_removed(struct loader *l)
{
	for (size_t i = 0; i < l->files.removed_count; i++) {
		/* the copy first: who sees that the zone has gone may rely on that it has */
		if (l->files.copies >= 0 && owner_begin(l->server)) {
			zone_copy_delete(l->files.copies, l->files.removed[i]->name);
			owner_end(l->server);
		}
		publish_zone_removed(l->server, &l->publishing, l->files.removed[i]);
	}
}

static void publish_news(struct loader *l)
{
	bool any = l->files.removed_count > 0;

	publish_removed(l);
	zone_files_forget(&l->files);
	for (size_t i = 0; i < l->files.count; i++) {
		if (!l->files.file[i]->news)
			continue;
		publish_zone(l->server, &l->publishing, l->files.file[i]);
		any = true;
	}
	if (any)
		publish_rest(l->server, &l->publishing, &l->files);
	for (size_t i = 0; i < l->server->conf->database_count; i++) {
		if (l->geo.file[i].news)
			publish_database(l->server, i, &l->geo.file[i]);
		l->geo.file[i].news = false;
	}
}

/* ---- following changes ---- */

/* Something failed that may work a little later, though no file changes until then. Told once. */
static void try_again(struct loader *l, const struct err *why, bool *failed, uint64_t now_ms)
{
	char text[ERR_TEXT_MAX + ERR_FILE_MAX + 64], what[ERR_TEXT_MAX + ERR_FILE_MAX];

	look_again(l, now_ms + RETRY_FIRST_MS);
	if (*failed)
		return;
	*failed = true;
	err_format(why, what, sizeof what);
	(void)snprintf(text, sizeof text, "%.180s; what was loaded stays in service", what);
	dns_server_event(l->server, EVENT_NOTICE, LEVEL_ERROR, "dns", text);
}

static void tell_mended(struct loader *l, bool *failed, const char *text)
{
	if (*failed)
		dns_server_event(l->server, EVENT_NOTICE, LEVEL_INFO, "dns", text);
	*failed = false;
}

/* What an operator wants forgotten. True when there is such a zone. */
static bool take_orders(struct loader *l)
{
	const struct board_control *control = l->server->board->control;
	bool any = false;

	for (size_t i = 0; l->files.missing > 0 && i < l->files.count; i++) {
		struct zone_file *f = l->files.file[i];

		if (!f->missing || f->gone_since_ms == 0 || f->row >= BOARD_ZONES_MAX ||
			atomic_load_explicit(&control->forget[f->row], memory_order_acquire) !=
				f->gone_since_ms)
			continue;
		any = f->forget = true;
	}
	return any;
}

void loader_step(struct loader *l, uint64_t now_ms)
{
	bool moved = watch_read(l->watch) != 0, ordered = take_orders(l);
	struct err e;

	if (!moved && !ordered && (l->again_ms == 0 || now_ms < l->again_ms))
		return;
	if (!owner_is_self(l->server))
		return; /* a newer generation serves */
	if (zone_files_scan(&l->files, false, now_ms, clock_real_ms(), &l->again_ms, &e) < 0)
		try_again(l, &e, &l->scan_failed, now_ms);
	else
		tell_mended(l, &l->scan_failed, "the zones folder can be read again");
	if (geo_files_scan(&l->geo, now_ms, clock_real_ms(), &l->again_ms))
		l->geo_changed = true;
	plan_rescan(l, now_ms);
	if (l->files.changed || l->geo_changed) {
		watch_includes(l);
		if (swap(l, &e) < 0) {
			try_again(l, &e, &l->swap_failed, now_ms);
			return; /* nothing is announced that is not served */
		}
		tell_mended(l, &l->swap_failed, "what was loaded meanwhile is in service now");
	}
	publish_news(l);
	write_copies(l, now_ms);
}

void loader_take_over(struct loader *l)
{
	uint64_t now_ms = clock_mono_ms();

	if (!publish_take_over(l->server, &l->files))
		return;
	if (l->files.missing > 0) { /* they may be back since loader_start(): look, then tell */
		look_again(l, now_ms);
		loader_step(l, now_ms);
	} else {
		publish_news(l);
	}
	zone_copies_prune(&l->files, l->server);
	write_copies(l, clock_mono_ms());
}

static void be_nice(struct loader *l, bool starting)
{
	/* at the first start, and after a crash of the one generation, nobody answers until
	 * this is done */
	if (starting && !owner_is_other(l->server))
		return;
	(void)setpriority(PRIO_PROCESS, 0, NICE_SERVING); /* of this thread only, on Linux */
}

/* All reasons, one a line, the first one is `first`. */
static void tell_failure(struct loader *l, const struct err *first)
{
	const size_t most = DNS_FAILURE_MAX - ERR_LINE_MAX; /* one line more fits in any case */
	char line[ERR_LINE_MAX];
	struct text out = {0};
	size_t told = 1;

	err_format(first, line, sizeof line);
	text_puts(&out, line);
	for (; told < l->misfits.count && out.length < most; told++) {
		err_format(&l->misfits.items[told], line, sizeof line);
		text_printf(&out, "\n%s", line);
	}
	if (told < l->misfits.errors)
		text_printf(
			&out, "\n(and %zu more: see `waymark check`)", l->misfits.errors - told);
	dns_server_fail(l->server, "%s", out.data != NULL ? out.data : line);
	text_free(&out);
}

void *loader_run(void *arg)
{
	struct loader *l = arg;
	struct err e;

	be_nice(l, true);
	if (loader_start(l, &e) < 0) {
		tell_failure(l, &e);
		return NULL;
	}
	dns_server_wake(l->server);
	if (!dns_server_wait_go(l->server))
		return NULL;
	be_nice(l, false);
	loader_take_over(l);
	while (!atomic_load(&l->server->stop)) {
		struct pollfd p = {.fd = watch_fd(l->watch), .events = POLLIN};

		(void)poll(&p, 1, LOADER_LOOK_MS);
		loader_step(l, clock_mono_ms());
	}
	return NULL;
}
