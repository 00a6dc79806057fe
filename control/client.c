/*
 * Options are the same for all commands and come from the tables that the server checks requests with
 * (control/request.h), so that neither can know of something the other does not.
 */
#include "control/client.h"

#include "base/text.h"
#include "conf/conf.h"
#include "control/client_print.h"
#include "control/client_watch.h"
#include "control/connection.h"
#include "control/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_DEFAULT   "/run/waymark/control.sock" /* of control.socket in the schema */
#define REPLY_TIMEOUT_MS 15000u
#define RELOAD_TIMEOUT_MS                                                                          \
	1800000u /* the supervisor gives a new generation 5 minutes, and another may be on its way */

struct options {
	enum command command;
	const char *socket, *file; /* NULL when not given */
	bool json, quiet, help;
	json_t *request;
};

/* These end with 1 when something is dead or stale. */
static bool tells_trouble(enum command command)
{
	return command == COMMAND_STATUS || command == COMMAND_ZONES;
}

/* ---- usage ---- */

static void print_usage(FILE *to, enum command command)
{
	const struct command_info *info = &command_infos[command];

	(void)fprintf(to, "usage: waymark %s [-c FILE | --socket PATH] [--json]", info->name);
	for (size_t i = 0; i < request_argument_count; i++) {
		const struct argument_info *a = &request_arguments[i];

		if ((info->required & a->bit) != 0)
			(void)fprintf(to, " %s", a->form);
		else if ((info->optional & a->bit) != 0 && a->bit != ARG_FORMAT)
			(void)fprintf(to, " [%s]", a->form);
	}
	if (tells_trouble(command))
		(void)fprintf(to, " [--quiet]");
	(void)fprintf(to, "\n  %s\n", info->help);
	for (size_t i = 0; i < request_argument_count; i++) {
		const struct argument_info *a = &request_arguments[i];

		if (((info->required | info->optional) & a->bit) != 0 && a->bit != ARG_FORMAT)
			(void)fprintf(to, "  %-20s %s\n", a->form, a->help);
	}
	for (int i = 0; i < COMMAND_COUNT; i++) { /* longer commands that begin with this one */
		const struct command_info *longer = &command_infos[i];
		size_t length = strlen(info->name);

		if (strncmp(longer->name, info->name, length) == 0 && longer->name[length] == ' ')
			(void)fprintf(to, "  see also: waymark %s --help: %s\n", longer->name,
				longer->help);
	}
	if (tells_trouble(command))
		(void)fprintf(to,
			"  %-20s no output; exit code 1 when something is dead or stale\n",
			"--quiet");
}

static int usage_error(enum command command, const char *what, const char *about)
{
	(void)fprintf(stderr, "waymark %s: %s%s%s\n", command_infos[command].name, what,
		about[0] != '\0' ? ": " : "", about);
	print_usage(stderr, command);
	return CLIENT_USAGE;
}

/* ---- arguments ---- */

/* The argument as a member of the request. False when it does not read as what it must be. */
static bool set_argument(json_t *request, const struct argument_info *a, const char *value)
{
	uint64_t n;
	char *end;

	if (a->type == ARGUMENT_FLAG)
		return json_object_set_new(request, a->name, json_true()) == 0;
	if (a->type == ARGUMENT_TEXT)
		return json_object_set_new(request, a->name, json_string(value)) == 0;
	if (a->bit == ARG_FOR) {
		if (duration_parse(value, &n) < 0 || n == 0)
			return false;
	} else {
		errno = 0;
		n = strtoull(value, &end, 10);
		if (errno != 0 || *end != '\0' || value[0] < '0' || value[0] > '9' || n > INT64_MAX)
			return false;
	}
	return json_object_set_new(request, a->name, json_integer((json_int_t)n)) == 0;
}

