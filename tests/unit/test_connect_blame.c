/* Every row of the table, and what stands in none. */
#include "base/connect_blame.h"

#include "tests/unit/test.h"

#include <errno.h>

static void every_errno_is_decided_at_both_moments(void **state)
{
	static const struct {
		int error;
		enum connect_blame call, later;
	} cases[] = {
		{ECONNREFUSED, BLAME_TARGET, BLAME_TARGET},
		{ECONNRESET, BLAME_TARGET, BLAME_TARGET},
		{ECONNABORTED, BLAME_TARGET, BLAME_TARGET},
		{ETIMEDOUT, BLAME_TARGET, BLAME_TARGET},
		{EPIPE, BLAME_TARGET, BLAME_TARGET},
		{EPROTO, BLAME_TARGET, BLAME_TARGET},
		{ENETUNREACH, BLAME_HERE, BLAME_TARGET},
		{EHOSTUNREACH, BLAME_HERE, BLAME_TARGET},
		{EACCES, BLAME_HERE, BLAME_TARGET},
		{EINVAL, BLAME_HERE, BLAME_TARGET},
		{ENETDOWN, BLAME_HERE, BLAME_TARGET},
		{EHOSTDOWN, BLAME_HERE, BLAME_TARGET},
		{EPERM, BLAME_HERE, BLAME_TARGET},
		{EAFNOSUPPORT, BLAME_HERE, BLAME_TARGET},
		{EADDRNOTAVAIL, BLAME_HERE, BLAME_TARGET},
		{EADDRINUSE, BLAME_HERE, BLAME_TARGET},
		{EAGAIN, BLAME_HERE, BLAME_TARGET},
		{EMFILE, BLAME_RESOURCE, BLAME_RESOURCE},
		{ENFILE, BLAME_RESOURCE, BLAME_RESOURCE},
		{ENOBUFS, BLAME_RESOURCE, BLAME_RESOURCE},
		{ENOMEM, BLAME_RESOURCE, BLAME_RESOURCE},
		{ENOSPC, BLAME_RESOURCE, BLAME_RESOURCE},
		/* what nobody has thought of: the moment alone decides */
		{ENOPROTOOPT, BLAME_HERE, BLAME_TARGET},
		{ENONET, BLAME_HERE, BLAME_TARGET},
		{100000, BLAME_HERE, BLAME_TARGET},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(connect_blame_call(cases[i].error), cases[i].call);
		assert_int_equal(connect_blame_later(cases[i].error), cases[i].later);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_errno_is_decided_at_both_moments),
	};

	TEST_MAIN(tests);
}
