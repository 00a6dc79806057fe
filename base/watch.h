/*
 * Watching folders for changed files (inotify), for zones and geo databases.
 *
 * Close-after-write, rename, create and delete count, modify never: a half-written file can be a
 * valid shorter zone. A watch never says what changed, only which folder to scan again. Folders are
 * given as open descriptors (they may be unreachable by path after privileges were dropped) and
 * watched through /proc/self/fd/N.
 */
#ifndef BASE_WATCH_H
#define BASE_WATCH_H

#include "base/err.h"

#include <stdint.h>

#define WATCH_FOLDERS_MAX 63 /* folders of one watch; more are an error */

struct watch; /* one inotify instance */

int watch_open(struct watch **out, struct err *e);
void watch_close(struct watch *w);
/* Readable when something happened; non-blocking, close-on-exec. */
int watch_fd(const struct watch *w);
/* Start to watch a folder (the same inode twice gives the same number). Returns its number 0..62,
 * or -1. */
int watch_add(struct watch *w, int dirfd, const char *shown, struct err *e);
/* Forget it again (a $INCLUDE folder no longer used). */
void watch_remove(struct watch *w, int number);
/* Drain what is there: bit N = folder N must be scanned again (all bits after an overflow). */
uint64_t watch_read(struct watch *w);

#endif
