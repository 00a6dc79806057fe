/* One role's process, seen from the supervisor: fork, messages, death, hanging. */
#include "app/supervisor.h"

#include "base/clock.h"
#include "base/link.h"
#include "board/beat.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGES_MAX 16 /* of one link in one turn of the loop */

/* ---- events ---- */

static void role_event(struct supervisor *s, const struct crew *c, const struct process *p,
	enum log_level level, const char *from, const char *to, const char *text)
{
	struct event e = {.kind = EVENT_ROLE, .level = (uint8_t)level};

	(void)snprintf(e.object, sizeof e.object, "%s", role_name(p->role));
	(void)snprintf(e.from, sizeof e.from, "%s", from);
	(void)snprintf(e.to, sizeof e.to, "%s", to);
	journal_text(&e, "generation %u: %s", c->number, text);
	/* its own death is what control cannot log; the next one will, unless that dies too */
	journal_event(&s->journal, &e,
		p->role == ROLE_CONTROL && level >= LEVEL_WARNING &&
			p->backoff_ms > BACKOFF_FIRST_MS && !generations_control_serves(s));
}

/* A role that cannot serve says why in one or more lines. */
static void report_failure(struct report *report, enum role r, const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		report_add(report, SEVERITY_ERROR, NULL, 0, 0, "%s: %.*s", role_name(r),
			(int)length, text);
		text += length + (text[length] == '\n');
	}
}

/* ---- rows ---- */

_Static_assert(2 * (CONF_THREADS_MAX + 1) <= BOARD_WORKERS_MAX,
	"the threads of two generations, each with one for TCP");

static struct rows *rows_of(struct supervisor *s, enum role r)
{
	return r == ROLE_DNS ? &s->dns_rows : r == ROLE_BALANCER ? &s->balancer_rows : NULL;
}

static uint32_t rows_wanted(const struct crew *c, enum role r)
{
	return r == ROLE_DNS        ? (uint32_t)c->sockets.udp_count + 1
	       : r == ROLE_BALANCER ? c->conf->workers
				    : 0;
}

static int rows_take(struct rows *rows, uint32_t count, uint32_t *first)
{
	uint32_t run = 0;

	for (uint32_t i = 0; i < BOARD_WORKERS_MAX; i++) {
		run = rows->used[i] ? 0 : run + 1;
		if (run == count) {
			*first = i + 1 - count;
			memset(&rows->used[*first], true, count);
			return 0;
		}
	}
	return -1;
}

/* The rows of a process that is gone: its gauges say nothing any more, its counters stay for the
 * next holder. */
static void rows_drop(struct supervisor *s, struct process *p)
{
	struct rows *rows = rows_of(s, p->role);

	if (rows == NULL || p->row_count == 0)
		return;
	if (p->role == ROLE_BALANCER)
		slots_clear_gauges(s->slots, p->first_row, p->row_count);
	memset(&rows->used[p->first_row], false, p->row_count);
	p->row_count = 0;
}

/* ---- starting ---- */

static void schedule_restart(struct process *p, uint64_t now_ms)
{
	uint32_t most = p->role == ROLE_DNS ? BACKOFF_DNS_MS : BACKOFF_MS;

	p->restart_ms = now_ms + p->backoff_ms;
	p->backoff_ms = p->backoff_ms == 0 ? BACKOFF_FIRST_MS : p->backoff_ms * 2;
	if (p->backoff_ms > most)
		p->backoff_ms = most;
}

/* Cells to watch: a row a thread, or the one of the role's loop. */
static int beats_prepare(struct process *p)
{
	uint32_t count = p->row_count > 0 ? p->row_count : 1;
	uint64_t *seen = realloc(p->beat_seen, count * sizeof *seen);
	uint8_t *still;

	if (seen == NULL)
		return -1;
	p->beat_seen = seen;
	still = realloc(p->beat_still, count);
	if (still == NULL)
		return -1;
	p->beat_still = still;
	p->beat_count = count;
	return 0;
}

