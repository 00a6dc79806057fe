#include "balancer/geo_watch.h"

#include "base/clock.h"
#include "geo/load.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Look at the files. True when one is there that was not loaded as it is now. */
static bool scan(struct geo_watch *g)
{
	const struct balancer *b = g->balancer;
	bool changed = false;

	for (size_t i = 0; i < b->conf->database_count; i++) {
		const char *name = base_name(b->conf->databases[i].path);
		struct stat now, *seen = &g->seen[i];

		if (b->start->database[i].fd < 0 ||
			fstatat(b->start->database[i].fd, name, &now, 0) < 0)
			continue;
		if (now.st_ino == seen->st_ino && now.st_dev == seen->st_dev &&
			now.st_size == seen->st_size &&
			now.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
			now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)
			continue;
		*seen = now;
		changed = true;
	}
	return changed;
}

/* Build a table; publish it unless it lacks a database that the present one has. */
static int load(struct geo_watch *g, struct err *e)
{
	struct balancer *b = g->balancer;
	int folder[CONF_DATABASES_MAX];
	struct geo_loaded *loaded = calloc(CONF_DATABASES_MAX, sizeof *loaded);
	struct geo_table *table = NULL, *old;
	bool loses = false;
	int rc = -1;

	g->again_ms = clock_mono_ms() + GEO_WATCH_AGAIN_MS;
	for (size_t i = 0; i < CONF_DATABASES_MAX; i++)
		folder[i] = b->start->database[i].fd;
	if (loaded == NULL) {
		err_set(e, "cannot load the geo databases: out of memory");
		goto out;
	}
	if (geo_load(b->conf, folder, &table, loaded, e) < 0)
		goto out;
	rc = 0;
	for (size_t i = 0; i < b->conf->database_count; i++)
		loses |= g->has[i] && !loaded[i].ok;
	if (loses) { /* what it lacks may be unreadable for a moment only: again_ms stands */
		geo_free(table);
		goto out;
	}
	for (size_t i = 0; i < b->conf->database_count; i++)
		g->has[i] = loaded[i].ok;
	g->again_ms = 0;
	old = atomic_exchange(&b->geo, table);
	if (old != NULL) {
		qsbr_wait(&b->qsbr);
		geo_free(old);
	}
out:
	free(loaded);
	return rc;
}

static void report(const struct geo_watch *g, enum log_level level, const struct err *e)
{
	balancer_event(g->balancer, level, "geo", "%s", e->text);
}

/* Watch the folders; without it changed databases are seen by the rescan only. */
static void open_watch(struct geo_watch *g)
{
	const struct balancer *b = g->balancer;
	struct err e;

	if (watch_open(&g->watch, &e) < 0) {
		g->watch = NULL;
		report(g, LEVEL_WARNING, &e);
		return;
	}
	for (size_t i = 0; i < b->conf->database_count; i++) {
		const struct start_folder *folder = &b->start->database[i];

		if (folder->fd >= 0 && watch_add(g->watch, folder->fd, folder->path, &e) < 0)
			report(g, LEVEL_WARNING, &e);
	}
}

int geo_watch_open(struct geo_watch *g, struct balancer *b, struct err *e)
{
	*g = (struct geo_watch){.balancer = b, .stop = -1};
	if (b->conf->database_count > 0)
		open_watch(g); /* first: what changes while we load is seen */
	(void)scan(g);
	return load(g, e);
}

/* Until the files are looked at without a reason. */
static uint32_t wait_ms(const struct geo_watch *g)
{
	uint32_t rescan_ms = g->balancer->conf->zones.rescan_ms;

	return g->again_ms != 0 && GEO_WATCH_AGAIN_MS < rescan_ms ? GEO_WATCH_AGAIN_MS : rescan_ms;
}

static void *run(void *arg)
{
	struct geo_watch *g = arg;
	struct pollfd fds[2] = {{.fd = g->stop, .events = POLLIN},
		{.fd = g->watch != NULL ? watch_fd(g->watch) : -1, .events = POLLIN}};
	struct err e;

	(void)setpriority(PRIO_PROCESS, 0, GEO_WATCH_NICE); /* Linux: of this thread */
	for (;;) {
		bool failed = g->again_ms != 0;

		if (poll(fds, 2, (int)wait_ms(g)) < 0)
			continue; /* EINTR */
		/* Let an update finish, but not one that never does. */
		if (fds[0].revents != 0 || poll(fds, 1, GEO_WATCH_SETTLE_MS) > 0)
			return NULL;
		if (g->watch != NULL)
			(void)watch_read(g->watch);
		if (!scan(g) && (!failed || clock_mono_ms() < g->again_ms))
			continue;
		if (load(g, &e) < 0 && !failed)
			report(g, LEVEL_ERROR, &e);
	}
}

int geo_watch_start(struct geo_watch *g, struct err *e)
{
	if (g->balancer->conf->database_count == 0)
		return 0;
	g->stop = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (g->stop < 0)
		return err_set(e, "cannot watch the geo databases: %s", strerror(errno));
	if (pthread_create(&g->thread, NULL, run, g) != 0)
		return err_set(e, "cannot start the thread that loads geo databases");
	g->started = true;
	return 0;
}

void geo_watch_close(struct geo_watch *g)
{
	const uint64_t one = 1;

	if (g->started && write(g->stop, &one, sizeof one) == (ssize_t)sizeof one)
		(void)pthread_join(g->thread, NULL);
	if (g->stop >= 0)
		(void)close(g->stop);
	if (g->watch != NULL)
		watch_close(g->watch);
	geo_free(atomic_exchange(&g->balancer->geo, NULL));
}
