/*
 * TCP: does the target accept a connection? Nothing is sent; the connection is reset as soon as it
 * stands.
 */
#include "health/connecting.h"

#include <errno.h>
#include <stdlib.h>

struct tcp_run {
	struct check_run run; /* first: the two are cast into each other */
	struct connecting connecting;
};

static void tcp_free(struct tcp_run *t)
{
	connecting_end(&t->connecting);
	free(t);
}

static void tcp_done(struct connecting *c, struct check_outcome *o)
{
	struct tcp_run *t = (struct tcp_run *)((char *)c - offsetof(struct tcp_run, connecting));
	struct checks *checks = t->run.checks;
	uint32_t tag = t->run.tag;

	tcp_free(t);
	check_report(checks, tag, o);
}

static enum check_result tcp_start(void *shared, struct event_base *base,
	const struct conf_check *check, const struct hostport *target, struct check_run **run,
	struct check_outcome *outcome)
{
	struct tcp_run *t = calloc(1, sizeof *t);
	enum check_result result;

	(void)shared;
	(void)check;
	if (t == NULL)
		return check_outcome_call(outcome, "probe", ENOMEM);
	result = connecting_start(&t->connecting, base, target, tcp_done, outcome);
	if (result == CHECK_RUNNING)
		*run = &t->run;
	else
		tcp_free(t);
	return result;
}

static const char *tcp_cancel(struct check_run *run)
{
	tcp_free((struct tcp_run *)run);
	return "connect";
}

const struct check_type check_tcp = {.start = tcp_start, .cancel = tcp_cancel};
