#include "app/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PARENT_GONE_S 3u /* a role stops in order within 2 s after the supervisor's end */

/* ---- accounts ---- */

static int account_find(const char *name, struct account *out)
{
	const struct passwd *entry = getpwnam(name);

	if (entry == NULL)
		return -1;
	*out = (struct account){.uid = entry->pw_uid, .gid = entry->pw_gid};
	return 0;
}

int accounts_find(const struct conf *c, struct accounts *out, struct err *e)
{
	struct account common = {0};
	bool has_common;

	*out = (struct accounts){.change = geteuid() == 0};
	if (!out->change)
		return 0;
	has_common = account_find(c->user, &common) == 0;
	for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
		char name[CONF_USER_MAX + 16];

		(void)snprintf(name, sizeof name, "%s-%s", c->user, role_name((enum role)r));
		if (account_find(name, &out->role[r]) < 0) {
			if (!has_common)
				return err_at(e, c->file, 0, 0,
					"started as root, but neither the account \"%s\" nor "
					"\"%s\" "
					"exists for the role %s to run as (useradd --system "
					"--no-create-home %s)",
					name, c->user, role_name((enum role)r), c->user);
			out->role[r] = common;
		}
		if (out->role[r].uid == 0)
			return err_at(e, c->file, 0, 0,
				"the role %s would run as root (user: %s): name an ordinary "
				"account",
				role_name((enum role)r), c->user);
	}
	out->role[ROLE_SUPERVISOR] = has_common ? common : out->role[ROLE_CONTROL];
	return 0;
}

int privileges_borrow(const struct accounts *a, enum role r)
{
	const struct account *to = &a->role[r];

	if (!a->change)
		return 0;
	if (setgroups(0, NULL) < 0 || setegid(to->gid) < 0)
		return -1;
	return seteuid(to->uid);
}

void privileges_give_back(const struct accounts *a)
{
	if (a->change && (seteuid(0) < 0 || setegid(0) < 0))
		errno = EPERM; /* never: the real uid is root's */
}

/* ---- capabilities, without libcap: two system calls ---- */

static int capabilities_set(uint64_t permitted)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = (uint32_t)(permitted >> (32 * i));
	return (int)syscall(SYS_capset, &head, data);
}

/* What a later execve() could give back. Fails quietly without CAP_SETPCAP: no_new_privs stands
 * behind it. */
static void bounding_set_empty(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

#define CAP(c) (UINT64_C(1) << (c))

/* What this process may have at all: a container or a unit file may have left less. */
static int capabilities_permitted(uint64_t *out)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &head, data) < 0)
		return -1;
	*out = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

int privileges_trim(struct err *e)
{
	const uint64_t wanted =
		CAP(CAP_SETUID) | CAP(CAP_SETGID) | /* roles become their accounts */
		CAP(CAP_SETPCAP) |                  /* and lose the bounding set */
		CAP(CAP_KILL) |                     /* they are killed when they hang */
		CAP(CAP_NET_BIND_SERVICE) |         /* a reload may add port 53 */
		CAP(CAP_NET_ADMIN) |                /* SO_RCVBUFFORCE */
		CAP(CAP_CHOWN) |                    /* state folder, control socket */
		CAP(CAP_DAC_READ_SEARCH); /* configuration and folders below a 0700 home */

	uint64_t permitted;

	if (geteuid() != 0)
		return 0;
	if (capabilities_permitted(&permitted) < 0 || capabilities_set(permitted & wanted) < 0)
		return err_set(e, "cannot give up the supervisor's capabilities: capset: %s",
			strerror(errno));
	return 0;
}

/* ---- roles ---- */

/* The supervisor is gone: the loop sees its end of file; should it not, SIGALRM ends it all. */
static void parent_gone(int signal_number)
{
	(void)signal_number;
	(void)alarm(PARENT_GONE_S);
}

static int follow_parent(pid_t parent, struct err *e)
{
	struct sigaction action = {.sa_handler = parent_gone, .sa_flags = SA_RESTART};

	if (sigaction(SIGUSR2, &action, NULL) < 0 || prctl(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0) < 0)
		return err_set(e, "cannot follow the supervisor: prctl: %s", strerror(errno));
	if (getppid() != parent)
		return err_set(e, "the supervisor is gone");
	return 0;
}

static int become(const struct account *a, struct err *e)
{
	bounding_set_empty();
	if (setgroups(0, NULL) < 0 || setresgid(a->gid, a->gid, a->gid) < 0 ||
		setresuid(a->uid, a->uid, a->uid) < 0)
		return err_set(e, "cannot become uid %u: %s", (unsigned)a->uid, strerror(errno));
	if (setuid(0) == 0)
		return err_set(e, "still able to become root after dropping privileges");
	return 0;
}

int privileges_drop(const struct accounts *a, enum role r, pid_t parent, struct err *e)
{
	if (a->change && become(&a->role[r], e) < 0)
		return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || capabilities_set(0) < 0)
		return err_set(e, "cannot empty the capability sets: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, "cannot set no_new_privs: %s", strerror(errno));
	/* after setuid(), which clears the signal */
	return follow_parent(parent, e);
}
