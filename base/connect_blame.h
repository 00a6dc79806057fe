/*
 * What an errno of a connection's beginning says, and of whom. One table for all who connect: the
 * prober and the balancer must not differ.
 *
 * The moment decides as much as the number. What socket() and connect() return at once was found
 * out on this machine, before a packet left it: no route, no such family, no right, no free port.
 * The target could not be tried, so nothing is known of it. The same number read later with
 * SO_ERROR came back over the network: EHOSTUNREACH and EACCES are then a router's or a firewall's
 * word about the target. Only a few numbers mean the target at both moments: loopback may refuse
 * before connect() returns.
 */
#ifndef BASE_CONNECT_BLAME_H
#define BASE_CONNECT_BLAME_H

enum connect_blame {
	BLAME_TARGET,   /* it or its path failed: evidence */
	BLAME_HERE,     /* it could not be tried from here now; another address may do better */
	BLAME_RESOURCE, /* no descriptor, no memory: no other address will do better */
};

/* The errno of a socket(), connect() or epoll_ctl() that failed. Pure. */
enum connect_blame connect_blame_call(int error);
/* What SO_ERROR held once the attempt was under way, or ETIMEDOUT of one's own. Pure. */
enum connect_blame connect_blame_later(int error);

#endif
