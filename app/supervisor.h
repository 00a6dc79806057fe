/*
 * The supervisor: one process, one thread, one poll() loop, no network traffic of its own.
 *
 * It owns what outlives a role: board, slots, listening sockets. A `crew` is one generation at
 * work: its configuration compiled to slots, its sockets and folders, and its four processes.
 *
 *     supervisor.c    the loop: signals, links, the tick; start and stop
 *     generations.c   the time line of a reload, and the rules that say who serves
 *     process.c       one process: fork, messages, death, hanging
 *     child.c         what the forked process does before it is its role
 *     crew.c          what one generation holds, and giving it back
 */
#ifndef APP_SUPERVISOR_H
#define APP_SUPERVISOR_H

#include "app/control_socket.h"
#include "app/folders.h"
#include "app/journal.h"
#include "app/privileges.h"
#include "app/sockets.h"
#include "app/state_lock.h"
#include "board/generation.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OLD_CREWS_MAX     8u                   /* the oldest is closed when there would be more */
#define CREWS_MAX         (OLD_CREWS_MAX + 2u) /* and the serving one, and the next */
#define READY_DEADLINE_MS 300000u              /* for loading zones and databases */
#define STOP_MS           2000u                /* stop in order; killed after it */
#define STOP_GRACE_MS     500u   /* on top of what a role bounds itself, before it is killed */
#define DNS_DRAIN_MS      15000u /* an old dns ends its TCP connections within 10 s */
#define CLOSE_MS          10000u /* over which a balancer spreads the closing of what is left */
#define RELEASE_MS        500u   /* from STOP until an old balancer's listeners are given back */
#define SETTLE_MS         1000u  /* `reload` waits so long for an old dns to stop receiving */
#define STOP_ALL_MS       10000u /* whatever happens, the supervisor ends within this */
#define FIRST_VERDICTS_MS 5000u  /* an old dns and balancer serve on for a new probe's first one */
#define VERDICTS_LOOK_MS  20u    /* how often the supervisor looks whether they have come */
#define TICK_MS           1000u
#define FOLDERS_RETRY_MS  30000u /* after a refused reload, before a replaced folder asks for one */
#define REASON_MAX        256u   /* octets with the NUL, as much as an event has */
#define BACKOFF_FIRST_MS  100u /* a first crash costs nothing, a second this, then twice as much */
#define BACKOFF_DNS_MS    1000u
#define BACKOFF_MS        5000u
#define BACKOFF_FORGET_MS 60000u /* a role that served so long starts with a clean slate */
#define RELOAD_ANSWER_MS  30000u /* `reload` is answered at the latest so long after the switch */

/* One role of one crew: a process, or the wait for one. */
struct process {
	enum role role;
	enum role_state state; /* ABSENT: no process */
	pid_t pid;
	int link;           /* -1: none, or it was closed */
	bool told_to_close; /* a second STOP was sent: connections end within CLOSE_MS */
	bool told_to_end;   /* end of file was sent: it must end within STOP_MS */
	uint64_t started_ms;
	uint64_t served_ms;   /* since when it serves; 0 = it does not */
	uint64_t deadline_ms; /* killed then; 0 = none */
	uint64_t restart_ms;  /* ABSENT: started anew then; 0 = not */
	uint32_t backoff_ms;  /* before the next restart but one */
	uint32_t first_row, row_count;
	uint64_t *beat_seen; /* [beat_count]: the value at the last tick */
	uint8_t *beat_still; /* ticks for which it has not moved */
	uint32_t beat_count;
	char reason[REASON_MAX]; /* why it will have ended, as far as we know; "" = no idea yet */
};

struct crew {
	uint32_t number;
	uint32_t previous; /* number of the crew that served before it; 0 = none, or not promoted */
	struct conf *conf; /* shared with crews of the same configuration */
	struct accounts accounts;
	struct generation *generation;
	struct conf_secrets cookie_secrets; /* of this configuration; count 0: none */
	struct socket_plan sockets;
	struct folders folders;
	struct control_socket *control; /* shared likewise */
	struct state_lock *lock; /* of folders.state, shared by all of one folder; NULL = none */
	int wake;
	uint64_t probes_ms;  /* when its health was told to go for the first time; 0 = not yet */
	uint64_t release_ms; /* when the balancer's listeners are given back; 0 = not yet due */
	bool released;       /* they are */
	bool closed;         /* too many drained: it was told to close what is left */
	bool dns_released;   /* its dns is told to stop and has closed its listening sockets */
	struct process process[ROLE_COUNT]; /* [ROLE_SUPERVISOR] is not used */
};

