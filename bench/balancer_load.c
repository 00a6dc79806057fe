/*
 * What does a balanced connection cost, and a KiB? Puts a proxy (Waymark's balancer role with one worker on a
 * private board, or HAProxy with one thread and splicing) between clients and servers of its own, all on loopback, and
 * prints the processor time the proxy took: its own, from /proc/PID/task/N/schedstat and stat, nothing of the ends.
 *
 *     balancer_load short waymark|haproxy [connections]   request 100 octets, answer 1,000, close
 *     balancer_load bulk  waymark|haproxy [MiB]           4 connections, server to client
 *
 * Compare the two in alternating runs on one machine; absolute times mean little. Instructions of the user part:
 * run it under `valgrind --tool=callgrind` with two sizes and divide the difference.
 */
#include "balancer/role.h"
#include "base/clock.h"
#include "base/link.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDS         4u /* processes of each kind: clients, servers */
#define REQUEST_SIZE 100u
#define ANSWER_SIZE  1000u
#define BLOCK        (256u << 10)

static char block[BLOCK];

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static int open_listener(struct hostport *at, int flags)
{
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(at, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, size) < 0 || listen(fd, 1024) < 0 ||
		getsockname(fd, (struct sockaddr *)&ss, &size) < 0)
		die("listen");
	(void)hostport_from_sockaddr((struct sockaddr *)&ss, at);
	return fd;
}

static int dial(const struct hostport *at)
{
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(at, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&ss, size) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* ---- the ends ---- */

static void send_all(int fd, uint64_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, block, size < BLOCK ? size : BLOCK, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		size -= (uint64_t)n;
	}
}

static uint64_t receive_all(int fd)
{
	uint64_t got = 0;
	ssize_t n;

	while ((n = recv(fd, block, BLOCK, 0)) > 0)
		got += (uint64_t)n;
	return got;
}

/* Answer the first words of each client; until killed. */
static void serve(int listener, uint64_t answer_size)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		if (recv(fd, block, REQUEST_SIZE, MSG_WAITALL) > 0)
			send_all(fd, answer_size);
		(void)close(fd);
	}
}

/* Exit code 0 when every answer came whole. */
static void ask(const struct hostport *front, uint64_t connections, uint64_t answer_size)
{
	for (uint64_t i = 0; i < connections; i++) {
		int fd = dial(front);

		if (fd < 0)
			die("connect");
		send_all(fd, REQUEST_SIZE);
		if (receive_all(fd) != answer_size) {
			(void)fprintf(stderr, "an answer was cut short\n");
			_exit(1);
		}
		(void)close(fd);
	}
	_exit(0);
}

/* ---- the proxies ---- */

struct proxy {
	pid_t pid;
	int link; /* Waymark */
};

static void await(int link, uint32_t type)
{
	static struct link_message message;
	struct pollfd fd = {.fd = link, .events = POLLIN};

	if (poll(&fd, 1, 60000) != 1 || link_receive(link, &message) != 1 || message.type != type) {
		(void)fprintf(stderr, "the role says: %s\n", message.text);
		_exit(1);
	}
}

static struct proxy start_waymark(int listener, uint16_t port)
{
	static struct conf_endpoint endpoint = {.name = "one",
		.region = CONF_NONE,
		.weight = 1,
		.tier = 1,
		.address = {{FAMILY_IPV4, {127, 0, 0, 1}}}};
	static struct conf_pool pool = {.name = "web",
		.check = CONF_NONE,
		.steps = {STEER_GEO, STEER_WEIGHTED},
		.step_count = 2,
		.answers = 1,
		.min_serving = 1,
		.fallback_pool = CONF_NONE,
		.endpoint_count = 1};
	static struct conf_balancer balancer = {.name = "front",
		.connect_timeout_ms = 5000,
		.idle_timeout_ms = 60000,
		.drain_timeout_ms = 1000,
		.max_connections = 1000};
	static const struct conf conf = {.pools = &pool,
		.pool_count = 1,
		.endpoints = &endpoint,
		.endpoint_count = 1,
		.balancers = &balancer,
		.balancer_count = 1,
		.workers = 1};
	static uint32_t slot[1], probe[1][2] = {{PROBE_NONE, PROBE_NONE}};
	static const struct generation generation = {.number = 1,
		.conf = &conf,
		.endpoint_slot = slot,
		.endpoint_probe = probe,
		.listener_slot = slot};
	static struct board board;
	static struct start_socket socket;
	struct role_start start = {.role = ROLE_BALANCER,
		.generation = &generation,
		.board = &board,
		.tcp = &socket,
		.tcp_count = 1,
		.wake = -1,
		.row_count = 1};
	struct proxy p;
	struct err e;
	int pair[2];

