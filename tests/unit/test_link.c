#include "tests/unit/test.h"

#include "base/link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static struct link_message message;

static void messages_arrive_whole_and_in_order(void **state)
{
	static char long_text[LINK_TEXT_MAX + 100];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(link_receive(pair[1], &message), -1);
	assert_int_equal(errno, EAGAIN);
	memset(long_text, 'x', sizeof long_text - 1);
	assert_int_equal(link_send(pair[0], LINK_READY, 0, NULL), 0);
	assert_int_equal(link_send(pair[0], LINK_FAILED, 3, "why"), 0);
	assert_int_equal(link_send(pair[0], LINK_RELOADED, 1, long_text), 0);
	assert_int_equal(link_receive(pair[1], &message), 1);
	assert_int_equal(message.type, LINK_READY);
	assert_string_equal(message.text, "");
	assert_int_equal(link_receive(pair[1], &message), 1);
	assert_int_equal(message.value, 3);
	assert_string_equal(message.text, "why");
	assert_int_equal(link_receive(pair[1], &message), 1);
	assert_int_equal(strlen(message.text), LINK_TEXT_MAX - 1);
	close(pair[0]);
	assert_int_equal(link_receive(pair[1], &message), 0);
	assert_int_equal(link_send(pair[1], LINK_GO, 0, NULL), -1);
	close(pair[1]);
}

static void what_is_no_message_is_refused(void **state)
{
	uint32_t unknown[2] = {99, 0};
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(send(pair[0], "x", 1, 0), 1);
	assert_int_equal(send(pair[0], unknown, sizeof unknown, 0), sizeof unknown);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(link_receive(pair[1], &message), -1);
		assert_int_equal(errno, EPROTO);
	}
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_whole_and_in_order),
		cmocka_unit_test(what_is_no_message_is_refused),
	};
	TEST_MAIN(tests);
}
