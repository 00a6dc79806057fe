#include "app/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- what crews share ---- */

static bool conf_is_shared(const struct supervisor *s, const struct crew *c)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		if (s->crews[i] != c && s->crews[i]->conf == c->conf)
			return true;
	}
	return false;
}

static bool control_is_shared(const struct supervisor *s, const struct crew *c)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		if (s->crews[i] != c && s->crews[i]->control == c->control)
			return true;
	}
	return false;
}

/* The socket of a living crew, if it is where this configuration wants it; else a new one. */
static int control_take(struct supervisor *s, struct crew *c, struct report *report)
{
	gid_t gid = c->accounts.change ? c->accounts.role[ROLE_SUPERVISOR].gid : (gid_t)-1;
	struct err e;

	for (size_t i = 0; i < s->crew_count; i++) {
		if (s->crews[i]->control != NULL &&
			control_socket_fits(s->crews[i]->control, c->conf)) {
			c->control = s->crews[i]->control;
			return 0;
		}
	}
	c->control = malloc(sizeof *c->control);
	if (c->control == NULL) {
		report_add(report, SEVERITY_ERROR, c->conf->file, 0, 0, "out of memory");
		return -1;
	}
	if (control_socket_open(c->conf, gid, c->control, &e) == 0)
		return 0;
	report_err(report, &e);
	free(c->control);
	c->control = NULL;
	return -1;
}

static void control_give_back(struct supervisor *s, struct crew *c)
{
	if (c->control == NULL || control_is_shared(s, c))
		return;
	control_socket_close(c->control);
	free(c->control);
}

static bool lock_is_shared(const struct supervisor *s, const struct crew *c)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		if (s->crews[i] != c && s->crews[i]->lock == c->lock)
			return true;
	}
	return false;
}

/* The lock of a living crew, if it is of the same folder; else a new one. Only a start waits for
 * another server: a reload would hold the supervisor up. */
static int lock_take(struct supervisor *s, struct crew *c, struct report *report)
{
	uint32_t wait_ms = s->crew_count == 0 ? STATE_LOCK_WAIT_MS : 0;
	struct err e;

	if (c->folders.state.fd < 0)
		return 0;
	for (size_t i = 0; i < s->crew_count; i++) {
		if (s->crews[i]->lock != NULL &&
			state_lock_is_of(s->crews[i]->lock, c->folders.state.fd)) {
			c->lock = s->crews[i]->lock;
			return 0;
		}
	}
	c->lock = malloc(sizeof *c->lock);
	if (c->lock == NULL)
		err_set(&e, "out of memory");
	else if (state_lock_open(c->lock, c->folders.state.fd, c->folders.state.path, &c->accounts,
			 wait_ms, &e) == 0)
		return 0;
	report_add(report, SEVERITY_ERROR, c->conf->file, 0, 0, "%s", e.text);
	free(c->lock);
	c->lock = NULL;
	return -1;
}

static void lock_give_back(struct supervisor *s, struct crew *c)
{
	if (c->lock == NULL || lock_is_shared(s, c))
		return;
	state_lock_close(c->lock);
	free(c->lock);
}

/* ---- one crew ---- */

/* All that can fail, each on its own, so that one run shows all errors. */
static int crew_open(struct supervisor *s, struct crew *c, struct report *report)
{
	size_t errors = report->errors;
	struct err e;

	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake < 0)
		report_add(report, SEVERITY_ERROR, NULL, 0, 0, "cannot make an eventfd: %s",
			strerror(errno));
	if (conf_secrets_load(c->conf, &c->cookie_secrets, &e) < 0)
		report_err(report, &e);
	(void)sockets_plan(&s->sockets, c->conf, &c->sockets, report);
	if (accounts_find(c->conf, &c->accounts, &e) < 0)
		report_err(report, &e);
	else if (report->errors ==
		 errors) /* makes folders, which only a start that may succeed does */
		(void)folders_open(&c->folders, c->conf, &c->accounts, report);
	if (report->errors == errors)
		(void)lock_take(s, c, report);
	/* last: it replaces a stale file, which only a start that will succeed may do */
	if (report->errors == errors)
		(void)control_take(s, c, report);
	if (report->errors == errors &&
		generation_build(c->conf, c->number, s->slots, &c->generation, &e) < 0)
		report_err(report, &e);
	return report->errors == errors ? 0 : -1;
}

int crew_new(struct supervisor *s, struct conf *conf, struct crew **out, struct report *report)
{
	struct crew *c = calloc(1, sizeof *c);

	if (c == NULL) {
		report_add(report, SEVERITY_ERROR, conf->file, 0, 0, "out of memory");
		return -1;
	}
	c->number = s->last_number + 1;
	c->conf = conf;
	c->wake = -1;
	folders_init(&c->folders);
	for (int r = 0; r < ROLE_COUNT; r++)
		c->process[r] = (struct process){.role = (enum role)r, .link = -1};
	if (crew_open(s, c, report) < 0) {
		c->conf = NULL; /* still the caller's */
		crew_free(s, c);
		return -1;
	}
	s->last_number = c->number;
	*out = c;
	return 0;
}

void crew_free(struct supervisor *s, struct crew *c)
{
	generation_free(c->generation, s->slots);
	sockets_release(&s->sockets, &c->sockets);
	folders_close(&c->folders);
	control_give_back(s, c);
	lock_give_back(s, c);
	if (c->wake >= 0)
		(void)close(c->wake);
	for (int r = 0; r < ROLE_COUNT; r++) {
		free(c->process[r].beat_seen);
		free(c->process[r].beat_still);
	}
	conf_secrets_wipe(&c->cookie_secrets);
	if (c->conf != NULL && !conf_is_shared(s, c))
		conf_free(c->conf);
	free(c);
}

bool crew_is_gone(const struct crew *c)
{
	for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
		if (c->process[r].pid != 0 || c->process[r].restart_ms != 0)
			return false;
	}
	return true;
}
