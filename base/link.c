#include "base/link.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define HEADER_SIZE offsetof(struct link_message, text)

int link_send(int fd, enum link_type type, int32_t value, const char *text)
{
	struct link_message head = {.type = (uint32_t)type, .value = value};
	size_t length = text != NULL ? strnlen(text, LINK_TEXT_MAX - 1) : 0;
	struct iovec parts[2] = {{&head, HEADER_SIZE}, {NULL, length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	memcpy(&parts[1].iov_base, &text, sizeof text); /* sendmsg only reads it */
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

int link_receive(int fd, struct link_message *out)
{
	ssize_t n;

	do
		n = recv(fd, out, sizeof *out - 1, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return 0;
	if (n < 0)
		return -1;
	if ((size_t)n < HEADER_SIZE || out->type < LINK_READY || out->type > LINK_RELOADED) {
		errno = EPROTO;
		return -1;
	}
	((char *)out)[n] = '\0';
	return 1;
}
