#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(int dirfd, const char *name, size_t max, char **out, size_t *length, struct err *e)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t size, got = 0;
	char *data = NULL;
	struct stat st;

	if (fd < 0)
		return err_at(e, name, 0, 0, "cannot open: %s", strerror(errno));
	if (fstat(fd, &st) < 0) {
		err_at(e, name, 0, 0, "cannot stat: %s", strerror(errno));
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		err_at(e, name, 0, 0, "is not a regular file");
		goto fail;
	}
	if (st.st_size < 0 || (uint64_t)st.st_size > max) {
		err_at(e, name, 0, 0, "is larger than %zu octets", max);
		goto fail;
	}
	size = (size_t)st.st_size;
	data = malloc(size + 1);
	if (data == NULL) {
		err_at(e, name, 0, 0, "out of memory for %zu octets", size);
		goto fail;
	}
	while (got < size) {
		ssize_t n = read(fd, data + got, size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_at(e, name, 0, 0, "cannot read: %s", strerror(errno));
			goto fail;
		}
		if (n == 0)
			break; /* shortened while being read */
		got += (size_t)n;
	}
	(void)close(fd);
	data[got] = '\0';
	*out = data;
	*length = got;
	return 0;
fail:
	free(data);
	(void)close(fd);
	return -1;
}

int write_all(int fd, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0) {
		ssize_t n = write(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

int file_write_atomic(int dirfd, const char *name, const void *data, size_t length, struct err *e)
{
	char temporary[512];
	int fd;

	if (snprintf(temporary, sizeof temporary, "%s.tmp", name) >= (int)sizeof temporary)
		return err_at(e, name, 0, 0, "name is too long");
	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return err_at(e, name, 0, 0, "cannot create %s: %s", temporary, strerror(errno));
	if (write_all(fd, data, length) < 0 || fsync(fd) < 0) {
		err_at(e, name, 0, 0, "cannot write: %s", strerror(errno));
		(void)close(fd);
		(void)unlinkat(dirfd, temporary, 0);
		return -1;
	}
	(void)close(fd);
	if (renameat(dirfd, temporary, dirfd, name) < 0) {
		err_at(e, name, 0, 0, "cannot replace: %s", strerror(errno));
		(void)unlinkat(dirfd, temporary, 0);
		return -1;
	}
	if (dirfd >= 0)
		(void)fsync(dirfd);
	return 0;
}

bool fd_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat st;

	if (stream == NULL || fstat(fd, &st) < 0)
		return false;
	(void)snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}