/* The next positional argument goes to the first required one that has none. */
static const struct argument_info *next_positional(const struct options *o)
{
	for (size_t i = 0; i < request_argument_count; i++) {
		const struct argument_info *a = &request_arguments[i];

		if ((command_infos[o->command].required & a->bit) != 0 &&
			json_object_get(o->request, a->name) == NULL)
			return a;
	}
	return NULL;
}

/* The argument whose form begins with this option ("--for DURATION"), when the command takes it. */
static const struct argument_info *find_option(
	const struct options *o, const char *option, size_t length)
{
	for (size_t i = 0; i < request_argument_count; i++) {
		const struct argument_info *a = &request_arguments[i];

		if ((command_infos[o->command].optional & a->bit) != 0 && a->bit != ARG_FORMAT &&
			strncmp(a->form, option, length) == 0 &&
			(a->form[length] == ' ' || a->form[length] == '\0'))
			return a;
	}
	return NULL;
}

/* The value does not read as what the argument must be. */
static int value_error(const struct options *o, const struct argument_info *a, const char *value)
{
	char what[320];

	if (a->bit == ARG_FOR && value[0] != '\0' && value[strspn(value, "0123456789")] == '\0')
		(void)snprintf(what, sizeof what,
			"%.60s has no unit: write %.60ss, %.60sm or %.60sh", value, value, value,
			value);
	else
		(void)snprintf(what, sizeof what, "\"%.100s\" is not understood", value);
	return usage_error(o->command, a->form, what);
}

/* An option, as "--once", "--for 1h" or "--for=1h"; `*i` moves over its value. */
static int take_option(struct options *o, int argc, char **argv, int *i)
{
	const char *option = argv[*i];
	size_t length = strncmp(option, "--", 2) == 0 ? strcspn(option, "=") : strlen(option);
	const struct argument_info *a = find_option(o, option, length);
	bool is_file = strcmp(option, "-c") == 0,
	     is_socket = strncmp(option, "--socket", length) == 0 && length == 8;
	const char *value;

	if (a == NULL && !is_file && !is_socket)
		return usage_error(o->command, "unknown option", option);
	if (a != NULL && a->type == ARGUMENT_FLAG) {
		if (option[length] == '=')
			return usage_error(o->command, "the option takes no value", option);
		value = "";
	} else if (option[length] == '=')
		value = option + length + 1;
	else if (*i + 1 < argc)
		value = argv[++*i];
	else
		return usage_error(o->command, "the option needs a value", option);
	if (is_file)
		o->file = value;
	else if (is_socket)
		o->socket = value;
	else if (!set_argument(o->request, a, value))
		return value_error(o, a, value);
	return CLIENT_OK;
}

/* "zones forget": the first words of such a command are one by themselves. */
static bool take_second_word(struct options *o, const char *word)
{
	char two[64];
	enum command command;

	(void)snprintf(two, sizeof two, "%s %s", command_infos[o->command].name, word);
	command = command_find(two);
	if (command == COMMAND_COUNT)
		return false;
	o->command = command;
	return json_object_set_new(o->request, "command", json_string(two)) == 0;
}

static int take_arguments(struct options *o, int argc, char **argv)
{
	const struct argument_info *missing;
	bool only_positional = false;

	for (int i = 0; i < argc; i++) {
		const struct argument_info *a;
		int rc;

		if (!only_positional && strcmp(argv[i], "--") == 0) {
			only_positional = true;
		} else if (!only_positional && strcmp(argv[i], "--json") == 0) {
			o->json = true;
		} else if (!only_positional && tells_trouble(o->command) &&
			   strcmp(argv[i], "--quiet") == 0) {
			o->quiet = true;
		} else if (!only_positional && strcmp(argv[i], "--help") == 0) {
			o->help = true;
		} else if (!only_positional && argv[i][0] == '-') {
			rc = take_option(o, argc, argv, &i);
			if (rc != CLIENT_OK)
				return rc;
		} else {
			a = next_positional(o);
			if (a == NULL && take_second_word(o, argv[i]))
				continue;
			if (a == NULL)
				return usage_error(o->command, "one argument too many", argv[i]);
			if (!set_argument(o->request, a, argv[i]))
				return value_error(o, a, argv[i]);
		}
	}
	missing = next_positional(o);
	if (missing != NULL && !o->help)
		return usage_error(o->command, missing->form, "is missing");
	return CLIENT_OK;
}

