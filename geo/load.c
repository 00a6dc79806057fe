#include "geo/load.h"

#include "base/io.h"
#include "geo/mmdb.h"
#include "geo/table.h"

#include <stdlib.h>
#include <string.h>

static int load_database(const struct code_rules *rules, int folder_fd, const char *path,
	struct database_ranges *ranges, struct geo_loaded *loaded)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	struct geo_source source = {.path = path};
	char *data = NULL;
	int rc;

	*loaded = (struct geo_loaded){.ok = false};
	if (folder_fd < 0)
		return err_at(&loaded->error, path, 0, 0, "cannot open its folder");
	if (file_read(folder_fd, name, MMDB_FILE_MAX, &data, &source.length, &loaded->error) < 0) {
		char text[ERR_TEXT_MAX];

		memcpy(text, loaded->error.text, sizeof text);
		return err_at(&loaded->error, path, 0, 0, "%s", text); /* the path as configured */
	}
	source.data = data;
	rc = database_reduce(rules, &source, ranges, &loaded->info, &loaded->error);
	loaded->ok = rc == 0;
	free(data);
	return rc;
}

int geo_load(const struct conf *c, const int *folder_fd, struct geo_table **out,
	struct geo_loaded *loaded, struct err *e)
{
	struct database_ranges databases[CONF_DATABASES_MAX] = {0};
	struct code_rules rules;
	size_t good = 0;
	int rc;

	code_rules_build(&rules, c);
	for (size_t i = 0; i < c->database_count; i++)
		if (load_database(&rules, folder_fd[i], c->databases[i].path, &databases[good],
			    &loaded[i]) == 0)
			good++;
	rc = table_build(c, &rules, databases, good, out, e);
	for (size_t i = 0; i < good; i++)
		database_ranges_free(&databases[i]);
	return rc < 0 ? -1 : (int)(c->database_count - good);
}