/* -1 with the reason in p->reason. */
static int process_fork(struct supervisor *s, struct crew *c, struct process *p)
{
	pid_t parent = getpid();
	int pair[2];

	if (beats_prepare(p) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		(void)snprintf(p->reason, sizeof p->reason, "no link: %s", strerror(errno));
		return -1;
	}
	(void)fflush(NULL);
	p->pid = fork();
	if (p->pid == 0)
		child_main(s, c, p, pair[1], parent);
	(void)close(pair[1]);
	if (p->pid < 0) {
		(void)snprintf(p->reason, sizeof p->reason, "fork: %s", strerror(errno));
		(void)close(pair[0]);
		p->pid = 0;
		return -1;
	}
	p->link = pair[0];
	return 0;
}

void process_start(struct supervisor *s, struct crew *c, enum role r)
{
	struct process *p = &c->process[r];
	uint64_t now_ms = clock_mono_ms();
	struct rows *rows = rows_of(s, r);
	uint32_t wanted = rows_wanted(c, r);

	p->restart_ms = 0;
	p->reason[0] = '\0';
	if (wanted > 0 && rows_take(rows, wanted, &p->first_row) < 0) {
		(void)snprintf(p->reason, sizeof p->reason,
			"%u worker threads do not fit beside those of living generations: the "
			"board has "
			"%u rows",
			wanted, BOARD_WORKERS_MAX);
	} else {
		p->row_count = wanted;
		if (process_fork(s, c, p) == 0) {
			p->state = ROLE_LOADING;
			p->told_to_close = p->told_to_end = false;
			p->started_ms = now_ms;
			p->served_ms = 0;
			p->deadline_ms = now_ms + READY_DEADLINE_MS;
			return;
		}
		rows_drop(s, p);
	}
	if (c == s->next)
		report_failure(&s->report, r, p->reason);
	role_event(s, c, p, LEVEL_ERROR, "absent", "failed", p->reason);
	if (c == s->serving)
		schedule_restart(p, now_ms);
}

/* ---- talking ---- */

/* What a role of a new generation lacks, though it serves: for who asked for the reload. */
static void report_warnings(struct report *r, const char *lines)
{
	while (*lines != '\0') {
		int length = (int)strcspn(lines, "\n");

		report_add(r, SEVERITY_WARNING, NULL, 0, 0, "%.*s", length, lines);
		lines += length + (lines[length] == '\n');
	}
}

static void handle_message(
	struct supervisor *s, struct crew *c, struct process *p, const struct link_message *m)
{
	switch ((enum link_type)m->type) {
	case LINK_READY:
		if (p->state == ROLE_LOADING) {
			p->state = ROLE_READY;
			p->deadline_ms = p->told_to_end ? p->deadline_ms : 0;
			if (c == s->next)
				report_warnings(&s->report, m->text);
		}
		break;
	case LINK_FAILED:
		(void)snprintf(
			p->reason, sizeof p->reason, "%.*s", (int)sizeof p->reason - 1, m->text);
		p->deadline_ms = clock_mono_ms() + STOP_MS;
		if (c == s->next)
			report_failure(&s->report, p->role, m->text);
		break;
	case LINK_STOPPED:
		if (p->reason[0] == '\0')
			(void)snprintf(p->reason, sizeof p->reason, "stopped");
		break;
	case LINK_RELEASED:
		if (p->role == ROLE_DNS && p->state == ROLE_DRAINING)
			generations_dns_released(s, c);
		break;
	case LINK_RELOAD:
		/* one that was told to stop has told its caller to ask again */
		if (p->role == ROLE_CONTROL && p->state == ROLE_SERVING && !s->stopping) {
			s->reload.asked_next++;
			generations_reload(s, "asked by an operator", false);
		}
		break;
	case LINK_GO:
	case LINK_STOP:
	case LINK_RELOADED: break; /* ours to say */
	}
}

