#include "dns/geo_files.h"

#include <stdio.h>
#include <string.h>

void geo_files_init(struct geo_files *gf, const struct role_start *start)
{
	memset(gf, 0, sizeof *gf);
	gf->conf = start->generation->conf;
	for (size_t i = 0; i < gf->conf->database_count; i++)
		gf->folder_fd[i] = start->database[i].fd;
}

void geo_files_clear(struct geo_files *gf)
{
	geo_free(gf->table);
	geo_free(gf->retired);
}

static struct stamp stamp_of_database(const struct geo_files *gf, size_t i)
{
	const char *path = gf->conf->databases[i].path, *slash = strrchr(path, '/');

	if (gf->folder_fd[i] < 0)
		return (struct stamp){.size = -1};
	return stamp_at(gf->folder_fd[i], slash != NULL ? slash + 1 : path);
}

/* Keep what is to be told of one database after a load. */
static void note(struct geo_file *f, const struct geo_loaded *loaded, bool serves, uint64_t real_ms)
{
	if (!loaded->ok) {
		f->news = f->news || strcmp(f->error.text, loaded->error.text) != 0;
		f->error = loaded->error;
		f->failed_real_ms = real_ms;
		return;
	}
	f->news = f->news || f->error.text[0] != '\0' || f->info.built_s != loaded->info.built_s ||
		  f->info.networks != loaded->info.networks || f->info.path == NULL;
	f->error.text[0] = '\0';
	f->failed_real_ms = 0;
	if (serves) {
		f->info = loaded->info;
		f->loaded_real_ms = real_ms;
	}
}

/* Load all; true when the new table serves. -1 in *rc without memory. */
static bool load(struct geo_files *gf, uint64_t real_ms, int *rc, struct err *e)
{
	struct geo_loaded loaded[CONF_DATABASES_MAX] = {0};
	struct stamp stamp[CONF_DATABASES_MAX];
	struct geo_table *table = NULL;
	bool serves = true;

	for (size_t i = 0; i < gf->conf->database_count; i++)
		stamp[i] = stamp_of_database(gf, i);
	*rc = geo_load(gf->conf, gf->folder_fd, &table, loaded, e);
	if (*rc < 0)
		return false; /* with the old stamps: the change is not lost */
	for (size_t i = 0; i < gf->conf->database_count; i++) {
		gf->file[i].stamp = stamp[i];
		serves = serves && (loaded[i].ok || !gf->file[i].served);
	}
	for (size_t i = 0; i < gf->conf->database_count; i++) {
		note(&gf->file[i], &loaded[i], serves, real_ms);
		if (serves)
			gf->file[i].served = loaded[i].ok;
	}
	if (!serves) {
		geo_free(table);
		return false;
	}
	if (gf->retired == NULL)
		gf->retired = gf->table;
	else
		geo_free(gf->table); /* no dataset has had it: the one of `retired` still serves */
	gf->table = table;
	return true;
}

int geo_files_start(struct geo_files *gf, uint64_t real_ms, struct err *e)
{
	int rc;

	(void)load(gf, real_ms, &rc, e);
	return rc < 0 ? -1 : 0;
}

bool geo_files_scan(struct geo_files *gf, uint64_t now_ms, uint64_t real_ms, uint64_t *again_ms)
{
	bool changed = false, rested = true, serves;
	uint64_t again_at_ms = now_ms + STAMP_REST_MS;
	struct err e;
	int rc = 0;

	for (size_t i = 0; i < gf->conf->database_count; i++) {
		struct stamp now = stamp_of_database(gf, i);

		if (stamp_equal(&now, &gf->file[i].stamp))
			continue;
		changed = true;
		rested = rested && (now.size < 0 || stamp_rested(&now, real_ms));
	}
	if (!changed)
		return false;
	serves = rested && load(gf, real_ms, &rc, &e);
	if (rc < 0)
		again_at_ms = now_ms + GEO_RETRY_MS;
	if ((!rested || rc < 0) && (*again_ms == 0 || again_at_ms < *again_ms))
		*again_ms = again_at_ms;
	return serves;
}
