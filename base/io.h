/* Whole files, in and out, with errors that name the file. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Read `name` below the folder `dirfd` (AT_FDCWD for a plain path) whole; at most `max` octets.
 * `*out` is malloc'd, has a NUL after its `*length` octets, and is the caller's. Refuses anything
 * but a regular file. */
int file_read(int dirfd, const char *name, size_t max, char **out, size_t *length, struct err *e);

/* Replace `name` below `dirfd` atomically: temporary file beside it, fsync, rename, fsync of the
 * folder. On failure the old file stays. Mode 0640. */
int file_write_atomic(int dirfd, const char *name, const void *data, size_t length, struct err *e);

/* write() all of it, going on after EINTR and short writes; -1 with errno. */
int write_all(int fd, const void *data, size_t length);

/* Does `fd` lead to the system journal? The service manager says which stream does in
 * JOURNAL_STREAM=DEVICE:INODE; a redirected one does not (systemd.exec(5)). */
bool fd_is_journal(int fd);

#endif
