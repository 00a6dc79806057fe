/*
 * One connection to the control socket: its bounded buffers, and what it waits for.
 *
 * Commands get a session and answer it; none of them frees it.
 */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

#include "base/text.h"
#include "conf/conf.h"
#include "control/control.h"
#include "control/request.h"

#include <jansson.h>
#include <sys/types.h>

#define CONTROL_REPLIES_MAX ((size_t)128 << 20) /* octets of unsent replies over all sessions */

enum session_wait {
	WAIT_NONE,
	WAIT_SAVE,        /* for the disk: `reply` goes out then */
	WAIT_RELOAD_NEXT, /* for the answer to a reload that is not asked for yet */
	WAIT_RELOAD,      /* for the supervisor's answer */
	WAIT_FORGET,      /* for dns to drop a zone */
};

struct watch_place {
	uint64_t next;  /* sequence number */
	uint64_t until; /* end before this one; UINT64_MAX: never */
	bool text;      /* log lines instead of objects */
	char pool[CONF_NAME_MAX + 1], endpoint[CONF_NAME_MAX + 1]; /* "" = all */
};

struct session {
	struct server *server;
	struct session *next;
	int fd;
	struct event *read, *write;
	uid_t uid; /* of the peer */
	pid_t pid;
	char request[CONTROL_REQUEST_MAX];
	size_t request_length;
	struct text out;
	size_t sent;        /* of `out` */
	uint64_t active_ms; /* last time it sent or took anything */
	bool eof;           /* the peer sends no more */
	bool closing;       /* close when `out` is sent */
	bool failed;        /* close now */
	bool brief;         /* it has one of the places that are kept for commands */
	enum session_wait wait;
	json_t *reply; /* while waiting for the disk */
	uint64_t ticket, wait_until_ms;
	char zone[256]; /* to be forgotten, with what its row says of it */
	uint32_t zone_row;
	uint64_t zone_gone_ms;
	bool watching;
	struct watch_place watch;
};

/* Takes the connected socket over, unless it returns -1 (memory). */
int session_open(struct server *s, int fd);
void session_close(struct session *session);
/* Send, answer, close or wait: what every callback ends with. May free the session. */
void session_settle(struct session *session);
/* Octets that were not sent yet. */
size_t session_unsent(const struct session *session);

/* One line, given without its newline. */
void session_line(struct session *session, const char *line, size_t length);
/* One object as a line; takes the reference. NULL says that memory is short. */
void session_object(struct session *session, json_t *object);
/* The same for a reply, which may be large: refused when too much is unsent already. */
void session_reply(struct session *session, json_t *reply);
/* {"ok":false,"error":...} */
void session_refuse(struct session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
