#include "app/folders.h"

#include "dns/zone_files.h" /* COPIES_FOLDER */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MODE 0750
#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static bool is_empty(int fd)
{
	int copy = openat(fd, ".", OPEN_FLAGS);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;
	bool empty = true;

	if (dir == NULL)
		return false;
	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	(void)closedir(dir);
	return empty;
}

/* May the account write into a folder like this? Its supplementary groups do not count: a role has
 * none. */
static bool may_write(const struct stat *st, const struct account *a)
{
	return st->st_uid == a->uid || (st->st_mode & 02) != 0 ||
	       (st->st_gid == a->gid && (st->st_mode & 020) != 0);
}

/* Always -1. */
static int not_writable(const char *path, const struct stat *st, enum role r,
	const struct account *a, struct err *e)
{
	return err_set(e,
		"the state folder %s belongs to uid %u: %s runs as uid %u and cannot write there",
		path, (unsigned)st->st_uid, role_name(r), (unsigned)a->uid);
}

/*
 * Let `r` write into its folder. What is ours to give away goes to its account; anything else is
 * only looked at: changing the owner of a folder that a typing error named would be worse than an
 * error.
 */
static int give(
	int fd, bool ours, const struct accounts *a, enum role r, const char *path, struct err *e)
{
	const struct account *to = &a->role[r];
	struct stat st;

	if (!a->change)
		return faccessat(fd, ".", W_OK | X_OK, 0) == 0
			       ? 0
			       : err_set(e, "cannot write into the state folder %s: %s", path,
					 strerror(errno));
	if (fstat(fd, &st) < 0)
		return err_set(e, "cannot stat the state folder %s: %s", path, strerror(errno));
	if (may_write(&st, to))
		return 0;
	if (!ours)
		return not_writable(path, &st, r, to, e);
	if (fchown(fd, to->uid, to->gid) < 0)
		return err_set(e, "cannot give the state folder %s to uid %u: %s", path,
			(unsigned)to->uid, strerror(errno));
	return 0;
}

/* Open `name` below `dirfd` (`path` in messages), made when missing. `*ours`: we made it, or found
 * it root's and empty. The descriptor, or -1. */
static int state_open(int dirfd, const char *name, const char *path, bool *ours, struct err *e)
{
	bool made = mkdirat(dirfd, name, STATE_MODE) == 0;
	/* below a folder that a role writes a symlink is that role's word, not the operator's */
	int fd = openat(dirfd, name, OPEN_FLAGS | (dirfd != AT_FDCWD ? O_NOFOLLOW : 0));
	struct stat st;

	if (fd < 0)
		return err_set(e, "cannot open the state folder %s: %s", path, strerror(errno));
	*ours = made || (fstat(fd, &st) == 0 && st.st_uid == 0 && is_empty(fd));
	return fd;
}

/* dns finds its own folder in control's: with accounts of their own it needs to pass through. */
static int let_pass(int fd, const struct accounts *a, const char *path, struct err *e)
{
	struct stat st;

	if (!a->change || a->role[ROLE_DNS].uid == a->role[ROLE_CONTROL].uid)
		return 0;
	if (fstat(fd, &st) < 0)
		return err_set(e, "cannot stat the state folder %s: %s", path, strerror(errno));
	if ((st.st_mode & 01) != 0 || fchmod(fd, (st.st_mode & 07777) | 01) == 0)
		return 0;
	return err_set(
		e, "cannot let dns pass through the state folder %s (chmod o+x %s)", path, path);
}

static int state_folders_open(
	struct folders *f, const struct conf *c, const struct accounts *a, struct err *e)
{
	char zones[CONF_PATH_MAX + sizeof "/" COPIES_FOLDER];
	bool ours = false, zones_ours = false;
	int zones_fd, rc;

	(void)snprintf(zones, sizeof zones, "%s/" COPIES_FOLDER, c->state);
	f->state.path = c->state;
	f->state.fd = state_open(AT_FDCWD, c->state, c->state, &ours, e);
	if (f->state.fd < 0 || let_pass(f->state.fd, a, c->state, e) < 0)
		return -1;
	zones_fd = state_open(f->state.fd, COPIES_FOLDER, zones, &zones_ours, e);
	if (zones_fd < 0)
		return -1;
	rc = give(zones_fd, zones_ours, a, ROLE_DNS, zones, e);
	(void)close(zones_fd); /* dns opens it itself */
	/* last: what is given away may be out of reach at a reload, with fewer capabilities */
	return rc < 0 ? -1 : give(f->state.fd, ours, a, ROLE_CONTROL, c->state, e);
}

