/*
 * waymark check: everything that can be said about a configuration and its data without serving
 * them.
 *
 * All mistakes of a run, one a line on standard error in err_format()'s form, then one line that
 * sums up. What was asked to be printed goes to standard output, so that it can be piped.
 */
#include "app/verbs.h"

#include "app/folders.h"
#include "app/journal.h"
#include "app/privileges.h"
#include "base/hash.h"
#include "base/io.h"
#include "conf/conf.h"
#include "conf/print.h"
#include "dns/zone_copies.h"
#include "geo/geo.h"
#include "geo/mmdb.h"
#include "zones/zone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE_SUFFIX ".zone"

struct loaded {
	struct zone *zone;
	uint64_t hash; /* of the apex */
};

struct check {
	const char *conf_file, *zones; /* -c, --zones; NULL = not given */
	bool print;
	struct conf *conf;     /* what could be understood of -c; NULL without */
	bool faultless;        /* it has no errors */
	struct accounts roles; /* files are opened as the role that will read them */
	struct zone_pools pools;
	const char **names; /* of pools, then of regions */
	int copies;         /* the folder of last good zones; -1 = none that can be read */
	struct report report;
	struct loaded *loaded;
	size_t zone_count, zone_capacity, records, databases;
};

/* ---- zones ---- */

/* What POOL records may name: the configuration's pools and regions; anything without one, or when a
 * syntax error hides some. */
static int name_pools(struct check *k)
{
	const struct conf *c = k->conf;

	if (c == NULL || c->cut) {
		k->pools.any = true;
		return 0;
	}
	k->names = calloc(c->pool_count + c->region_count + 1, sizeof *k->names);
	if (k->names == NULL)
		return -1;
	for (size_t i = 0; i < c->pool_count; i++)
		k->names[i] = c->pools[i].name;
	for (size_t i = 0; i < c->region_count; i++)
		k->names[c->pool_count + i] = c->regions[i].name;
	k->pools = (struct zone_pools){.pools = k->names,
		.pool_count = c->pool_count,
		.regions = k->names + c->pool_count,
		.region_count = c->region_count,
		.conf = k->faultless ? c : NULL,
		.misfits = &k->report};
	return 0;
}

static bool has_suffix(const char *name, size_t *stem)
{
	size_t length = strlen(name), suffix = sizeof ZONE_SUFFIX - 1;

	if (length <= suffix || strcmp(name + length - suffix, ZONE_SUFFIX) != 0)
		return false;
	*stem = length - suffix;
	return true;
}

/* Two files with one apex: which one would serve depends on the order in which they came. */
static bool is_duplicate(struct check *k, const struct zone *z, const char *shown)
{
	uint64_t hash = hash_bytes(0, zone_apex(z), name_length(zone_apex(z)));

	for (size_t i = 0; i < k->zone_count; i++) {
		if (k->loaded[i].hash != hash ||
			!name_equal(zone_apex(k->loaded[i].zone), zone_apex(z)))
			continue;
		report_add(&k->report, SEVERITY_ERROR, shown, 0, 0, "serves the same zone as %s",
			zone_file(k->loaded[i].zone, 0));
		return true;
	}
	return false;
}

static int keep_zone(struct check *k, struct zone *z)
{
	if (k->zone_count == k->zone_capacity) {
		size_t capacity = k->zone_capacity > 0 ? k->zone_capacity * 2 : 64;
		struct loaded *grown = realloc(k->loaded, capacity * sizeof *grown);

		if (grown == NULL)
			return -1;
		k->loaded = grown;
		k->zone_capacity = capacity;
	}
	k->loaded[k->zone_count++] =
		(struct loaded){z, hash_bytes(0, zone_apex(z), name_length(zone_apex(z)))};
	k->records += zone_record_count(z);
	return 0;
}

/* The copies of what a server with this configuration served last. An operator who may not read the
 * state folder does without the comparison. */
static void open_copies(struct check *k)
{
	int state = k->conf != NULL && k->conf->state != NULL
			    ? open(k->conf->state, O_PATH | O_DIRECTORY | O_CLOEXEC)
			    : -1;

	if (state < 0)
		return;
	k->copies = openat(state, COPIES_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)close(state);
}

/* Whoever follows the zone by its serial would miss the change. */
static void check_serial(struct check *k, const char *name, const char *shown, const struct zone *z)
{
	if (k->copies >= 0 && zone_copy_keeps_serial(k->copies, name, z))
		report_add(&k->report, SEVERITY_WARNING, shown, 0, 0,
			"the content changed since it was served last and the serial %u did not",
			zone_serial(z));
}

static void check_zone(struct check *k, int dirfd, const char *name, const char *shown)
{
	char origin[NAME_TEXT_MAX];
	struct zone *z;
	size_t stem = strlen(name);

	(void)has_suffix(name, &stem);
	if (stem + 2 > sizeof origin) {
		report_add(&k->report, SEVERITY_ERROR, shown, 0, 0,
			"its name is too long for a zone's");
		return;
	}
	(void)snprintf(origin, sizeof origin, "%.*s.", (int)stem, name);
	if (zone_load(dirfd, name, shown, origin, &k->pools, &z, &k->report) < 0)
		return;
	check_serial(k, name, shown, z);
	if (is_duplicate(k, z, shown) || keep_zone(k, z) < 0)
		zone_free(z);
}

