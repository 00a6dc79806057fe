/* Needs root for most of it: skipped otherwise. */
#include "tests/unit/conf_text.h"
#include "tests/unit/test.h"

#include "app/privileges.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK 0

static struct conf *conf_of_user(const char *user)
{
	char added[128];

	(void)snprintf(added, sizeof added, "user: %s\n", user);
	return conf_good(added);
}

/* The exit code of `act` in a child. */
static int in_child(int (*act)(const struct accounts *a), const struct accounts *a)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(act(a));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static uint64_t capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &head, data) < 0)
		return UINT64_MAX;
	return (data[0].effective | data[0].permitted | data[0].inheritable) |
	       (uint64_t)(data[1].effective | data[1].permitted | data[1].inheritable) << 32;
}

static int drop_and_look(const struct accounts *a)
{
	struct err e;
	uid_t uid[3];
	gid_t gid[3];

	if (privileges_drop(a, ROLE_DNS, getppid(), &e) < 0)
		return 1;
	if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
		return 2;
	for (int i = 0; a->change && i < 3; i++) {
		if (uid[i] != a->role[ROLE_DNS].uid || gid[i] != a->role[ROLE_DNS].gid)
			return 3;
	}
	if (a->change && getgroups(0, NULL) != 0)
		return 4;
	if (capabilities() != 0)
		return 5;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 6;
	if (a->change && (setuid(0) == 0 || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0))
		return 7;
	if (a->change && open("/etc/shadow", O_RDONLY) >= 0)
		return 8;
	return OK;
}

static void a_role_keeps_nothing_of_root(void **state)
{
	struct conf *c = conf_of_user("nobody");
	struct accounts a;
	struct err e;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(accounts_find(c, &a, &e), 0);
	assert_true(a.change);
	assert_int_equal(a.role[ROLE_DNS].uid, getpwnam("nobody")->pw_uid);
	assert_int_equal(in_child(drop_and_look, &a), OK);
	conf_free(c);
}

static void without_root_a_role_stays_who_it_is(void **state)
{
	struct accounts a = {.change = false};

	(void)state;
	assert_int_equal(in_child(drop_and_look, &a), OK);
}

static void missing_accounts_are_both_named(void **state)
{
	struct conf *c = conf_of_user("wm-no-such");
	struct accounts a;
	struct err e;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(accounts_find(c, &a, &e), -1);
	assert_non_null(strstr(e.text, "\"wm-no-such-dns\""));
	assert_non_null(strstr(e.text, "\"wm-no-such\""));
	conf_free(c);
}

static void roles_never_run_as_root(void **state)
{
	struct conf *c = conf_of_user("root");
	struct accounts a;
	struct err e;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(accounts_find(c, &a, &e), -1);
	assert_non_null(strstr(e.text, "would run as root"));
	conf_free(c);
}

static int trim_and_fork(const struct accounts *a)
{
	struct err e;
	pid_t pid;
	int status;

	if (privileges_trim(&e) < 0 || (capabilities() & (UINT64_C(1) << CAP_SYS_ADMIN)) != 0)
		return 20;
	pid = fork();
	if (pid == 0)
		_exit(drop_and_look(a));
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 21;
}

static void a_trimmed_supervisor_can_still_start_roles(void **state)
{
	struct conf *c = conf_of_user("nobody");
	struct accounts a;
	struct err e;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(accounts_find(c, &a, &e), 0);
	assert_int_equal(in_child(trim_and_fork, &a), OK);
	conf_free(c);
}

static int wrong_parent(const struct accounts *a)
{
	struct err e;

	return privileges_drop(a, ROLE_DNS, getpid(), &e) == -1 ? OK : 1;
}

static void a_role_whose_supervisor_is_gone_does_not_start(void **state)
{
	struct accounts a = {.change = false};

	(void)state;
	assert_int_equal(in_child(wrong_parent, &a), OK);
}

/* A role that does not see the end of its link: still, it does not outlive its supervisor for
 * long. */
static void a_hanging_role_dies_with_its_supervisor(void **state)
{
	const struct accounts a = {.change = false};
	int pipes[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		pid_t supervisor = getpid(), role = fork();

		if (role == 0) {
			struct err e;

			if (privileges_drop(&a, ROLE_DNS, supervisor, &e) == 0 &&
				write(pipes[1], "r", 1) == 1)
				for (;;)
					(void)pause();
			_exit(1);
		}
		if (read(pipes[0], &c, 1) == 1)
			(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	(void)close(pipes[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read(pipes[0], &c, 1), 0); /* its end of the pipe closes when it is gone */
	(void)close(pipes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_role_keeps_nothing_of_root),
		cmocka_unit_test(without_root_a_role_stays_who_it_is),
		cmocka_unit_test(missing_accounts_are_both_named),
		cmocka_unit_test(roles_never_run_as_root),
		cmocka_unit_test(a_trimmed_supervisor_can_still_start_roles),
		cmocka_unit_test(a_role_whose_supervisor_is_gone_does_not_start),
		cmocka_unit_test(a_hanging_role_dies_with_its_supervisor),
	};

	TEST_MAIN(tests);
}
