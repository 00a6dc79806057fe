/* The client side of the control socket: the command-line verbs that talk to a running server. */
#ifndef CONTROL_CLIENT_H
#define CONTROL_CLIENT_H

#include "base/err.h"

#include <jansson.h>

enum client_exit { CLIENT_OK, CLIENT_REFUSED, CLIENT_USAGE, CLIENT_NO_SERVER };

/*
 * `verb` is one of status, drain, force-up, force-down, weight, restore, zones (also `zones
 * forget`), reload, watch, snapshot; argv[0..argc) is what follows it. Prints to standard output and
 * error; returns the exit code (enum client_exit).
 */
int control_client_main(const char *verb, int argc, char **argv);

/* The board of the server behind `socket`, as a new reference (board/snapshot.h). 0; -1 with `e`;
 * 1 when no server runs there (`e` says so). */
int snapshot_fetch(const char *socket, json_t **out, struct err *e);

#endif
