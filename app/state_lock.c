#include "app/state_lock.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE     0640
#define LOOK_AGAIN_MS 50

/* With control's rights: what it put there in place of the file leads nowhere that it could not go. */
static int open_file(int folder, const struct accounts *a)
{
	int fd = -1, error;

	if (privileges_borrow(a, ROLE_CONTROL) == 0)
		fd = openat(folder, STATE_LOCK_FILE,
			O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, FILE_MODE);
	error = errno;
	privileges_give_back(a);
	errno = error;
	return fd;
}

/* Whose it is; 0 when the file does not say. */
static long pid_of(int fd)
{
	char text[24] = "";
	long pid;

	if (pread(fd, text, sizeof text - 1, 0) <= 0)
		return 0;
	pid = strtol(text, NULL, 10);
	return pid > 0 ? pid : 0;
}

/* Always -1. */
static int is_taken(int fd, const char *path, struct err *e)
{
	long pid = pid_of(fd);
	char who[32] = "";

	if (pid > 0)
		(void)snprintf(who, sizeof who, ", process %ld", pid);
	return err_set(e,
		"the state folder %s is in use by another server%s: give each a folder of its own, "
		"or stop that one",
		path, who);
}

/* 0 locked, 1 somebody else has it, -1 with errno. */
static int try_lock(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK || errno == EINTR ? 1 : -1;
}

static void say_whose(int fd)
{
	/* for messages only: a full disk is no reason not to start */
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		return;
}

int state_lock_open(struct state_lock *l, int fd, const char *path, const struct accounts *a,
	uint32_t wait_ms, struct err *e)
{
	uint64_t until_ms = clock_mono_ms() + wait_ms;
	struct stat folder, file;
	int rc;

	l->fd = open_file(fd, a);
	if (l->fd < 0 || fstat(fd, &folder) < 0 || fstat(l->fd, &file) < 0) {
		err_set(e, "cannot lock the state folder %s: %s: %s", path, STATE_LOCK_FILE,
			strerror(errno));
		goto failed;
	}
	if (!S_ISREG(file.st_mode)) {
		err_set(e, "cannot lock the state folder %s: %s is no file", path, STATE_LOCK_FILE);
		goto failed;
	}
	while ((rc = try_lock(l->fd)) > 0 && clock_mono_ms() < until_ms)
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	if (rc > 0) {
		(void)is_taken(l->fd, path, e);
		goto failed;
	}
	if (rc < 0) {
		err_set(e, "cannot lock the state folder %s: flock: %s", path, strerror(errno));
		goto failed;
	}
	say_whose(l->fd);
	l->device = folder.st_dev;
	l->inode = folder.st_ino;
	return 0;
failed:
	state_lock_close(l);
	return -1;
}

bool state_lock_is_of(const struct state_lock *l, int fd)
{
	struct stat st;

	return l->fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode;
}

void state_lock_close(struct state_lock *l)
{
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
}
