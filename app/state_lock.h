/*
 * One server a state folder: two of them would overwrite each other's orders and both say that they
 * were saved.
 *
 * The supervisor holds an flock on the file `lock` in the folder, which has its pid for others to
 * read. It is the supervisor's alone: a forked role closes its copy first thing, since roles outlive
 * a killed supervisor by some seconds and must not keep its successor out. The file is made with the
 * rights of control, whose folder it is, and stays when the server ends.
 */
#ifndef APP_STATE_LOCK_H
#define APP_STATE_LOCK_H

#include "app/privileges.h"

#include <sys/types.h>

#define STATE_LOCK_FILE    "lock"
#define STATE_LOCK_WAIT_MS 5000u /* at a start: the server before may still be stopping */

struct state_lock {
	int fd; /* -1: not held */
	dev_t device;
	ino_t inode; /* of the folder */
};

/* Lock the folder `fd` (`path` in messages), waiting at most wait_ms for another server. -1: its pid is
 * in `e`. */
int state_lock_open(struct state_lock *l, int fd, const char *path, const struct accounts *a,
	uint32_t wait_ms, struct err *e);
/* Is it this folder's? */
bool state_lock_is_of(const struct state_lock *l, int fd);
/* Give it up; in a child: let go of the copy. */
void state_lock_close(struct state_lock *l);

#endif
