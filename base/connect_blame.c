#include "base/connect_blame.h"

#include <errno.h>
#include <stddef.h>

struct row {
	int error;
	enum connect_blame call, later;
};

/* What is not here: at the call HERE, later TARGET. */
static const struct row rows[] = {
	/* the target's own word, or its silence */
	{ECONNREFUSED, BLAME_TARGET, BLAME_TARGET},
	{ECONNRESET, BLAME_TARGET, BLAME_TARGET},
	{ECONNABORTED, BLAME_TARGET, BLAME_TARGET},
	{ETIMEDOUT, BLAME_TARGET, BLAME_TARGET},
	{EPIPE, BLAME_TARGET, BLAME_TARGET},
	{EPROTO, BLAME_TARGET, BLAME_TARGET},
	/* routes: none, `unreachable`, `prohibit`, `blackhole`; later a neighbour's silence or ICMP */
	{ENETUNREACH, BLAME_HERE, BLAME_TARGET},
	{EHOSTUNREACH, BLAME_HERE, BLAME_TARGET},
	{EACCES, BLAME_HERE, BLAME_TARGET},
	{EINVAL, BLAME_HERE, BLAME_TARGET},
	{ENETDOWN, BLAME_HERE, BLAME_TARGET},
	{EHOSTDOWN, BLAME_HERE, BLAME_TARGET},
	/* this machine's own packet filter, security module, missing family */
	{EPERM, BLAME_HERE, BLAME_TARGET},
	{EAFNOSUPPORT, BLAME_HERE, BLAME_TARGET},
	/* no free local port, or no local address to come from */
	{EADDRNOTAVAIL, BLAME_HERE, BLAME_TARGET},
	{EADDRINUSE, BLAME_HERE, BLAME_TARGET},
	{EAGAIN, BLAME_HERE, BLAME_TARGET},
	/* descriptors and memory; ENOSPC is epoll's fs.epoll.max_user_watches */
	{EMFILE, BLAME_RESOURCE, BLAME_RESOURCE},
	{ENFILE, BLAME_RESOURCE, BLAME_RESOURCE},
	{ENOBUFS, BLAME_RESOURCE, BLAME_RESOURCE},
	{ENOMEM, BLAME_RESOURCE, BLAME_RESOURCE},
	{ENOSPC, BLAME_RESOURCE, BLAME_RESOURCE},
};

static const struct row *row_of(int error)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].error == error)
			return &rows[i];
	}
	return NULL;
}

enum connect_blame connect_blame_call(int error)
{
	const struct row *row = row_of(error);

	return row != NULL ? row->call : BLAME_HERE;
}

enum connect_blame connect_blame_later(int error)
{
	const struct row *row = row_of(error);

	return row != NULL ? row->later : BLAME_TARGET;
}
