/* The kernel's side of app/selector.c, on real sockets: what its file head says was measured is
 * measured here again. */
#include "tests/unit/test.h"

#include "app/selector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP_MAX 4u
#define FLOWS     600u

/* The sum of (seen - expected)^2 / expected over at most 4 workers exceeds it once in 10^8 runs. */
#define CHI_SQUARE_MAX 40.0

struct group {
	enum family family;
	int type;
	unsigned n;
	int fd[GROUP_MAX];
	struct sockaddr_storage at;
	socklen_t length;
};

static void set(int fd, int level, int option, int value)
{
	assert_int_equal(setsockopt(fd, level, option, &value, sizeof value), 0);
}

static void set_address(struct sockaddr_storage *ss, const char *text, uint16_t port)
{
	struct hostport at = {.port = port};

	assert_true(addr_parse(text, &at.addr) == 0);
	(void)hostport_to_sockaddr(&at, ss);
}

static struct group group_open(enum family family, int type, unsigned n)
{
	struct group g = {.family = family, .type = type, .n = n};

	g.length = family == FAMILY_IPV6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	set_address(&g.at, family == FAMILY_IPV6 ? "::1" : "127.0.0.1", 0);
	for (unsigned i = 0; i < n; i++) {
		g.fd[i] = socket(g.at.ss_family, type | SOCK_NONBLOCK, 0);
		set(g.fd[i], SOL_SOCKET, SO_REUSEPORT, 1);
		assert_int_equal(bind(g.fd[i], (struct sockaddr *)&g.at, g.length), 0);
		if (type == SOCK_STREAM)
			assert_int_equal(listen(g.fd[i], 1024), 0);
		assert_int_equal(getsockname(g.fd[i], (struct sockaddr *)&g.at, &g.length), 0);
	}
	assert_int_equal(
		selector_set(g.fd[0], family, type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP, n),
		0);
	return g;
}

static void group_close(const struct group *g)
{
	for (unsigned i = 0; i < g->n; i++)
		(void)close(g->fd[i]);
}

static int client_open(const struct group *g)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	int fd = socket(g->at.ss_family, g->type, 0);

	assert_true(fd >= 0);
	if (g->type == SOCK_STREAM) /* no ports in TIME_WAIT */
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
	return fd;
}

/* False when somebody else has that port. */
static bool bind_to(int fd, const char *address, uint16_t port)
{
	struct sockaddr_storage ss;

	set_address(&ss, address, port);
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* a new IPv6 address is tentative until the kernel's own thread has seen it */
	if (ss.ss_family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	if (bind(fd, (struct sockaddr *)&ss,
		    ss.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					     : sizeof(struct sockaddr_in)) == 0)
		return true;
	assert_int_equal(errno, EADDRINUSE);
	return false;
}

/* Send or connect; loopback delivers within the call. Returns the index of the socket that has it. */
static unsigned arrive(const struct group *g, int client)
{
	unsigned found = g->n;
	char octet = 'x';

	if (g->type == SOCK_STREAM)
		assert_int_equal(connect(client, (const struct sockaddr *)&g->at, g->length), 0);
	else
		assert_int_equal(
			sendto(client, &octet, 1, 0, (const struct sockaddr *)&g->at, g->length),
			1);
	for (unsigned i = 0; i < g->n; i++) {
		int fd = g->type == SOCK_STREAM ? accept(g->fd[i], NULL, NULL) : -1;

		if (fd < 0 && recv(g->fd[i], &octet, 1, 0) != 1)
			continue;
		assert_int_equal(found, g->n); /* once */
		found = i;
		if (fd >= 0)
			(void)close(fd);
	}
	assert_true(found < g->n);
	return found;
}

static void assert_even(const unsigned *count, unsigned n)
{
	double sum = 0, expected = 0;

	for (unsigned i = 0; i < n; i++)
		expected += (double)count[i] / n;
	for (unsigned i = 0; i < n; i++) {
		double off = (double)count[i] - expected;

		assert_true(count[i] > 0);
		sum += off * off / expected;
	}
	if (sum > CHI_SQUARE_MAX)
		fail_msg("%u workers: %u %u %u %u", n, count[0], count[1], count[2], count[3]);
}

/* As busy clients do it: many ports of one address, given out by the kernel. */
static void spread_ports(enum family family, int type)
{
	for (unsigned n = 2; n <= GROUP_MAX; n++) {
		struct group g = group_open(family, type, n);
		unsigned count[GROUP_MAX] = {0};

		for (unsigned i = 0; i < FLOWS; i++) {
			int fd = client_open(&g);

			count[arrive(&g, fd)]++;
			(void)close(fd);
		}
		assert_even(count, n);
		group_close(&g);
	}
}

static void udp_queries_spread_evenly(void **state)
{
	(void)state;
	spread_ports(FAMILY_IPV4, SOCK_DGRAM);
	spread_ports(FAMILY_IPV6, SOCK_DGRAM);
}

static void tcp_connections_spread_evenly(void **state)
{
	(void)state;
	spread_ports(FAMILY_IPV4, SOCK_STREAM);
	spread_ports(FAMILY_IPV6, SOCK_STREAM);
}

/* Resolvers that always ask from one port, as some firewalls want it. */
static void addresses_with_the_same_port_spread_evenly(void **state)
{
	static const char *const patterns[] = {"127.0.%u.%u", "127.%u.%u.1"};

	(void)state;
	for (unsigned n = 2; n <= GROUP_MAX; n++) {
		for (unsigned p = 0; p < 2; p++) {
			struct group g = group_open(FAMILY_IPV4, SOCK_DGRAM, n);
			unsigned count[GROUP_MAX] = {0};

			for (unsigned i = 0; i < FLOWS; i++) {
				char address[32];
				int fd = client_open(&g);

				(void)snprintf(address, sizeof address, patterns[p], 1 + i / 200,
					1 + i % 200);
				assert_true(bind_to(fd, address, 5301));
				count[arrive(&g, fd)]++;
				(void)close(fd);
			}
			assert_even(count, n);
			group_close(&g);
		}
	}
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t length = sizeof ss;
	struct hostport at;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &length), 0);
	assert_int_equal(hostport_from_sockaddr((struct sockaddr *)&ss, &at), 0);
	return at.port;
}