/* False at the end: no more will come. */
static bool read_messages(struct supervisor *s, struct crew *c, struct process *p)
{
	for (int i = 0; i < MESSAGES_MAX; i++) {
		struct link_message m;
		int rc = link_receive(p->link, &m);

		if (rc <= 0)
			return rc < 0 && errno == EAGAIN;
		handle_message(s, c, p, &m);
	}
	return true;
}

void process_listen(struct supervisor *s, struct crew *c, enum role r)
{
	struct process *p = &c->process[r];
	uint64_t end_ms = clock_mono_ms() + STOP_MS;

	if (p->link < 0 || read_messages(s, c, p))
		return;
	/* end of file: it is ending, or should; nonsense: it should */
	(void)close(p->link);
	p->link = -1;
	if (p->deadline_ms == 0 || p->deadline_ms > end_ms)
		p->deadline_ms = end_ms;
}

void process_go(struct supervisor *s, struct crew *c, enum role r)
{
	struct process *p = &c->process[r];
	char text[64];

	(void)link_send(p->link, LINK_GO, 0, NULL);
	p->state = ROLE_SERVING;
	p->served_ms = clock_mono_ms();
	memset(p->beat_seen, 0, p->beat_count * sizeof *p->beat_seen);
	memset(p->beat_still, 0, p->beat_count);
	(void)snprintf(text, sizeof text, "process %d", (int)p->pid);
	role_event(s, c, p, LEVEL_INFO, "ready", "serving", text);
}

void process_stop(struct process *p, uint64_t now_ms, uint64_t drain_ms)
{
	(void)link_send(p->link, LINK_STOP, 0, NULL);
	p->state = ROLE_DRAINING;
	p->deadline_ms = now_ms + drain_ms + STOP_GRACE_MS;
}

void process_close(struct process *p, uint64_t now_ms, const char *reason)
{
	if (p->pid == 0 || p->told_to_close || p->told_to_end)
		return;
	if (p->role != ROLE_BALANCER || p->state != ROLE_DRAINING) {
		process_end(p, now_ms, reason);
		return;
	}
	(void)link_send(p->link, LINK_STOP, 0, NULL);
	p->told_to_close = true;
	p->deadline_ms = now_ms + CLOSE_MS + STOP_GRACE_MS;
	(void)snprintf(p->reason, sizeof p->reason, "%s", reason);
}

void process_end(struct process *p, uint64_t now_ms, const char *reason)
{
	if (p->pid == 0 || p->told_to_end)
		return;
	if (p->link >= 0)
		(void)shutdown(p->link, SHUT_WR);
	p->told_to_end = true;
	p->deadline_ms = now_ms + STOP_MS + STOP_GRACE_MS;
	if (p->reason[0] == '\0' && reason != NULL)
		(void)snprintf(p->reason, sizeof p->reason, "%s", reason);
}

void process_kill(struct process *p, const char *reason)
{
	if (p->pid == 0)
		return;
	(void)snprintf(p->reason, sizeof p->reason, "%s", reason);
	(void)kill(p->pid, SIGKILL);
	p->deadline_ms = 0;
}

/* ---- its end ---- */

static void describe_end(const struct process *p, int status, char *out, size_t size)
{
	const char *why = p->reason[0] != '\0' ? p->reason : "no word from it";

	if (WIFSIGNALED(status))
		(void)snprintf(out, size, "process %d killed by signal %d (%s): %.160s",
			(int)p->pid, WTERMSIG(status), strsignal(WTERMSIG(status)), why);
	else
		(void)snprintf(out, size, "process %d ended with code %d: %.160s", (int)p->pid,
			WEXITSTATUS(status), why);
}

/* What happens next, for the event. */
static void plan_restart(struct supervisor *s, struct process *p, uint64_t now_ms, char *text)
{
	size_t length = strlen(text);

	if (p->served_ms > 0 && now_ms - p->served_ms >= BACKOFF_FORGET_MS)
		p->backoff_ms = 0;
	schedule_restart(p, now_ms);
	atomic_fetch_add(&s->board.supervisor->role[p->role].restarts, 1);
	(void)snprintf(text + length, REASON_MAX - length, "; next start in %llu ms",
		(unsigned long long)(p->restart_ms - now_ms));
}