/* ---- where the server is ---- */

/* The socket's path into `path`; false after a message. */
static bool find_socket(const struct options *o, char *path, size_t size)
{
	const char *file = o->file;
	struct report report = {0};
	char line[1024], *found;
	bool ok;

	if (file == NULL && o->socket == NULL && access(CONF_FILE_DEFAULT, F_OK) == 0)
		file = CONF_FILE_DEFAULT;
	if (o->socket != NULL || file == NULL) {
		(void)snprintf(path, size, "%s", o->socket != NULL ? o->socket : SOCKET_DEFAULT);
		return true;
	}
	found = conf_load_socket(file, &report);
	ok = found != NULL;
	if (ok) {
		(void)snprintf(path, size, "%s", found);
	} else {
		for (size_t i = 0; i < report.count; i++) {
			err_format(&report.items[i], line, sizeof line);
			(void)fprintf(stderr, "%s\n", line);
		}
		(void)fprintf(stderr,
			"waymark %s: cannot learn the control socket from %s; give --socket PATH\n",
			command_infos[o->command].name, file);
	}
	report_free(&report);
	free(found);
	return ok;
}

/* ---- replies ---- */

static void print_json(const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2));

	(void)printf("%s\n", text != NULL ? text : "null");
	free(text);
}

static void print_warnings(enum command command, const json_t *reply)
{
	const json_t *text;
	size_t i;

	json_array_foreach(json_object_get(reply, "warnings"), i, text)
	{
		(void)fprintf(stderr, "waymark %s: warning: %s\n", command_infos[command].name,
			json_is_string(text) ? json_string_value(text) : "?");
	}
	if (json_is_null(json_object_get(reply, "saved")))
		(void)fprintf(stderr,
			"waymark %s: note: this lasts until the server stops (no state folder)\n",
			command_infos[command].name);
}

/* The part of a reply that --json shows. */
static const json_t *body_of(enum command command, const json_t *reply)
{
	const json_t *body = json_object_get(reply, command_infos[command].name);

	return body != NULL ? body : reply;
}

static void print_lines(FILE *to, const json_t *lines)
{
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		(void)fprintf(to, "%s\n", json_is_string(line) ? json_string_value(line) : "?");
	}
}

static void print_reply(const struct options *o, const json_t *reply)
{
	const json_t *body = body_of(o->command, reply);
	struct text out = {0};

	switch (o->command) {
	case COMMAND_STATUS: print_status(body, &out); break;
	case COMMAND_ZONES: print_zones(body, &out); break;
	case COMMAND_FORGET:
		if (json_is_true(json_object_get(reply, "forgotten")))
			text_printf(&out, "%s: forgotten\n",
				json_string_value(json_object_get(reply, "zone")));
		print_warnings(o->command, reply);
		break;
	case COMMAND_RELOAD:
		print_lines(stderr, json_object_get(reply, "messages"));
		text_printf(&out, "generation %" JSON_INTEGER_FORMAT " serves\n",
			json_integer_value(json_object_get(reply, "generation")));
		break;
	case COMMAND_DRAIN:
	case COMMAND_FORCE_UP:
	case COMMAND_FORCE_DOWN:
	case COMMAND_WEIGHT:
	case COMMAND_RESTORE:
		print_changed(reply, &out);
		print_warnings(o->command, reply);
		break;
	case COMMAND_SNAPSHOT: print_json(body); break;
	case COMMAND_WATCH:
	case COMMAND_COUNT: break;
	}
	(void)fputs(out.data != NULL ? out.data : "", stdout);
	text_free(&out);
}