int folders_check_state(const struct conf *c, const struct accounts *a, struct err *e)
{
	int fd = c->state != NULL ? open(c->state, OPEN_FLAGS) : -1;
	struct stat st;
	int rc = 0;

	if (c->state == NULL || (fd < 0 && errno == ENOENT))
		return 0; /* it is made at the start */
	if (fd < 0)
		return err_set(e, "cannot open the state folder %s: %s", c->state, strerror(errno));
	if (!a->change && faccessat(fd, ".", W_OK | X_OK, 0) < 0)
		rc = err_set(
			e, "cannot write into the state folder %s: %s", c->state, strerror(errno));
	else if (a->change && fstat(fd, &st) == 0 && !may_write(&st, &a->role[ROLE_CONTROL]) &&
		 !(st.st_uid == 0 && is_empty(fd)))
		rc = not_writable(c->state, &st, ROLE_CONTROL, &a->role[ROLE_CONTROL], e);
	(void)close(fd);
	return rc;
}

/* The databases' folders, in one block of memory. */
static int make_paths(struct folders *f, const struct conf *c)
{
	size_t size = 1;
	char *at;

	for (size_t i = 0; i < c->database_count; i++)
		size += strlen(c->databases[i].path) + 2;
	at = f->text = malloc(size);
	if (at == NULL)
		return -1;
	for (size_t i = 0; i < c->database_count; i++) {
		const char *path = c->databases[i].path, *slash = strrchr(path, '/');

		f->database[i].path = at;
		if (slash == NULL)
			at += snprintf(at, 2, ".");
		else /* "/" for a file in the root */
			at += snprintf(at, strlen(path) + 2, "%.*s",
				slash > path ? (int)(slash - path) : 1, path);
		at++;
	}
	return 0;
}

void folders_init(struct folders *f)
{
	*f = (struct folders){.zones.fd = -1, .state.fd = -1};
	for (size_t i = 0; i < CONF_DATABASES_MAX; i++)
		f->database[i].fd = -1;
}

int folders_open(
	struct folders *f, const struct conf *c, const struct accounts *a, struct report *report)
{
	size_t errors = report->errors;
	struct err e;

	folders_init(f);
	if (make_paths(f, c) < 0) {
		report_add(report, SEVERITY_ERROR, c->file, 0, 0, "out of memory");
		return -1;
	}
	f->zones = (struct start_folder){open(c->zones.path, OPEN_FLAGS), c->zones.path};
	if (f->zones.fd < 0)
		report_add(report, SEVERITY_ERROR, c->file, c->zones.position.line,
			c->zones.position.column, "cannot open the zones folder %s: %s",
			c->zones.path, strerror(errno));
	for (; f->database_count < c->database_count; f->database_count++)
		f->database[f->database_count].fd =
			open(f->database[f->database_count].path, OPEN_FLAGS);
	if (c->state != NULL && state_folders_open(f, c, a, &e) < 0)
		report_add(report, SEVERITY_ERROR, c->file, 0, 0, "%s", e.text);
	if (report->errors == errors)
		return 0;
	folders_close(f);
	return -1;
}

static void close_folder(struct start_folder *folder)
{
	if (folder->fd >= 0)
		(void)close(folder->fd);
	folder->fd = -1;
}

void folders_close(struct folders *f)
{
	close_folder(&f->zones);
	close_folder(&f->state);
	for (size_t i = 0; i < f->database_count; i++)
		close_folder(&f->database[i]);
	free(f->text);
	folders_init(f);
}

static bool moved(const struct start_folder *folder)
{
	struct stat now, then;

	if (folder->path == NULL || stat(folder->path, &now) < 0 || !S_ISDIR(now.st_mode))
		return false;
	if (folder->fd < 0) { /* it could not be opened then; can it be now? */
		int fd = open(folder->path, OPEN_FLAGS);

		if (fd >= 0)
			(void)close(fd);
		return fd >= 0;
	}
	return fstat(folder->fd, &then) == 0 &&
	       (now.st_dev != then.st_dev || now.st_ino != then.st_ino);
}

const char *folders_moved(const struct folders *f)
{
	if (moved(&f->zones))
		return f->zones.path;
	for (size_t i = 0; i < f->database_count; i++) {
		if (moved(&f->database[i]))
			return f->database[i].path;
	}
	return NULL;
}