void process_ended(struct supervisor *s, struct crew *c, enum role r, int status)
{
	struct process *p = &c->process[r];
	enum role_state was = p->state;
	bool asked = was == ROLE_DRAINING || p->told_to_end;
	bool clean = asked && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	size_t errors = s->report.errors;
	char text[REASON_MAX];

	if (p->link >= 0) {
		(void)read_messages(s, c, p); /* its last words */
		(void)close(p->link);
		p->link = -1;
	}
	describe_end(p, status, text, sizeof text);
	if (c == s->next && errors == s->report.errors && p->reason[0] == '\0')
		report_add(&s->report, SEVERITY_ERROR, NULL, 0, 0, "%s: %s", role_name(r), text);
	if (c == s->serving && !s->stopping)
		plan_restart(s, p, clock_mono_ms(), text);
	/* who asked is gone with it; one that never served has asked for nobody */
	if (r == ROLE_CONTROL && was == ROLE_SERVING)
		s->reload.asked = s->reload.asked_next = 0;
	rows_drop(s, p);
	p->pid = 0;
	p->state = ROLE_ABSENT;
	p->served_ms = p->deadline_ms = 0;
	role_event(s, c, p, clean ? LEVEL_INFO : LEVEL_ERROR, role_state_name(was),
		clean ? "stopped" : "dead", text);
}

/* ---- hanging ---- */

static const _Atomic uint64_t *beat_cell(
	const struct supervisor *s, const struct process *p, uint32_t i)
{
	switch (p->role) {
	case ROLE_DNS: return &s->board.dns->row[p->first_row + i].beat_ms;
	case ROLE_BALANCER: return &s->board.balancer->row[p->first_row + i].beat_ms;
	case ROLE_HEALTH: return &s->board.health->beat_ms;
	case ROLE_CONTROL: return &s->board.control->beat_ms;
	case ROLE_SUPERVISOR:
	case ROLE_COUNT: break;
	}
	return &s->board.supervisor->beat_ms;
}

/*
 * A beat costs less than a `busy_since` around each batch or callback (a store a second, not two
 * a batch) and sees more: a process that was stopped, and a thread that waits for ever outside of
 * any callback. A draining role is not judged: its threads leave one by
 * one, and its deadline bounds it.
 */
void process_check_beats(struct supervisor *s, struct crew *c, enum role r)
{
	struct process *p = &c->process[r];

	if (p->state != ROLE_SERVING || p->told_to_end)
		return;
	for (uint32_t i = 0; i < p->beat_count; i++) {
		uint64_t now = atomic_load_explicit(beat_cell(s, p, i), memory_order_relaxed);

		if (now != p->beat_seen[i]) {
			p->beat_seen[i] = now;
			p->beat_still[i] = 0;
		} else if (++p->beat_still[i] >= BEAT_HANG_TICKS) {
			char text[96];

			(void)snprintf(text, sizeof text, "its thread %u hung for %u s", i,
				BEAT_HANG_TICKS * TICK_MS / 1000);
			process_kill(p, text);
			return;
		}
	}
}

void process_check_times(struct supervisor *s, struct crew *c, enum role r)
{
	struct process *p = &c->process[r];
	uint64_t now_ms = clock_mono_ms();

	if (p->pid == 0) {
		if (p->restart_ms > 0 && now_ms >= p->restart_ms)
			process_start(s, c, r);
		return;
	}
	if (p->deadline_ms == 0 || now_ms < p->deadline_ms)
		return;
	if (p->state == ROLE_DRAINING && !p->told_to_close && !p->told_to_end)
		process_close(p, now_ms, "its time to drain was over");
	else if (p->told_to_close && !p->told_to_end)
		process_end(p, now_ms, NULL);
	else if (p->state == ROLE_LOADING && !p->told_to_end)
		process_kill(p, "it was not ready in time");
	else
		process_kill(p, "it did not stop in time");
}