/* Is anything dead or stale? */
static bool has_errors(const json_t *body)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(body, "trouble"), i, one)
	{
		const char *level = json_string_value(json_object_get(one, "level"));

		if (level != NULL && strcmp(level, "error") == 0)
			return true;
	}
	return false;
}

static int run_once(const struct options *o, const char *path)
{
	uint32_t timeout_ms = o->command == COMMAND_RELOAD ? RELOAD_TIMEOUT_MS : REPLY_TIMEOUT_MS;
	const char *name = command_infos[o->command].name, *why;
	json_t *reply = NULL;
	struct err e;
	enum connection_result rc = connection_ask(path, o->request, timeout_ms, &reply, &e);
	bool ok, trouble;

	if (rc != CONNECTION_OK) {
		(void)fprintf(stderr, "waymark %s: %s\n", name, e.text);
		return rc == CONNECTION_NONE ? CLIENT_NO_SERVER : CLIENT_REFUSED;
	}
	ok = json_is_true(json_object_get(reply, "ok"));
	if (o->quiet && ok) {
		/* the exit code says it */
	} else if (o->json) {
		print_json(ok ? body_of(o->command, reply) : reply);
	} else if (ok) {
		print_reply(o, reply);
	} else {
		why = json_string_value(json_object_get(reply, "error"));
		print_lines(stderr, json_object_get(reply, "messages"));
		(void)fprintf(stderr, "waymark %s: %s\n", name, why != NULL ? why : "refused");
	}
	trouble = ok && tells_trouble(o->command) && has_errors(body_of(o->command, reply));
	json_decref(reply);
	if (fflush(stdout) != 0) {
		(void)fprintf(stderr, "waymark %s: cannot write to standard output: %s\n", name,
			strerror(errno));
		return CLIENT_REFUSED;
	}
	return ok && !trouble ? CLIENT_OK : CLIENT_REFUSED;
}

int control_client_main(const char *verb, int argc, char **argv)
{
	struct options o = {.command = command_find(verb)};
	char path[ERR_FILE_MAX];
	struct err e;
	int rc;

	if (o.command == COMMAND_COUNT) {
		(void)command_unknown(verb, &e);
		(void)fprintf(stderr, "waymark: %s\n", e.text);
		return CLIENT_USAGE;
	}
	o.request = json_pack("{s:s}", "command", verb);
	if (o.request == NULL) {
		(void)fprintf(stderr, "waymark %s: out of memory\n", verb);
		return CLIENT_REFUSED;
	}
	rc = take_arguments(&o, argc, argv);
	if (rc == CLIENT_OK && o.help) {
		print_usage(stdout, o.command);
	} else if (rc == CLIENT_OK && !find_socket(&o, path, sizeof path)) {
		rc = CLIENT_REFUSED;
	} else if (rc == CLIENT_OK && o.command == COMMAND_WATCH) {
		(void)json_object_set_new(
			o.request, "format", json_string(o.json ? "json" : "text"));
		rc = (int)client_watch(path, o.request, o.json);
	} else if (rc == CLIENT_OK) {
		rc = run_once(&o, path);
	}
	json_decref(o.request);
	return rc;
}

int snapshot_fetch(const char *socket, json_t **out, struct err *e)
{
	json_t *request = json_pack("{s:s}", "command", command_infos[COMMAND_SNAPSHOT].name),
	       *reply;
	enum connection_result rc = connection_ask(socket, request, REPLY_TIMEOUT_MS, &reply, e);

	json_decref(request);
	if (rc == CONNECTION_NONE)
		return 1;
	if (rc != CONNECTION_OK)
		return -1;
	*out = json_incref(json_object_get(reply, "snapshot"));
	if (*out == NULL)
		err_set(e, "the server refused a snapshot");
	json_decref(reply);
	return *out != NULL ? 0 : -1;
}
