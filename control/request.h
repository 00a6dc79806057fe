/*
 * Requests: one JSON object on one line (docs/control.md), checked against one table of commands that
 * server and command line share. Pure.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_REQUEST_MAX 4096u /* octets of a request with its newline */

/* What a command takes: a bit, the member of the request, its type, the command line's form, its help. */
#define REQUEST_ARGUMENTS(X)                                                                       \
	X(TARGET, 0, "target", ARGUMENT_TEXT, "TARGET",                                            \
		"POOL/ENDPOINT, an unambiguous ENDPOINT, or region:NAME")                          \
	X(WEIGHT, 1, "weight", ARGUMENT_NUMBER, "WEIGHT", "0 to 65535")                            \
	X(FOR, 2, "for_ms", ARGUMENT_NUMBER, "--for DURATION",                                     \
		"until then by wall clock, as 30s, 10m, 1h30m")                                    \
	X(SINCE, 3, "since", ARGUMENT_NUMBER, "--since SEQUENCE",                                  \
		"events after this number; 0: all that are left")                                  \
	X(POOL, 4, "pool", ARGUMENT_TEXT, "--pool POOL", "only this pool")                         \
	X(ENDPOINT, 5, "endpoint", ARGUMENT_TEXT, "--endpoint ENDPOINT", "only this endpoint")     \
	X(FORMAT, 6, "format", ARGUMENT_TEXT, "--json",                                            \
		"\"json\" (each event an object) or \"text\" (a log line)")                        \
	X(ZONE, 8, "zone", ARGUMENT_TEXT, "ZONE", "its name, as `zones` shows it")                 \
	X(ONCE, 7, "once", ARGUMENT_FLAG, "--once", "end after the events that are there")

/* One row a command: enum, word, what it must have, what it may have, help. */
#define COMMANDS(X)                                                                                \
	X(STATUS, "status", 0, ARG_POOL | ARG_ENDPOINT, "show roles, pools and endpoints")         \
	X(DRAIN, "drain", ARG_TARGET, ARG_FOR, "no new clients; connections go on")                \
	X(FORCE_UP, "force-up", ARG_TARGET, ARG_FOR, "serve whatever the checks say")              \
	X(FORCE_DOWN, "force-down", ARG_TARGET, ARG_FOR, "do not serve whatever the checks say")   \
	X(WEIGHT, "weight", ARG_TARGET | ARG_WEIGHT, ARG_FOR, "use another weight")                \
	X(RESTORE, "restore", ARG_TARGET, 0, "remove override and weight")                         \
	X(ZONES, "zones", 0, 0, "show zones and geo databases")                                    \
	X(FORGET, "zones forget", ARG_ZONE, 0, "drop a zone whose file is gone, at once")          \
	X(RELOAD, "reload", 0, 0, "start a new generation from the configuration file")            \
	X(WATCH, "watch", 0, ARG_SINCE | ARG_POOL | ARG_ENDPOINT | ARG_FORMAT | ARG_ONCE,          \
		"stream events")                                                                   \
	X(SNAPSHOT, "snapshot", 0, 0, "the whole board as JSON")

enum argument_type { ARGUMENT_TEXT, ARGUMENT_NUMBER, ARGUMENT_FLAG };

#define REQUEST_ENUM(id, bit, name, type, form, help) ARG_##id = 1 << (bit),
enum argument { REQUEST_ARGUMENTS(REQUEST_ENUM) };
#undef REQUEST_ENUM
#define REQUEST_ENUM(id, name, required, optional, help) COMMAND_##id,
enum command { COMMANDS(REQUEST_ENUM) COMMAND_COUNT };
#undef REQUEST_ENUM

struct argument_info {
	unsigned bit;
	const char *name;
	enum argument_type type;
	const char *form, *help;
};
extern const struct argument_info request_arguments[];
extern const size_t request_argument_count;

struct command_info {
	const char *name;
	unsigned required, optional; /* bits of enum argument */
	const char *help;
};
extern const struct command_info command_infos[COMMAND_COUNT];

/* COMMAND_COUNT when there is none of this name. */
enum command command_find(const char *name);
/* The error for a name that is none: the nearest, and all there are. Returns -1. */
int command_unknown(const char *name, struct err *e);

struct request {
	enum command command;
	unsigned given;                              /* bits of enum argument */
	json_t *json;                                /* owns the texts */
	const char *target, *pool, *endpoint, *zone; /* "" when not given */
	bool text;                                   /* watch: log lines instead of objects */
	bool once; /* watch: end after the events that are there */
	uint16_t weight;
	uint64_t for_ms; /* 0 = for good */
	uint64_t since;
};

/* Parse line[0..length); release with request_free(). -1 with `e`: nothing to release,
 * and out->command is the command whose arguments are wrong, or COMMAND_COUNT. */
int request_parse(const char *line, size_t length, struct request *out, struct err *e);
void request_free(struct request *r);

#endif