	balancer.port = port;
	socket.fd = listener;
	if (board_create_private(&board, &e) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("waymark");
	p = (struct proxy){.pid = fork(), .link = pair[0]};
	if (p.pid == 0) {
		(void)close(pair[0]);
		start.link = pair[1];
		exit(balancer_role(&start));
	}
	(void)close(pair[1]);
	(void)close(listener);
	await(p.link, LINK_READY);
	(void)link_send(p.link, LINK_GO, 0, NULL);
	return p;
}

static struct proxy start_haproxy(uint16_t front, uint16_t port)
{
	char path[] = "/tmp/balancer_load.XXXXXX";
	int fd = mkstemp(path);
	struct proxy p = {.link = -1};

	if (fd < 0 || dprintf(fd,
			      "global\n nbthread 1\n maxconn 2000\n"
			      "defaults\n mode tcp\n option splice-request\n option "
			      "splice-response\n timeout connect 5s\n"
			      " timeout client 60s\n timeout server 60s\n"
			      "listen f\n bind 127.0.0.1:%u\n server one 127.0.0.1:%u\n",
			      front, port) < 0)
		die(path);
	p.pid = fork();
	if (p.pid == 0) {
		(void)execlp("haproxy", "haproxy", "-db", "-q", "-f", path, (char *)NULL);
		die("haproxy");
	}
	(void)close(fd);
	for (;;) { /* until it listens */
		const struct hostport at = {{FAMILY_IPV4, {127, 0, 0, 1}}, front};
		int test = dial(&at);

		if (test >= 0) {
			(void)close(test);
			break;
		}
		(void)poll(NULL, 0, 10);
	}
	(void)unlink(path);
	return p;
}

static void stop(const struct proxy *p)
{
	int status;

	if (p->link >= 0)
		(void)link_send(p->link, LINK_STOP, 0, NULL);
	else
		(void)kill(p->pid, SIGTERM);
	(void)waitpid(p->pid, &status, 0);
}

/* Nanoseconds of processor time of all threads of a process. */
static uint64_t cpu_ns(pid_t pid)
{
	char path[300];
	struct dirent *entry;
	uint64_t sum = 0;
	DIR *tasks;

	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (tasks == NULL)
		die(path);
	while ((entry = readdir(tasks)) != NULL) {
		unsigned long long ns;
		FILE *f;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(
			path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		(void)fclose(f);
	}
	(void)closedir(tasks);
	return sum;
}

/* Clients that ask, all at once; waits for them. */
static void run_clients(const struct hostport *front, uint64_t each, uint64_t answer_size)
{
	pid_t pid[ENDS];
	int status;

	for (unsigned i = 0; i < ENDS; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			ask(front, each, answer_size);
	}
	for (unsigned i = 0; i < ENDS; i++) {
		if (waitpid(pid[i], &status, 0) != pid[i] || status != 0)
			die("a client failed");
	}
}

int main(int argc, char **argv)
{
	bool bulk = argc > 1 && strcmp(argv[1], "bulk") == 0;
	bool peer = argc > 2 && strcmp(argv[2], "haproxy") == 0;
	uint64_t amount = argc > 3 ? strtoull(argv[3], NULL, 10) : bulk ? 4096 : 20000;
	uint64_t answer = bulk ? (amount << 20) / ENDS : ANSWER_SIZE;
	struct hostport front = {{FAMILY_IPV4, {127, 0, 0, 1}}, 0}, behind = front;
	int listener, back = open_listener(&behind, 0);
	pid_t servers[ENDS];
	struct proxy proxy;
	uint64_t begun, spent;

	if (argc < 3 || amount == 0) {
		(void)fprintf(stderr, "usage: balancer_load short|bulk waymark|haproxy [amount]\n");
		return 2;
	}
	for (unsigned i = 0; i < ENDS; i++) {
		servers[i] = fork();
		if (servers[i] == 0)
			serve(back, answer);
	}
	listener = open_listener(&front, SOCK_NONBLOCK);
	if (peer)
		(void)close(listener);
	proxy = peer ? start_haproxy(front.port, behind.port)
		     : start_waymark(listener, behind.port);
	run_clients(&front, bulk ? 1 : 100, bulk ? answer : ANSWER_SIZE); /* warm up */
	begun = cpu_ns(proxy.pid);
	run_clients(&front, bulk ? 1 : amount / ENDS, answer);
	spent = cpu_ns(proxy.pid) - begun;
	if (bulk)
		printf("bulk %s: %.1f ns/KiB\n", argv[2], (double)spent / (double)(amount << 10));
	else
		printf("short %s: %.0f ns/connection\n", argv[2], (double)spent / (double)amount);
	stop(&proxy);
	for (unsigned i = 0; i < ENDS; i++) {
		(void)kill(servers[i], SIGKILL);
		(void)waitpid(servers[i], NULL, 0);
	}
	return 0;
}
