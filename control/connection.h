/* The client's end of the control socket: requests out, lines in. Blocking, with time limits. */
#ifndef CONTROL_CONNECTION_H
#define CONTROL_CONNECTION_H

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>
#include <stdint.h>

struct connection {
	int fd;
	struct text in;
	size_t used; /* octets of `in` that were given out */
};

enum connection_result {
	CONNECTION_OK = 0,
	CONNECTION_ERROR = -1,
	CONNECTION_NONE = 1,   /* no server listens there */
	CONNECTION_CLOSED = 2, /* the server closed without (further) lines */
};

/* Result OK: end with connection_close(). Else `e` says what is wrong. */
enum connection_result connection_dial(struct connection *c, const char *path, struct err *e);
void connection_close(struct connection *c);
enum connection_result connection_send(struct connection *c, const json_t *request, struct err *e);
/* The next line, without its newline, valid until the next call; waits at most timeout_ms (0: for ever). */
enum connection_result connection_line(
	struct connection *c, uint32_t timeout_ms, const char **line, struct err *e);

/* One request and its reply (a new reference). Asks again when control is being replaced just then. */
enum connection_result connection_ask(const char *path, const json_t *request, uint32_t timeout_ms,
	json_t **reply, struct err *e);

#endif