static int wanted(const struct dirent *entry)
{
	size_t stem;

	return entry->d_name[0] != '.' && has_suffix(entry->d_name, &stem);
}

/* `dirfd` was opened with the rights that the supervisor has, the files in it with those of dns. */
static int list_folder(struct check *k, int dirfd, struct dirent ***list)
{
	if (dirfd < 0 || privileges_borrow(&k->roles, ROLE_DNS) < 0)
		return -1;
	return scandirat(dirfd, ".", list, wanted, alphasort);
}

static void check_folder(struct check *k, const char *path, const struct conf_position *at)
{
	struct dirent **list = NULL;
	int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = list_folder(k, dirfd, &list);

	if (count < 0)
		report_add(&k->report, SEVERITY_ERROR, at != NULL ? k->conf->file : NULL,
			at != NULL ? at->line : 0, at != NULL ? at->column : 0,
			"cannot read the zones folder %s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		char shown[ERR_FILE_MAX + 256];

		(void)snprintf(shown, sizeof shown, "%s/%s", path, list[i]->d_name);
		check_zone(k, dirfd, list[i]->d_name, shown);
		free(list[i]);
	}
	free(list);
	privileges_give_back(&k->roles);
	if (dirfd >= 0)
		(void)close(dirfd);
}

/* --zones: a master file, or a folder of them. */
static void check_zones_argument(struct check *k)
{
	const char *slash = strrchr(k->zones, '/');
	const char *name = slash != NULL ? slash + 1 : k->zones;
	char *folder = slash == NULL ? strdup(".")
				     : strndup(k->zones,
					       slash > k->zones ? (size_t)(slash - k->zones) : 1);
	struct stat st;
	int dirfd;

	if (stat(k->zones, &st) == 0 && S_ISDIR(st.st_mode)) {
		check_folder(k, k->zones, NULL);
		free(folder);
		return;
	}
	dirfd = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dirfd < 0)
		report_add(&k->report, SEVERITY_ERROR, k->zones, 0, 0, "cannot open its folder: %s",
			strerror(errno));
	else
		check_zone(k, dirfd, name, k->zones);
	if (dirfd >= 0)
		(void)close(dirfd);
	free(folder);
}

/* ---- databases ---- */

/* Read `path` as role `r` does: its folder with the supervisor's rights, the file with the role's. */
static int read_as(
	struct check *k, enum role r, const char *path, char **data, size_t *length, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char folder[CONF_PATH_MAX];
	int dirfd, rc = -1;

	(void)snprintf(folder, sizeof folder, "%.*s",
		slash == NULL  ? 1
		: slash > path ? (int)(slash - path)
			       : 1,
		slash == NULL ? "." : path);
	dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_at(e, path, 0, 0, "cannot open its folder: %s", strerror(errno));
	if (privileges_borrow(&k->roles, r) < 0)
		(void)err_at(e, path, 0, 0, "cannot become the account of %s: %s", role_name(r),
			strerror(errno));
	else if (file_read(dirfd, slash != NULL ? slash + 1 : path, MMDB_FILE_MAX, data, length,
			 e) < 0)
		(void)snprintf(e->file, sizeof e->file, "%s", path);
	else
		rc = 0;
	privileges_give_back(&k->roles);
	(void)close(dirfd);
	return rc;
}

/* dns reads databases, and so does the balancer, perhaps with another account. */
static int read_database(
	struct check *k, const char *path, char **data, size_t *length, struct err *e)
{
	char *again = NULL;
	int rc;

	if (read_as(k, ROLE_DNS, path, data, length, e) < 0)
		return -1;
	if (k->conf->balancer_count == 0 ||
		k->roles.role[ROLE_BALANCER].uid == k->roles.role[ROLE_DNS].uid)
		return 0;
	rc = read_as(k, ROLE_BALANCER, path, &again, length, e);
	free(again);
	if (rc < 0)
		free(*data);
	return rc;
}

static void check_databases(struct check *k)
{
	/* regions with errors are not looked at a second time */
	static const struct conf no_regions;

	for (size_t i = 0; i < k->conf->database_count; i++) {
		struct geo_source source = {.path = k->conf->databases[i].path};
		struct geo_table *table = NULL;
		char *data = NULL;
		struct err e;

		if (read_database(k, source.path, &data, &source.length, &e) < 0) {
			report_err(&k->report, &e);
			continue;
		}
		source.data = data;
		if (geo_build(k->faultless ? k->conf : &no_regions, &source, 1, &table, NULL, &e) <
			0) {
			report_err(&k->report, &e);
		} else {
			geo_free(table);
			k->databases++;
		}
		free(data);
	}
}

