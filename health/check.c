#include "health/check.h"

#include "base/connect_blame.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By enum check_kind of conf.h. */
static const struct check_type *const types[] = {
	[CHECK_TCP] = &check_tcp,
	[CHECK_HTTP] = &check_http,
};
#define TYPE_COUNT (sizeof types / sizeof types[0])

struct checks {
	struct event_base *base;
	check_done *done;
	void *owner;
	void *shared[TYPE_COUNT];
	size_t open_count; /* types[0..open_count) are open */
};

int checks_open(
	struct checks **out, struct event_base *base, check_done *done, void *owner, struct err *e)
{
	struct checks *c = calloc(1, sizeof *c);

	if (c == NULL)
		return err_set(e, "no memory for checks");
	c->base = base;
	c->done = done;
	c->owner = owner;
	for (; c->open_count < TYPE_COUNT; c->open_count++) {
		size_t i = c->open_count;

		if (types[i]->open != NULL && types[i]->open(base, &c->shared[i], e) < 0) {
			checks_close(c);
			return -1;
		}
	}
	*out = c;
	return 0;
}

void checks_close(struct checks *c)
{
	if (c == NULL)
		return;
	while (c->open_count > 0) {
		c->open_count--;
		if (types[c->open_count]->close != NULL)
			types[c->open_count]->close(c->shared[c->open_count]);
	}
	free(c);
}

enum check_result check_start(struct checks *c, const struct conf_check *check,
	const struct hostport *target, uint32_t tag, struct check_run **run,
	struct check_outcome *outcome)
{
	const struct check_type *type;
	enum check_result result;

	*outcome = (struct check_outcome){0};
	if ((size_t)check->kind >= TYPE_COUNT)
		return check_outcome_failed(outcome, "no check of kind %d", (int)check->kind);
	type = types[check->kind];
	result = type->start(c->shared[check->kind], c->base, check, target, run, outcome);
	if (result == CHECK_RUNNING)
		**run = (struct check_run){.checks = c, .type = type, .tag = tag};
	return result;
}

const char *check_cancel(struct check_run *run)
{
	return run->type->cancel(run);
}

void check_report(struct checks *c, uint32_t tag, const struct check_outcome *outcome)
{
	c->done(c->owner, tag, outcome);
}

static enum check_result outcome_errno(
	struct check_outcome *o, const char *what, int error, enum connect_blame blame)
{
	const char *text = strerrordesc_np(error);
	char first = text != NULL ? text[0] : '\0';

	/* "Connection refused" reads on as "connection refused"; an "RPC …" stays */
	if (first != '\0' && islower((unsigned char)text[1]))
		first = (char)tolower((unsigned char)first);
	if (first != '\0')
		(void)snprintf(o->reason, sizeof o->reason, "%s: %c%s", what, first, text + 1);
	else
		(void)snprintf(o->reason, sizeof o->reason, "%s: error %d", what, error);
	o->result = blame == BLAME_TARGET ? CHECK_FAILED : CHECK_NOT_RUN;
	return o->result;
}

enum check_result check_outcome_call(struct check_outcome *o, const char *what, int error)
{
	return outcome_errno(o, what, error, connect_blame_call(error));
}

enum check_result check_outcome_later(struct check_outcome *o, const char *what, int error)
{
	return outcome_errno(o, what, error, connect_blame_later(error));
}

enum check_result check_outcome_failed(struct check_outcome *o, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(o->reason, sizeof o->reason, format, args);
	va_end(args);
	o->result = CHECK_FAILED;
	return o->result;
}
