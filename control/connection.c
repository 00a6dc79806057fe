#include "control/connection.h"

#include "board/snapshot.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 10 /* also for sending a request */
#define ASK_TRIES         20 /* when control is being replaced */
#define ASK_PAUSE_MS      250
#define READ_SIZE         65536

enum connection_result connection_dial(struct connection *c, const char *path, struct err *e)
{
	const struct timeval limit = {.tv_sec = CONNECT_TIMEOUT_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int error;

	if (strlen(path) >= sizeof address.sun_path) {
		err_set(e, "the path of the control socket is longer than %zu octets: %s",
			sizeof address.sun_path - 1, path);
		return CONNECTION_ERROR;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	*c = (struct connection){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (c->fd < 0) {
		err_set(e, "cannot make a socket: %s", strerror(errno));
		return CONNECTION_ERROR;
	}
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0)
		return CONNECTION_OK;
	error = errno;
	connection_close(c);
	if (error == ENOENT || error == ECONNREFUSED) {
		err_set(e, "no server at %s: %s", path, strerror(error));
		return CONNECTION_NONE;
	}
	if (error == EAGAIN)
		err_set(e, "the server at %s accepts nothing: its queue is full for %d s", path,
			CONNECT_TIMEOUT_S);
	else
		err_set(e, "cannot connect to %s: %s", path, strerror(error));
	return CONNECTION_ERROR;
}

void connection_close(struct connection *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	text_free(&c->in);
	c->used = 0;
}

enum connection_result connection_send(struct connection *c, const json_t *request, struct err *e)
{
	char *line = json_dumps(request, JSON_COMPACT);
	struct text t = {0};
	size_t sent = 0;
	ssize_t n = 0;

	if (line != NULL)
		text_printf(&t, "%s\n", line);
	free(line);
	if (line == NULL || t.failed) {
		text_free(&t);
		err_set(e, "out of memory for the request");
		return CONNECTION_ERROR;
	}
	while (sent < t.length) {
		n = send(c->fd, t.data + sent, t.length - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			break;
		sent += n > 0 ? (size_t)n : 0;
	}
	text_free(&t);
	if (n >= 0)
		return CONNECTION_OK;
	err_set(e, "cannot send the request: %s", strerror(errno));
	return errno == EPIPE || errno == ECONNRESET ? CONNECTION_CLOSED : CONNECTION_ERROR;
}

/* Wait for octets and add them to c->in. */
static enum connection_result receive(struct connection *c, uint32_t timeout_ms, struct err *e)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	char data[READ_SIZE];
	ssize_t n;
	int rc;

	do
		rc = poll(&p, 1, timeout_ms == 0 ? -1 : (int)timeout_ms);
	while (rc < 0 && errno == EINTR);
	if (rc == 0) {
		err_set(e, "the server has not answered within %u s", timeout_ms / 1000);
		return CONNECTION_ERROR;
	}
	do
		n = recv(c->fd, data, sizeof data, 0);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		err_set(e, "the server closed the connection");
		return CONNECTION_CLOSED;
	}
	if (n < 0) {
		err_set(e, "cannot read the reply: %s", strerror(errno));
		return CONNECTION_ERROR;
	}
	text_add(&c->in, data, (size_t)n);
	if (c->in.failed || c->in.length > SNAPSHOT_MAX) {
		err_set(e, "the reply is larger than this program takes (%zu octets)",
			SNAPSHOT_MAX);
		return CONNECTION_ERROR;
	}
	return CONNECTION_OK;
}

enum connection_result connection_line(
	struct connection *c, uint32_t timeout_ms, const char **line, struct err *e)
{
	size_t searched = 0;

	if (c->used > 0) { /* what was given out makes room */
		c->in.length -= c->used;
		memmove(c->in.data, c->in.data + c->used, c->in.length);
		c->used = 0;
	}
	for (;;) {
		char *end = c->in.length > searched
				    ? memchr(c->in.data + searched, '\n', c->in.length - searched)
				    : NULL;
		enum connection_result rc;

		if (end != NULL) {
			*end = '\0';
			c->used = (size_t)(end - c->in.data) + 1;
			*line = c->in.data;
			return CONNECTION_OK;
		}
		searched = c->in.length;
		rc = receive(c, timeout_ms, e);
		if (rc != CONNECTION_OK)
			return rc;
	}
}

static enum connection_result ask_once(
	const char *path, const json_t *request, uint32_t timeout_ms, json_t **reply, struct err *e)
{
	struct connection c;
	const char *line;
	enum connection_result rc = connection_dial(&c, path, e);

	if (rc != CONNECTION_OK)
		return rc;
	rc = connection_send(&c, request, e);
	if (rc == CONNECTION_OK ||
		rc == CONNECTION_CLOSED) /* it may have answered before it read us */
		rc = connection_line(&c, timeout_ms, &line, e);
	if (rc == CONNECTION_OK) {
		*reply = json_loads(line, 0, NULL);
		if (!json_is_object(*reply)) {
			json_decref(*reply);
			*reply = NULL;
			err_set(e, "what answers at %s is not Waymark", path);
			rc = CONNECTION_ERROR;
		}
	}
	connection_close(&c);
	return rc;
}

enum connection_result connection_ask(
	const char *path, const json_t *request, uint32_t timeout_ms, json_t **reply, struct err *e)
{
	const struct timespec pause = {.tv_nsec = ASK_PAUSE_MS * 1000000L};
	enum connection_result rc = CONNECTION_CLOSED;

	for (int i = 0; i < ASK_TRIES; i++) {
		rc = ask_once(path, request, timeout_ms, reply, e);
		if (rc == CONNECTION_OK && json_is_true(json_object_get(*reply, "retry")) &&
			i + 1 < ASK_TRIES)
			json_decref(*reply);
		else if (rc != CONNECTION_CLOSED)
			return rc;
		(void)nanosleep(&pause, NULL);
	}
	return rc;
}