/* ---- the verb ---- */

static int print_all(const struct check *k)
{
	struct text out = {0};
	bool written;

	if (k->zones != NULL) {
		for (size_t i = 0; i < k->zone_count; i++)
			zone_print(k->loaded[i].zone, &out);
	} else if (k->conf != NULL) {
		conf_print(k->conf, &out);
	}
	written = !out.failed && fwrite(out.data, 1, out.length, stdout) == out.length &&
		  fflush(stdout) == 0;
	if (!written)
		(void)fprintf(stderr, "waymark: cannot print: %s\n",
			out.failed ? "out of memory" : strerror(errno));
	text_free(&out);
	return written ? 0 : -1;
}

static void count(struct text *t, size_t n, const char *what)
{
	text_printf(t, "%s%zu %s%s", t->length > 0 ? ", " : "", n, what, n == 1 ? "" : "s");
}

static void sum_up(const struct check *k)
{
	const struct report *r = &k->report;
	struct text seen = {0}, found = {0};

	if (k->conf != NULL) {
		count(&seen, k->conf->pool_count, "pool");
		count(&seen, k->conf->endpoint_count, "endpoint");
		count(&seen, k->conf->region_count, "region");
		count(&seen, k->databases, "database");
	}
	count(&seen, k->zone_count, "zone");
	count(&seen, k->records, "record");
	count(&found, r->errors, "error");
	count(&found, r->warnings, "warning");
	(void)fprintf(stderr, "waymark: %s: %s (%s)\n", r->errors > 0 ? "not usable" : "good",
		found.data != NULL ? found.data : "", seen.data != NULL ? seen.data : "");
	text_free(&seen);
	text_free(&found);
}

static void check_secrets(struct check *k)
{
	struct conf_secrets secrets;
	struct err e;

	if (conf_secrets_load(k->conf, &secrets, &e) < 0)
		report_err(&k->report, &e);
}

/* Who the roles would be, and whether they may write into the state folder. */
static void check_accounts(struct check *k)
{
	struct err e;

	if (accounts_find(k->conf, &k->roles, &e) < 0) {
		report_err(&k->report, &e);
		k->roles.change = false; /* look at the files as who we are */
	} else if (folders_check_state(k->conf, &k->roles, &e) < 0) {
		report_err(&k->report, &e);
	}
}

static void load_conf(struct check *k)
{
	k->conf = conf_load_parts(k->conf_file, &k->report);
	k->faultless = k->report.errors == 0;
	if (k->conf != NULL)
		check_accounts(k);
	if (k->faultless)
		check_secrets(k);
}

static int run_check(struct check *k)
{
	if (k->conf_file != NULL)
		load_conf(k);
	open_copies(k);
	if (name_pools(k) < 0)
		report_add(&k->report, SEVERITY_ERROR, NULL, 0, 0, "out of memory");
	else if (k->zones != NULL)
		check_zones_argument(k);
	else if (k->conf != NULL && k->conf->zones.path != NULL)
		check_folder(k, k->conf->zones.path, &k->conf->zones.position);
	if (k->conf != NULL && k->zones == NULL)
		check_databases(k);
	report_print(&k->report);
	sum_up(k);
	if (k->report.errors > 0)
		return 1;
	return k->print && print_all(k) < 0;
}

static void check_clear(struct check *k)
{
	for (size_t i = 0; i < k->zone_count; i++)
		zone_free(k->loaded[i].zone);
	if (k->copies >= 0)
		(void)close(k->copies);
	free(k->loaded);
	free(k->names);
	if (k->conf != NULL)
		conf_free(k->conf);
	report_free(&k->report);
}

static int print_generated(void (*print)(struct text *out))
{
	struct text out = {0};
	bool written;

	print(&out);
	written = !out.failed && fwrite(out.data, 1, out.length, stdout) == out.length;
	text_free(&out);
	return written ? 0 : 1;
}

int verb_check(int argc, char **argv)
{
	struct check k = {.copies = -1};
	int rc;

	if (argc == 1 && strcmp(argv[0], "--print-reference") == 0)
		return print_generated(conf_print_reference);
	if (argc == 1 && strcmp(argv[0], "--print-json-schema") == 0)
		return print_generated(conf_print_json_schema);
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--print") == 0)
			k.print = true;
		else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			k.conf_file = argv[++i];
		else if (strcmp(argv[i], "--zones") == 0 && i + 1 < argc)
			k.zones = argv[++i];
		else
			return verb_usage("check", "not understood", argv[i]);
	}
	if (k.conf_file == NULL && k.zones == NULL && access(CONF_FILE_DEFAULT, F_OK) == 0)
		k.conf_file = CONF_FILE_DEFAULT;
	if (k.conf_file == NULL && k.zones == NULL)
		return verb_usage("check",
			"no " CONF_FILE_DEFAULT
			" here, and neither -c FILE nor --zones FILE|FOLDER",
			NULL);
	rc = run_check(&k);
	check_clear(&k);
	return rc;
}
