/*
 * Opening files that zone files name: openat2(RESOLVE_BENEATH), where the kernel itself keeps the
 * path below the folder, symbolic links included. Kernels or sandboxes without it get a walk,
 * folder by folder, that follows no symbolic link at all: stricter, never laxer.
 */
#include "zones/load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* `fd` when it is a regular file; else closed, -1, EINVAL. */
static int only_regular(int fd)
{
	struct stat st;

	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return fd;
	(void)close(fd);
	errno = EINVAL;
	return -1;
}

int open_regular(int dirfd, const char *name)
{
	return only_regular(openat(dirfd, name, OPEN_FLAGS));
}

const char *open_failure(int dirfd, const char *name, int error, char out[OPEN_FAILURE_MAX])
{
	char target[OPEN_FAILURE_MAX];
	ssize_t length = readlinkat(dirfd, name, target, sizeof target);

	if (length > 0)
		(void)snprintf(out, OPEN_FAILURE_MAX, "symbolic link to %.*s: %s",
			(int)(length < 200 ? length : 200), target, strerror(error));
	else
		(void)snprintf(out, OPEN_FAILURE_MAX, "%s", strerror(error));
	return out;
}

static bool leads_up(const char *name)
{
	for (const char *part = name;; part++) {
		size_t length = strcspn(part, "/");

		if (length == 2 && part[0] == '.' && part[1] == '.')
			return true;
		part += length;
		if (*part == '\0')
			return false;
	}
}

int open_beneath_walk(int dirfd, const char *name)
{
	char part[NAME_MAX + 1];
	int at = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), next;

	while (at >= 0) {
		size_t length = strcspn(name, "/");
		bool last = name[length] == '\0';

		if (length > NAME_MAX) {
			(void)close(at);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(part, name, length);
		part[length] = '\0';
		name += length + (last ? 0 : 1);
		if (length == 0 && !last)
			continue;
		next = openat(at, length > 0 ? part : ".",
			last ? OPEN_FLAGS | O_NOFOLLOW
			     : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		(void)close(at);
		if (next < 0 && (errno == ELOOP || errno == ENOTDIR))
			errno = EXDEV;
		if (last)
			return next;
		at = next;
	}
	return -1;
}

int open_beneath(int dirfd, const char *name)
{
	struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH};
	int fd;

	if (name[0] == '/' || leads_up(name)) {
		errno = EXDEV;
		return -1;
	}
	fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open_beneath_walk(dirfd, name);
	return only_regular(fd);
}