/* Rows of a sheet: which are given to a process. */
struct rows {
	bool used[BOARD_WORKERS_MAX];
};

/* Who waits for the end of a reload. */
struct reload {
	bool wanted;          /* one more is due, after the current one */
	bool keep_conf;       /* for a folder that was replaced: the configuration stays as it is */
	char why[REASON_MAX]; /* of the current one */
	char why_next[REASON_MAX];
	unsigned asked_next;  /* LINK_RELOADs that wait for the one that is wanted */
	unsigned asked;       /* LINK_RELOADs that wait for the current one */
	uint64_t started_ms;  /* of the current one; 0 = none */
	uint64_t switched_ms; /* the new crew is the serving one since then; 0 = not yet */
	uint64_t settle_ms; /* an old dns is waited for no longer; 0 = the new one did not go yet */
};

struct supervisor {
	const char *conf_file;
	struct board board;
	struct slots *slots;
	struct sockets sockets;
	struct rows dns_rows, balancer_rows;
	struct journal journal;
	struct crew *crews[CREWS_MAX]; /* oldest first */
	size_t crew_count;
	struct crew *serving; /* NULL before the first */
	struct crew *next;    /* loading; NULL when there is none */
	uint32_t last_number;
	struct conf_secret cookie_seed; /* of crews without secrets of their own */
	struct reload reload;
	struct report report; /* what the crew that is being made has to say */
	bool failed;          /* the first crew cannot serve */
	bool stopping;
	int signals;               /* signalfd */
	uint64_t tick_ms;          /* when the next tick is due */
	uint64_t look_ms;          /* first verdicts are waited for: look then; 0 = they are not */
	uint64_t folders_after_ms; /* a reload was refused: look for replaced folders only then */
};

/* Run until SIGTERM or SIGINT. Returns the exit code. */
int supervisor_run(const char *conf_file);
/* Before the first fork: the board as the last run left it, no more capabilities than needed. */
int supervisor_prepare(struct supervisor *s, const struct crew *first);

/* ---- crew.c ---- */

/* Everything a generation needs but its processes. -1 with all errors in `report`; nothing is
 * left open then. */
int crew_new(struct supervisor *s, struct conf *conf, struct crew **out, struct report *report);
/* Give it all back. Its processes are gone. */
void crew_free(struct supervisor *s, struct crew *c);
/* Has it any process, or the wait for one? */
bool crew_is_gone(const struct crew *c);

/* ---- process.c ---- */

/* Start the process of a role; a failure is an event, and another try comes with the back-off. */
void process_start(struct supervisor *s, struct crew *c, enum role r);
/* Read what it has to say. */
void process_listen(struct supervisor *s, struct crew *c, enum role r);
void process_go(struct supervisor *s, struct crew *c, enum role r);
/* Drain, at most `drain_ms`. */
void process_stop(struct process *p, uint64_t now_ms, uint64_t drain_ms);
/* Close what is left: a balancer over CLOSE_MS, others within STOP_MS. */
void process_close(struct process *p, uint64_t now_ms, const char *reason);
/* Stop in order within STOP_MS. */
void process_end(struct process *p, uint64_t now_ms, const char *reason);
void process_kill(struct process *p, const char *reason);
/* It has ended with this status of waitpid(). */
void process_ended(struct supervisor *s, struct crew *c, enum role r, int status);
/* Once a second: does it hang? */
void process_check_beats(struct supervisor *s, struct crew *c, enum role r);
/* Its deadline and restart. */
void process_check_times(struct supervisor *s, struct crew *c, enum role r);

/* ---- child.c ---- */

/* In the forked process: become the role of `p` and run it. `link` is its end of the pair. */
_Noreturn void child_main(struct supervisor *s, const struct crew *c, const struct process *p,
	int link, pid_t parent);

/* ---- generations.c ---- */

/* The first crew. -1: s->report says why not. */
int generations_start(struct supervisor *s);
/* A new generation is wanted. */
void generations_reload(struct supervisor *s, const char *why, bool keep_conf);
/* Move everything on that can be moved on. */
void generations_step(struct supervisor *s);
/* The old dns of `c` answers nobody new any more. */
void generations_dns_released(struct supervisor *s, struct crew *c);
/* Is a control process serving (so that events are logged)? */
bool generations_control_serves(const struct supervisor *s);

#endif