static void one_flow_lands_on_one_worker(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		enum family family = (kind & 1) != 0 ? FAMILY_IPV6 : FAMILY_IPV4;
		struct group g =
			group_open(family, (kind & 2) != 0 ? SOCK_STREAM : SOCK_DGRAM, GROUP_MAX);

		for (unsigned i = 0; i < 50;) {
			int fd = client_open(&g);
			unsigned first = arrive(&g, fd);
			uint16_t port = port_of(fd);

			(void)close(fd);
			fd = client_open(&g);
			/* a port that has been taken in between says nothing */
			if (bind_to(fd, family == FAMILY_IPV6 ? "::1" : "127.0.0.1", port)) {
				assert_int_equal(arrive(&g, fd), first);
				i++;
			}
			(void)close(fd);
		}
		group_close(&g);
	}
}

static void ipv4_options_do_not_hide_the_port(void **state)
{
	static const uint8_t nothing[] = {
		1, 1, 1, 1, 1, 1, 1, 0}; /* RFC 791: no-ops, end of list */
	struct group g = group_open(FAMILY_IPV4, SOCK_DGRAM, GROUP_MAX);
	struct group tcp = group_open(FAMILY_IPV4, SOCK_STREAM, GROUP_MAX);
	unsigned count[GROUP_MAX] = {0};

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		int fd = client_open(&g);
		unsigned first = arrive(&g, fd);

		assert_int_equal(
			setsockopt(fd, IPPROTO_IP, IP_OPTIONS, nothing, sizeof nothing), 0);
		assert_int_equal(arrive(&g, fd), first);
		(void)close(fd);
	}
	for (unsigned i = 0; i < FLOWS; i++) {
		int fd = client_open(&tcp);

		assert_int_equal(
			setsockopt(fd, IPPROTO_IP, IP_OPTIONS, nothing, sizeof nothing), 0);
		count[arrive(&tcp, fd)]++;
		(void)close(fd);
	}
	assert_even(count, GROUP_MAX);
	group_close(&g);
	group_close(&tcp);
}

/* A network of our own with many IPv6 addresses on its loopback; false: not allowed to. */
static bool enter_network(unsigned addresses)
{
	/* linux/ipv6.h contradicts netinet/in.h */
	struct {
		struct in6_addr address;
		uint32_t prefix;
		int interface;
	} request = {.prefix = 128, .interface = 1};
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &up), 0);
	for (unsigned i = 0; i < addresses; i++) {
		char text[64];

		(void)snprintf(text, sizeof text, "2001:db8:0:%x::35", i);
		assert_int_equal(inet_pton(AF_INET6, text, &request.address), 1);
		assert_int_equal(ioctl(fd, SIOCSIFADDR, &request), 0);
	}
	(void)close(fd);
	return true;
}

static void ipv6_networks_spread_and_extension_headers_lose_nothing(void **state)
{
	static const uint8_t padding[] = {0, 0, 1, 4, 0, 0, 0, 0}; /* RFC 8200, 4.2: PadN */
	struct group udp, tcp;
	unsigned count[GROUP_MAX] = {0}, first = 0, at;

	(void)state;
	if (!enter_network(FLOWS))
		skip();
	udp = group_open(FAMILY_IPV6, SOCK_DGRAM, GROUP_MAX);
	tcp = group_open(FAMILY_IPV6, SOCK_STREAM, GROUP_MAX);
	for (unsigned i = 0; i < FLOWS; i++) {
		char text[64];
		int fd = client_open(&udp);

		(void)snprintf(text, sizeof text, "2001:db8:0:%x::35", i);
		assert_true(bind_to(fd, text, 5301));
		count[arrive(&udp, fd)]++;
		(void)close(fd);
	}
	assert_even(count, GROUP_MAX);
	for (unsigned i = 0; i < 50; i++) { /* the address decides: all on one */
		int query = client_open(&udp), connection = client_open(&tcp);

		assert_int_equal(
			setsockopt(query, IPPROTO_IPV6, IPV6_DSTOPTS, padding, sizeof padding), 0);
		assert_int_equal(
			setsockopt(connection, IPPROTO_IPV6, IPV6_DSTOPTS, padding, sizeof padding),
			0);
		at = arrive(&udp, query);
		first = i == 0 ? at : first;
		assert_int_equal(at, first);
		assert_int_equal(arrive(&tcp, connection), first);
		(void)close(query);
		(void)close(connection);
	}
	group_close(&udp);
	group_close(&tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_queries_spread_evenly),
		cmocka_unit_test(tcp_connections_spread_evenly),
		cmocka_unit_test(addresses_with_the_same_port_spread_evenly),
		cmocka_unit_test(one_flow_lands_on_one_worker),
		cmocka_unit_test(ipv4_options_do_not_hide_the_port),
		/* last: it leaves the network of the others */
		cmocka_unit_test(ipv6_networks_spread_and_extension_headers_lose_nothing),
	};

	TEST_MAIN(tests);
}
