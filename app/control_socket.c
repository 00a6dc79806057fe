#include "app/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_MODE 0660
#define BACKLOG     64

static int fail(const struct conf *c, struct err *e, const char *what)
{
	return err_at(e, c->file, c->control.position.line, c->control.position.column,
		"cannot serve the control socket %s: %s", c->control.socket, what);
}

/* Make the socket's folder below /run, which is empty after each boot; anywhere else it must
 * exist. */
static void make_folder(const char *path)
{
	char folder[CONF_SOCKET_MAX + 1];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || strncmp(path, "/run/", 5) != 0 || slash - path < 6)
		return;
	(void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
	(void)mkdir(folder, 0755); /* bind() says why it is not there */
}

/* 1 somebody listens there, 0 nobody does or there is no such file, -1 something else is there. */
static int probe(const struct sockaddr_un *address)
{
	struct stat st;
	int fd, rc;

	if (lstat(address->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	/* EAGAIN: it listens, and its queue is full */
	rc = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
	(void)close(fd);
	return rc;
}

int control_socket_open(const struct conf *c, gid_t gid, struct control_socket *out, struct err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int fd, rc;

	if (strlen(c->control.socket) >= sizeof address.sun_path)
		return fail(c, e, "its path is too long for a unix socket");
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", c->control.socket);
	make_folder(address.sun_path);
	rc = probe(&address);
	if (rc > 0)
		return fail(c, e, "it is already served by a running server");
	if (rc < 0)
		return fail(c, e, "a file that is no socket is in its place");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(c, e, strerror(errno));
	(void)unlink(address.sun_path);
	mask = umask(0777 & ~SOCKET_MODE);
	rc = bind(fd, (const struct sockaddr *)&address, sizeof address);
	(void)umask(mask);
	if (rc < 0 || listen(fd, BACKLOG) < 0 || lstat(address.sun_path, &st) < 0) {
		(void)fail(c, e, strerror(errno));
		(void)close(fd);
		return -1;
	}
	if (gid != (gid_t)-1)
		(void)lchown(address.sun_path, (uid_t)-1, gid);
	*out = (struct control_socket){.fd = fd, .device = st.st_dev, .inode = st.st_ino};
	(void)snprintf(out->path, sizeof out->path, "%s", address.sun_path);
	return 0;
}

static bool is_ours(const struct control_socket *s)
{
	struct stat st;

	return lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode;
}

bool control_socket_fits(const struct control_socket *s, const struct conf *c)
{
	return s->fd >= 0 && strcmp(s->path, c->control.socket) == 0 && is_ours(s);
}

void control_socket_close(struct control_socket *s)
{
	if (s->fd < 0)
		return;
	if (is_ours(s))
		(void)unlink(s->path);
	(void)close(s->fd);
	s->fd = -1;
}
