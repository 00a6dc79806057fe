/*
 * The supervisor's link to a role: one SOCK_SEQPACKET pair, one message a packet.
 *
 *   role → supervisor   READY text, FAILED text, STOPPED; from dns also RELEASED, from control RELOAD
 *   supervisor → role   GO, STOP; to control also RELOADED value text
 *
 * End of file at the role's side means that the supervisor is gone: stop in order within 2 s.
 */
#ifndef BASE_LINK_H
#define BASE_LINK_H

#include <stdint.h>

#define LINK_TEXT_MAX 32768 /* octets with the NUL; fits the default send buffer six times */

enum link_type {
	LINK_READY = 1, /* loaded; waits for GO; text has warnings, one a line */
	LINK_FAILED,    /* cannot serve; text says why */
	LINK_GO,        /* start to serve */
	LINK_STOP,      /* drain, then STOPPED */
	LINK_STOPPED,   /* the last message of a role that stops in order */
	LINK_RELOAD,    /* control asks for a new generation */
	LINK_RELEASED,  /* a dns that drains has closed its listening sockets */
	LINK_RELOADED,  /* value 0: the new generation serves; 1: refused; text has the messages */
};

struct link_message {
	uint32_t type; /* enum link_type */
	int32_t value;
	char text[LINK_TEXT_MAX]; /* NUL-terminated; sent up to its NUL */
};

/* 0, or -1 with errno (EAGAIN, EPIPE…). `text` may be NULL; a longer one is cut. */
int link_send(int fd, enum link_type type, int32_t value, const char *text);
/* 1 a message, 0 end of file, -1 with errno (EAGAIN on a non-blocking read with nothing there;
 * EPROTO for a packet that is no message). Never blocks: MSG_DONTWAIT. */
int link_receive(int fd, struct link_message *out);

#endif
