#include "dns/loader.h"

#include "base/clock.h"
#include "base/watch.h"
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
	uint64_t again_ms; /* look again then without a reason; 0 = only with one */
	bool copies_failed, watch_failed, scan_failed; /* told once */
	_Atomic bool ready;
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
		.region_count = c->region_count};
	return 0;
}

/* A folder that cannot be watched is served all the same; its changes come with the next reload. */
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
	zone_files_init(&l->files, &start->zones, copies, &pools, &s->stop);
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
	free(l);
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
	old = atomic_exchange_explicit(&s->data, new, memory_order_acq_rel);
	qsbr_wait(&s->qsbr);
	if (old != NULL) {
		dataset_clear(old);
		free(old);
	}
	zone_files_free_retired(&l->files);
	geo_free(l->geo.retired);
	l->geo.retired = NULL;
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

int loader_start(struct loader *l, struct err *e)
{
	uint64_t now_ms = clock_mono_ms(), real_ms = clock_real_ms();
	struct scan_result found;
	struct err scan_error;

	if (geo_files_start(&l->geo, real_ms, e) < 0)
		return -1;
	if (zone_files_scan(&l->files, true, now_ms, real_ms, &found, &scan_error) < 0)
		tell_error(l, &scan_error); /* the folder is looked at again with its next change */
	l->again_ms = found.again_ms;
	zone_files_forget(&l->files, &found);
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

/* ---- telling ---- */

static void write_copies(struct loader *l)
{
	for (size_t i = 0; i < l->files.count && !atomic_load(&l->server->stop); i++) {
		struct zone_file *f = l->files.file[i];
		struct board_zone row;
		struct err e;

		if (!f->copy_due || l->files.copies < 0 || !publish_is_owner(l->server))
			continue;
		f->copy_due = false;
		if (zone_copy_write(l->files.copies, f, &e) < 0) {
			if (!l->copies_failed) /* a full disk says so once, not once a zone */
				tell_error(l, &e);
			l->copies_failed = true;
			continue;
		}
		l->copies_failed = false;
		if (f->row == ZONE_ROW_NONE || !board_read_zone(l->server->board, f->row, &row))
			continue;
		row.good_real_ms = f->copied_real_ms;
		board_write_zone(l->server->board, f->row, &row);
	}
}

static void publish_news(struct loader *l, struct scan_result *found)
{
	struct publishing p = {0};
	bool any = found != NULL && found->removed_count > 0;

	for (size_t i = 0; found != NULL && i < found->removed_count; i++) {
		publish_zone_removed(l->server, &p, found->removed[i]);
		if (l->files.copies >= 0)
			zone_copy_delete(l->files.copies, found->removed[i]->name);
	}
	for (size_t i = 0; i < l->files.count; i++) {
		if (!l->files.file[i]->news)
			continue;
		publish_zone(l->server, &p, l->files.file[i]);
		any = true;
	}
	if (any)
		publish_rest(l->server, &p);
	for (size_t i = 0; i < l->server->conf->database_count; i++) {
		if (l->geo.file[i].news)
			publish_database(l->server, i, &l->geo.file[i]);
		l->geo.file[i].news = false;
	}
}

void loader_take_over(struct loader *l)
{
	publish_take_over(l->server, &l->files);
	publish_news(l, NULL);
	zone_copies_prune(&l->files);
	write_copies(l);
}

/* ---- following changes ---- */

void loader_step(struct loader *l, uint64_t now_ms)
{
	uint64_t real_ms = clock_real_ms();
	struct scan_result found;
	bool changed;
	struct err e;

	if (watch_read(l->watch) == 0 && (l->again_ms == 0 || now_ms < l->again_ms))
		return;
	if (!publish_is_owner(l->server))
		return; /* a newer generation serves */
	l->again_ms = 0;
	if (zone_files_scan(&l->files, false, now_ms, real_ms, &found, &e) < 0) {
		if (!l->scan_failed)
			tell_error(l, &e);
		l->scan_failed = true;
		zone_files_forget(&l->files, &found);
		return;
	}
	l->scan_failed = false;
	l->again_ms = found.again_ms;
	changed = geo_files_scan(&l->geo, now_ms, real_ms, &l->again_ms);
	if (found.changed || changed) {
		watch_includes(l);
		if (swap(l, &e) < 0) {
			tell_error(l, &e);
			l->again_ms = now_ms + RETRY_FIRST_MS;
		}
	}
	publish_news(l, &found);
	zone_files_forget(&l->files, &found);
	write_copies(l);
}

static void be_nice(struct loader *l, bool starting)
{
	uint32_t owner = atomic_load(&l->server->board->dns->owner);

	/* at the first start, and after a crash of the one generation, nobody answers until this is done */
	if (starting && (owner == 0 || owner == l->server->start->generation->number))
		return;
	(void)setpriority(PRIO_PROCESS, 0, NICE_SERVING); /* of this thread only, on Linux */
}

void *loader_run(void *arg)
{
	struct loader *l = arg;
	struct err e;

	be_nice(l, true);
	if (loader_start(l, &e) < 0) {
		dns_server_fail(l->server, "%s", e.text);
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
