#include "app/supervisor.h"

#include "app/notify.h"
#include "base/clock.h"
#include "base/io.h"
#include "board/event_format.h"
#include "board/snapshot.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLLS_MAX (1u + CREWS_MAX * ROLE_COUNT)

/* ---- start ---- */

/* Signals become readable; the children undo it. */
static int signals_open(struct err *e)
{
	static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		(void)sigaddset(&set, wanted[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : err_set(e, "cannot make a signalfd: %s", strerror(errno));
}

/* A connection of the balancer takes two descriptors and shares pipes: take what the hard limit allows. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int supervisor_open(struct supervisor *s, struct err *e)
{
	raise_descriptors();
	s->signals = signals_open(e);
	if (s->signals < 0 || board_create(&s->board, e) < 0)
		return -1;
	s->slots = slots_new(&s->board);
	if (s->slots == NULL)
		return err_set(e, "out of memory for the board's slots");
	if (getentropy(s->cookie_seed.octets, sizeof s->cookie_seed.octets) < 0)
		return err_set(e, "getentropy: %s", strerror(errno));
	s->journal.ring = board_ring(&s->board, ROLE_SUPERVISOR);
	s->tick_ms = clock_mono_ms() + TICK_MS;
	return 0;
}

/* Overrides and verdicts of the last run; whatever is wrong with them is no reason not to start. */
static void restore(struct supervisor *s, const struct crew *c)
{
	struct event e = {.kind = EVENT_NOTICE, .level = LEVEL_INFO};
	struct snapshot_counts counts = {0};
	struct err err;
	int rc;

	if (c->folders.state.fd < 0)
		return;
	rc = snapshot_load(c->folders.state.fd, &s->board, c->generation, clock_mono_ms(),
		clock_real_ms(), &counts, &err);
	if (rc == 0)
		return;
	if (rc > 0) {
		journal_text(&e,
			"restored %zu overrides and %zu verdicts of the last run; %zu overrides "
			"are over, "
			"%zu verdicts too old",
			counts.overrides, counts.verdicts, counts.overrides_gone,
			counts.verdicts_old);
	} else {
		e.level = LEVEL_ERROR;
		journal_text(&e, "%s", err.text);
	}
	journal_event(&s->journal, &e, false);
}

int supervisor_prepare(struct supervisor *s, const struct crew *c)
{
	struct err e;

	restore(s, c);
	if (privileges_trim(&e) == 0)
		return 0;
	report_err(&s->report, &e);
	return -1;
}

/* ---- the loop ---- */

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < s->crew_count; i++) {
			for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
				if (s->crews[i]->process[r].pid == pid)
					process_ended(s, s->crews[i], (enum role)r, status);
			}
		}
	}
}

static void read_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			s->stopping = true;
		else if (info.ssi_signo == SIGHUP)
			generations_reload(s, "SIGHUP", false);
	}
}

static void role_row_update(struct supervisor *s, const struct crew *c, enum role r)
{
	struct board_role *row = &s->board.supervisor->role[r];
	const struct process *p = &c->process[r];

	atomic_store_explicit(&row->pid, p->pid, memory_order_relaxed);
	atomic_store_explicit(&row->state, (uint32_t)p->state, memory_order_relaxed);
	atomic_store_explicit(&row->generation, c->number, memory_order_relaxed);
	atomic_store_explicit(&row->started_ms, p->started_ms, memory_order_relaxed);
}

/* Who runs, for `status`: of each role the process that serves, in whatever crew, else the
 * serving crew's. */
static void update_board(struct supervisor *s)
{
	struct board_role *self = &s->board.supervisor->role[ROLE_SUPERVISOR];

	atomic_store_explicit(&self->pid, getpid(), memory_order_relaxed);
	atomic_store_explicit(&self->state, ROLE_SERVING, memory_order_relaxed);
	atomic_store_explicit(&self->generation, s->journal.generation, memory_order_relaxed);
	atomic_store_explicit(
		&self->started_ms, s->board.supervisor->created_mono_ms, memory_order_relaxed);
	for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
		const struct crew *shown = s->serving != NULL ? s->serving : s->next;

		for (size_t i = 0; i < s->crew_count; i++) {
			if (s->crews[i]->process[r].state == ROLE_SERVING)
				shown = s->crews[i];
		}
		if (shown != NULL)
			role_row_update(s, shown, (enum role)r);
	}
}

/* Folders that are no longer where the configuration says: a new generation opens them anew. */
static void check_folders(struct supervisor *s, uint64_t now_ms)
{
	const char *moved;
	char why[REASON_MAX];

	if (s->serving == NULL || s->reload.started_ms != 0 || s->reload.wanted ||
		now_ms < s->folders_after_ms)
		return;
	moved = folders_moved(&s->serving->folders);
	if (moved == NULL)
		return;
	(void)snprintf(why, sizeof why, "%.200s was replaced", moved);
	generations_reload(s, why, true);
}

