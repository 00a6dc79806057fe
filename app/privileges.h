/*
 * Who the processes are. Started as root, each role becomes the account USER-ROLE if there is
 * one, else USER, gives up every capability and can never gain any again; the supervisor keeps
 * root's uid and the few capabilities its work needs. Started as anybody else, all stay what they
 * are.
 */
#ifndef APP_PRIVILEGES_H
#define APP_PRIVILEGES_H

#include "base/err.h"
#include "board/board.h"
#include "conf/conf.h"

#include <stdbool.h>
#include <sys/types.h>

struct account {
	uid_t uid;
	gid_t gid;
};

/* By role; the supervisor's entry is the account `user` itself when it exists (its group owns the
 * control socket), else control's. */
struct accounts {
	bool change; /* false: not started as root */
	struct account role[ROLE_COUNT];
};

/* Look the accounts up. -1 with an error naming both when a role has none, or when it would be
 * root. */
int accounts_find(const struct conf *c, struct accounts *out, struct err *e);

/* `check` as root: open files as role `r` would, until privileges_give_back(). 0, or -1 with errno. */
int privileges_borrow(const struct accounts *a, enum role r);
void privileges_give_back(const struct accounts *a);

/* The supervisor, once its first sockets and folders are open. Nothing unless root. */
int privileges_trim(struct err *e);

/*
 * A freshly forked role: become its account, empty all capability sets, set no_new_privs, and die
 * some seconds after `parent`, the supervisor, unless it has stopped in order by then
 * (base/link.h: end of file). -1 also when the parent is gone already.
 */
int privileges_drop(const struct accounts *a, enum role r, pid_t parent, struct err *e);

#endif
