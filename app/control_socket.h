/* The unix socket on which control serves operators: opened by the supervisor, kept over
 * generations. */
#ifndef APP_CONTROL_SOCKET_H
#define APP_CONTROL_SOCKET_H

#include "base/err.h"
#include "conf/conf.h"

#include <sys/types.h>

struct control_socket {
	int fd; /* listening, non-blocking; -1 none */
	char path[CONF_SOCKET_MAX + 1];
	dev_t device; /* of the file we made, to tell ours from one put in its place */
	ino_t inode;
};

/*
 * Bind and listen at c->control.socket, mode 0660, group `gid` ((gid_t)-1: leave it). A stale
 * file is replaced; one behind which a server listens is an error. Its folder is made when it is
 * missing below /run.
 */
int control_socket_open(const struct conf *c, gid_t gid, struct control_socket *out, struct err *e);
/* Is it still reachable at the path that `c` wants? */
bool control_socket_fits(const struct control_socket *s, const struct conf *c);
/* Close it and remove its file, if that is still ours. */
void control_socket_close(struct control_socket *s);

#endif