static void tick(struct supervisor *s, uint64_t now_ms)
{
	s->tick_ms =
		now_ms + TICK_MS; /* a machine that was asleep misses ticks, and nobody is blamed */
	atomic_store_explicit(&s->board.supervisor->beat_ms, now_ms, memory_order_relaxed);
	for (size_t i = 0; i < s->crew_count; i++) {
		for (int r = ROLE_DNS; r < ROLE_COUNT; r++)
			process_check_beats(s, s->crews[i], (enum role)r);
	}
	if (!s->stopping)
		check_folders(s, now_ms);
}

static void sooner(uint64_t *due_ms, uint64_t at_ms)
{
	if (at_ms > 0 && at_ms < *due_ms)
		*due_ms = at_ms;
}

/* Milliseconds until something is due. */
static int wait_ms(const struct supervisor *s, uint64_t now_ms)
{
	uint64_t due_ms = s->tick_ms;

	if (now_ms < s->reload.settle_ms)
		sooner(&due_ms, s->reload.settle_ms);
	sooner(&due_ms, s->look_ms);
	for (size_t i = 0; i < s->crew_count; i++) {
		const struct crew *c = s->crews[i];

		if (!c->released && !s->stopping)
			sooner(&due_ms, c->release_ms);
		for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
			sooner(&due_ms, c->process[r].deadline_ms);
			sooner(&due_ms, c->process[r].restart_ms);
		}
	}
	return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

static void listen_to_all(struct supervisor *s, const struct pollfd *polls)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
			const struct pollfd *p = &polls[1 + i * ROLE_COUNT + (size_t)r];

			if (p->revents != 0 && p->fd == s->crews[i]->process[r].link)
				process_listen(s, s->crews[i], (enum role)r);
		}
	}
}

/* Wait, then take in what has happened. */
static void turn(struct supervisor *s)
{
	struct pollfd polls[POLLS_MAX];
	uint64_t now_ms;

	polls[0] = (struct pollfd){.fd = s->signals, .events = POLLIN};
	for (size_t i = 0; i < s->crew_count; i++) {
		for (size_t r = 0; r < ROLE_COUNT; r++)
			polls[1 + i * ROLE_COUNT + r] = (struct pollfd){
				.fd = s->crews[i]->process[r].link, .events = POLLIN};
	}
	if (poll(polls, (nfds_t)(1 + s->crew_count * ROLE_COUNT), wait_ms(s, clock_mono_ms())) >
		0) {
		listen_to_all(s, polls);
		read_signals(s);
	}
	reap(s);
	now_ms = clock_mono_ms();
	if (now_ms >= s->tick_ms)
		tick(s, now_ms);
	for (size_t i = 0; i < s->crew_count; i++) {
		for (int r = ROLE_DNS; r < ROLE_COUNT; r++)
			process_check_times(s, s->crews[i], (enum role)r);
	}
}

/* ---- the end ---- */

static bool any_alive(const struct supervisor *s, bool control_too)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
			if (s->crews[i]->process[r].pid != 0 && (control_too || r != ROLE_CONTROL))
				return true;
		}
	}
	return false;
}

static void end_all(struct supervisor *s, bool control_too)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
			s->crews[i]->process[r].restart_ms = 0;
			if (control_too || r != ROLE_CONTROL)
				process_end(&s->crews[i]->process[r], clock_mono_ms(), NULL);
		}
	}
}

/* All but control first, so that it logs their end; each has STOP_MS before it is killed. */
static void stop_all(struct supervisor *s)
{
	uint64_t limit_ms = clock_mono_ms() + STOP_ALL_MS;

	s->stopping = true;
	for (int control_too = 0; control_too < 2; control_too++) {
		end_all(s, control_too);
		while (any_alive(s, control_too) && clock_mono_ms() < limit_ms)
			turn(s);
	}
}

static void supervisor_close(struct supervisor *s)
{
	while (s->crew_count > 0)
		crew_free(s, s->crews[--s->crew_count]);
	slots_free(s->slots);
	board_destroy(&s->board);
	report_free(&s->report);
	free(s->sockets.groups);
	if (s->signals >= 0)
		(void)close(s->signals);
}

int supervisor_run(const char *conf_file)
{
	struct supervisor s = {.conf_file = conf_file, .signals = -1};
	struct err e;

	board_init(&s.board);
	if (supervisor_open(&s, &e) < 0) {
		report_err(&s.report, &e);
		s.failed = true;
	} else if (generations_start(&s) < 0) {
		s.failed = true;
	}
	while (!s.failed && !s.stopping) {
		turn(&s);
		generations_step(&s);
		update_board(&s);
	}
	if (s.serving != NULL)
		notify_send("STOPPING=1");
	stop_all(&s);
	if (s.failed) {
		report_print(&s.report);
		(void)fprintf(stderr, "%swaymark: not started\n",
			fd_is_journal(STDERR_FILENO) ? level_mark(LEVEL_ERROR) : "");
	}
	supervisor_close(&s);
	return s.failed ? 1 : 0;
}
