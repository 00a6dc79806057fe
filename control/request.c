#include "control/request.h"

#include "base/text.h"
#include "conf/conf.h"

#include <inttypes.h>
#include <string.h>

#define FOR_MAX_MS (UINT64_C(100) * 366 * 86400 * 1000) /* what duration_parse() gives at most */

#define ROW(id, bit, name, type, form, help) {ARG_##id, name, type, form, help},
const struct argument_info request_arguments[] = {REQUEST_ARGUMENTS(ROW)};
#undef ROW
const size_t request_argument_count = sizeof request_arguments / sizeof request_arguments[0];

#define ROW(id, name, required, optional, help) {name, required, optional, help},
const struct command_info command_infos[COMMAND_COUNT] = {COMMANDS(ROW)};
#undef ROW

enum command command_find(const char *name)
{
	for (int i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(command_infos[i].name, name) == 0)
			return (enum command)i;
	}
	return COMMAND_COUNT;
}

int command_unknown(const char *name, struct err *e)
{
	const char *names[COMMAND_COUNT], *nearest;
	struct text list = {0};

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		names[i] = command_infos[i].name;
		text_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
	}
	nearest = text_nearest(name, names, COMMAND_COUNT);
	err_set(e, "there is no command \"%.40s\"%s%s%s; commands are %s", name,
		nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "\"?" : "", list.data != NULL ? list.data : "");
	text_free(&list);
	return -1;
}

/* ---- members ---- */

static const struct argument_info *argument_find(const char *name)
{
	for (size_t i = 0; i < request_argument_count; i++) {
		if (strcmp(request_arguments[i].name, name) == 0)
			return &request_arguments[i];
	}
	return NULL;
}

static int take_number(struct request *r, unsigned bit, uint64_t n, struct err *e)
{
	if (bit == ARG_WEIGHT) {
		if (n > CONF_WEIGHT_MAX)
			return err_set(e, "weight %" PRIu64 " is above %u", n, CONF_WEIGHT_MAX);
		r->weight = (uint16_t)n;
	} else if (bit == ARG_FOR) {
		if (n == 0 || n > FOR_MAX_MS)
			return err_set(e, "a duration must be above 0 and at most 100 years");
		r->for_ms = n;
	} else {
		r->since = n;
	}
	return 0;
}

static int take_text(struct request *r, unsigned bit, const char *text, struct err *e)
{
	if (bit == ARG_TARGET) {
		r->target = text;
	} else if (bit == ARG_POOL) {
		r->pool = text;
	} else if (bit == ARG_ENDPOINT) {
		r->endpoint = text;
	} else if (bit == ARG_ZONE) {
		r->zone = text;
	} else if (strcmp(text, "text") == 0) {
		r->text = true;
	} else if (strcmp(text, "json") != 0) {
		return err_set(e, "\"format\" must be \"json\" or \"text\"");
	}
	return 0;
}

static int take_member(struct request *r, const char *key, const json_t *value, struct err *e)
{
	const struct command_info *command = &command_infos[r->command];
	const struct argument_info *a = argument_find(key);

	if (strcmp(key, "command") == 0)
		return 0;
	if (a == NULL || ((command->required | command->optional) & a->bit) == 0)
		return err_set(e, "\"%s\" takes no \"%.40s\"", command->name, key);
	r->given |= a->bit;
	switch (a->type) {
	case ARGUMENT_NUMBER:
		if (!json_is_integer(value) || json_integer_value(value) < 0)
			return err_set(e, "\"%s\" must be a whole number, 0 or more", a->name);
		return take_number(r, a->bit, (uint64_t)json_integer_value(value), e);
	case ARGUMENT_FLAG:
		if (!json_is_boolean(value))
			return err_set(e, "\"%s\" must be true or false", a->name);
		r->once = json_is_true(value);
		return 0;
	case ARGUMENT_TEXT:
		if (!json_is_string(value))
			return err_set(e, "\"%s\" must be a string", a->name);
		return take_text(r, a->bit, json_string_value(value), e);
	}
	return 0;
}

static int take_all(struct request *r, struct err *e)
{
	const json_t *name = json_object_get(r->json, "command");
	const char *key;
	json_t *value;

	if (!json_is_string(name))
		return err_set(e, "a request is an object with a string \"command\"");
	r->command = command_find(json_string_value(name));
	if (r->command == COMMAND_COUNT)
		return command_unknown(json_string_value(name), e);
	json_object_foreach(r->json, key, value)
	{
		if (take_member(r, key, value, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < request_argument_count; i++) {
		const struct argument_info *a = &request_arguments[i];

		if ((command_infos[r->command].required & ~r->given & a->bit) != 0)
			return err_set(e, "\"%s\" needs \"%s\": %s", command_infos[r->command].name,
				a->name, a->help);
	}
	return 0;
}

int request_parse(const char *line, size_t length, struct request *out, struct err *e)
{
	struct request r = {
		.command = COMMAND_COUNT, .target = "", .pool = "", .endpoint = "", .zone = ""};
	json_error_t syntax;

	out->command = COMMAND_COUNT;
	r.json = json_loadb(line, length, JSON_REJECT_DUPLICATES, &syntax);
	if (r.json == NULL)
		return err_set(
			e, "the request is not JSON: column %d: %s", syntax.column, syntax.text);
	if (take_all(&r, e) < 0) {
		out->command = r.command;
		request_free(&r);
		return -1;
	}
	*out = r;
	return 0;
}

void request_free(struct request *r)
{
	json_decref(r->json);
	r->json = NULL;
}
