/* What every unit test includes: cmocka with its prerequisites, and a way to see crashes as they
 * are. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* cmocka 1.1.5 catches SIGSEGV and hides the sanitizer's report: give it back. Group set-up. */
static inline int test_group_setup(void **state)
{
	(void)state;
	(void)signal(SIGSEGV, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	return 0;
}

/* cmocka's own result is the number of failures, which wraps at 256. */
#define TEST_MAIN(tests) return !!cmocka_run_group_tests(tests, test_group_setup, NULL)

#endif
