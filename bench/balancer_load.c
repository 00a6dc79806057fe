/*
 * What does a balanced connection cost, and a KiB? Puts a proxy (Waymark's balancer role on a private board, HAProxy
 * with splicing, or nginx) with one worker between clients and servers of its own, all on loopback, and prints what the
 * proxy took, nothing of the ends. PROXY is waymark, haproxy or nginx.
 *
 *     balancer_load short  PROXY [connections]   processor time; request 100 octets, answer 1,000, close
 *     balancer_load bulk   PROXY [MiB]           processor time; 4 connections, server to client
 *     balancer_load calls  PROXY [connections]   system calls of one of 32 such connections at a time
 *     balancer_load alone  PROXY [connections]   … of one at a time
 *     balancer_load spread PROXY [connections]   two workers, clients on one processor: the busier one's share of the time
 *
 * Processor time is from /proc/PID/task/N/schedstat; system calls are counted by ptrace. Compare proxies in alternating
 * runs on one machine; absolute times mean little. Instructions of the user part: bench/instructions_of.py.
 */
#include "app/selector.h"
#include "balancer/role.h"
#include "base/clock.h"
#include "base/link.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDS         4u /* processes of each kind: clients, servers */
#define CROWD        32u
#define WORKERS_MAX  2u
#define THREADS_MAX  64u
#define REQUEST_SIZE 100u
#define ANSWER_SIZE  1000u
#define BLOCK        (256u << 10)

static char block[BLOCK];

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

/* As the supervisor opens one; a further one of a group joins it. */
static int open_listener(struct hostport *at, int flags)
{
	struct sockaddr_storage ss;
	socklen_t size = hostport_to_sockaddr(at, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	const int one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0 ||
		bind(fd, (struct sockaddr *)&ss, size) < 0 || listen(fd, 1024) < 0 ||
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

/* A child that dies with this process: one left behind would hold the pipe that somebody reads to its
 * end. */
static pid_t fork_bound(void)
{
	pid_t pid = fork();

	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static struct proxy start_waymark(const int *listeners, unsigned workers, uint16_t port)
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
		.retries = CONF_RETRIES_ALL,
		.idle_timeout_ms = 60000,
		.drain_timeout_ms = 1000,
		.max_connections = 1000};
	static struct conf conf = {.pools = &pool,
		.pool_count = 1,
		.endpoints = &endpoint,
		.endpoint_count = 1,
		.balancers = &balancer,
		.balancer_count = 1};
	static uint32_t slot[1], probe[1][2] = {{PROBE_NONE, PROBE_NONE}};
	static struct balancer_target target;
	static uint32_t table[1][2] = {{1, 0}}, (*targets[1])[2] = {table};
	static const struct generation generation = {.number = 1,
		.conf = &conf,
		.endpoint_slot = slot,
		.endpoint_probe = probe,
		.listener_slot = slot,
		.targets = &target,
		.target_count = 1,
		.listener_target = targets};
	static struct board board;
	static struct start_socket sockets[WORKERS_MAX];
	struct role_start start = {.role = ROLE_BALANCER,
		.generation = &generation,
		.board = &board,
		.tcp = sockets,
		.tcp_count = workers,
		.wake = -1,
		.row_count = workers};
	struct proxy p;
	struct err e;
	int pair[2];

	balancer.port = port;
	conf.workers = (uint16_t)workers;
	for (unsigned i = 0; i < workers; i++)
		sockets[i] = (struct start_socket){.fd = listeners[i], .worker = (uint16_t)i};
	if (board_create_private(&board, &e) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("waymark");
	p = (struct proxy){.pid = fork_bound(), .link = pair[0]};
	if (p.pid == 0) {
		(void)close(pair[0]);
		start.link = pair[1];
		exit(balancer_role(&start));
	}
	(void)close(pair[1]);
	for (unsigned i = 0; i < workers; i++)
		(void)close(listeners[i]);
	await(p.link, LINK_READY);
	(void)link_send(p.link, LINK_GO, 0, NULL);
	return p;
}

/* A configuration file for a peer; the caller unlinks it. */
static char *write_conf(const char *format, ...)
{
	static char path[] = "/tmp/balancer_load.XXXXXX";
	int fd = mkstemp(path);
	va_list args;

	va_start(args, format);
	if (fd < 0 || vdprintf(fd, format, args) < 0)
		die(path);
	va_end(args);
	(void)close(fd);
	return path;
}

static struct proxy start_peer(bool nginx, unsigned workers, uint16_t front, uint16_t port)
{
	const struct hostport at = {{FAMILY_IPV4, {127, 0, 0, 1}}, front};
	const char *module = getenv("NGINX_STREAM_MODULE");
	struct proxy p = {.link = -1};
	char *path =
		nginx ? write_conf("%s%s%s\ndaemon off; %s worker_processes %u;\n"
				   /* nginx unlinks its pid file when it ends, whatever it is */
				   "pid /tmp/balancer_load.pid.%ld; error_log /dev/null;\n"
				   "events { worker_connections 4000; }\n"
				   "stream { server {\n listen 127.0.0.1:%u reuseport; proxy_pass "
				   "127.0.0.1:%u;\n proxy_connect_timeout 5s; proxy_timeout "
				   "60s;\n} }\n",
				module != NULL ? "load_module " : "", module != NULL ? module : "",
				module != NULL ? ";" : "",
				workers == 1 ? "master_process off;" : "", workers, (long)getpid(),
				front, port)
		      : write_conf("global\n nbthread %u\n maxconn 2000\n"
				   "defaults\n mode tcp\n option splice-request\n option "
				   "splice-response\n timeout connect 5s\n"
				   " timeout client 60s\n timeout server 60s\n"
				   "listen f\n bind 127.0.0.1:%u\n server one 127.0.0.1:%u\n",
				workers, front, port);

	p.pid = fork_bound();
	if (p.pid == 0) {
		if (nginx)
			(void)execlp("nginx", "nginx", "-e", "/dev/null", "-c", path, (char *)NULL);
		else
			(void)execlp("haproxy", "haproxy", "-db", "-q", "-f", path, (char *)NULL);
		die("the peer");
	}
	for (;;) { /* until it listens */
		int test = dial(&at);

		if (test >= 0) {
			(void)close(test);
			break;
		}
		if (waitpid(p.pid, NULL, WNOHANG) != 0)
			die("the peer has ended");
		(void)poll(NULL, 0, 10);
	}
	(void)unlink(path);
	return p;
}

/* `traced`: its threads stand still and hear nothing. */
static void stop(const struct proxy *p, bool traced)
{
	pid_t ended;
	int status;

	if (traced)
		(void)kill(p->pid, SIGKILL);
	else if (p->link >= 0)
		(void)link_send(p->link, LINK_STOP, 0, NULL);
	else
		(void)kill(p->pid, SIGTERM);
	/* a traced thread stays until it is waited for, and its process with it */
	do
		ended = waitpid(-1, &status, __WALL);
	while (ended >= 0 && (ended != p->pid || WIFSTOPPED(status)));
}

/* The threads of a process. */
static unsigned list_threads(pid_t pid, pid_t *out, unsigned max)
{
	char path[300];
	struct dirent *entry;
	unsigned count = 0;
	DIR *tasks;

	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (tasks == NULL)
		die(path);
	while ((entry = readdir(tasks)) != NULL && count < max) {
		if (entry->d_name[0] != '.')
			out[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	(void)closedir(tasks);
	return count;
}

/* Threads of the proxy and of its children (nginx has a process a worker). */
static unsigned list_all_threads(pid_t pid, pid_t *out, unsigned max)
{
	unsigned count = list_threads(pid, out, max);
	char path[300];
	int child;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	while (f != NULL && fscanf(f, "%d", &child) == 1)
		count += list_threads(child, out + count, max - count);
	if (f != NULL)
		(void)fclose(f);
	return count;
}

/* Nanoseconds of processor time of one thread. */
static uint64_t thread_ns(pid_t thread)
{
	unsigned long long ns = 0;
	char path[300];
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/schedstat", (int)thread);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	(void)fclose(f);
	return ns;
}

static unsigned spent_by_each(pid_t pid, pid_t *thread, uint64_t *ns)
{
	unsigned n = list_all_threads(pid, thread, THREADS_MAX);

	for (unsigned i = 0; i < n; i++)
		ns[i] = thread_ns(thread[i]);
	return n;
}

/* ---- clients, and what the proxy did meanwhile ---- */

/* Clients that ask, all at once; the last one's end is awaited by the caller. */
static void start_clients(
	const struct hostport *front, unsigned clients, uint64_t each, uint64_t answer_size)
{
	for (unsigned i = 0; i < clients; i++) {
		if (fork_bound() == 0)
			ask(front, each, answer_size);
	}
}

static void run_clients(
	const struct hostport *front, unsigned clients, uint64_t each, uint64_t answer_size)
{
	int status;

	start_clients(front, clients, each, answer_size);
	while (clients > 0) {
		if (wait(&status) < 0 || status != 0)
			die("a client failed");
		clients--;
	}
}

/* System calls that the proxy's threads enter until all clients have ended. It cannot be used afterwards. */
static uint64_t count_calls(pid_t pid, unsigned clients)
{
	pid_t thread[THREADS_MAX], seen;
	unsigned threads = list_all_threads(pid, thread, THREADS_MAX);
	struct __ptrace_syscall_info info;
	uint64_t calls = 0;
	int status;

	for (unsigned i = 0; i < threads; i++) {
		if (ptrace(PTRACE_SEIZE, thread[i], 0, PTRACE_O_TRACESYSGOOD) < 0 ||
			ptrace(PTRACE_INTERRUPT, thread[i], 0, 0) < 0)
			die("ptrace");
	}
	while (clients > 0) {
		seen = waitpid(-1, &status, __WALL);
		if (seen < 0)
			die("wait");
		if (!WIFSTOPPED(status)) {
			if (status != 0)
				die("a client failed");
			clients--;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
			ptrace(PTRACE_GET_SYSCALL_INFO, seen, sizeof info, &info) > 0)
			calls += info.op == PTRACE_SYSCALL_INFO_ENTRY;
		(void)ptrace(PTRACE_SYSCALL, seen, 0, 0);
	}
	return calls;
}

/* ---- what is measured ---- */

enum kind { SHORT, BULK, CALLS, ALONE, SPREAD, KIND_COUNT };

struct bench {
	const char *peer;
	enum kind kind;
	struct hostport front;
	struct proxy proxy;
	uint64_t amount;
};

static uint64_t sum(const uint64_t *ns, unsigned n)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < n; i++)
		all += ns[i];
	return all;
}

static void measure_time(const struct bench *b)
{
	bool bulk = b->kind == BULK;
	uint64_t answer = bulk ? (b->amount << 20) / ENDS : ANSWER_SIZE, ns[THREADS_MAX], spent;
	pid_t thread[THREADS_MAX];

	run_clients(&b->front, ENDS, bulk ? 1 : 100, answer); /* warm up */
	spent = sum(ns, spent_by_each(b->proxy.pid, thread, ns));
	run_clients(&b->front, ENDS, bulk ? 1 : b->amount / ENDS, answer);
	spent = sum(ns, spent_by_each(b->proxy.pid, thread, ns)) - spent;
	if (bulk)
		printf("bulk %s: %.1f ns/KiB\n", b->peer,
			(double)spent / (double)(b->amount << 10));
	else
		printf("short %s: %.0f ns/connection\n", b->peer,
			(double)spent / (double)b->amount);
}

static void measure_calls(const struct bench *b)
{
	unsigned clients = b->kind == CALLS ? CROWD : 1;
	uint64_t each = b->amount / clients > 0 ? b->amount / clients : 1, calls;

	run_clients(&b->front, clients, 10, ANSWER_SIZE);
	start_clients(&b->front, clients, each, ANSWER_SIZE);
	calls = count_calls(b->proxy.pid, clients);
	printf("%s %s: %.1f system calls/connection\n", b->kind == CALLS ? "calls" : "alone",
		b->peer, (double)calls / (double)(each * clients));
}

static void measure_spread(const struct bench *b)
{
	pid_t thread[THREADS_MAX];
	uint64_t before[THREADS_MAX], after[THREADS_MAX], all = 0, busiest = 0;
	cpu_set_t mine, one;
	unsigned n;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof mine, &mine) < 0)
		die("affinity");
	for (size_t cpu = CPU_SETSIZE; cpu-- > 0 && CPU_COUNT(&one) == 0;) {
		if (CPU_ISSET(cpu, &mine))
			CPU_SET(cpu, &one);
	}
	n = spent_by_each(b->proxy.pid, thread, before);
	(void)sched_setaffinity(0, sizeof one, &one); /* one queue: all packets come from here */
	run_clients(&b->front, CROWD, b->amount / CROWD, ANSWER_SIZE);
	(void)sched_setaffinity(0, sizeof mine, &mine);
	(void)spent_by_each(b->proxy.pid, thread, after);
	for (unsigned i = 0; i < n; i++) {
		all += after[i] - before[i];
		busiest = after[i] - before[i] > busiest ? after[i] - before[i] : busiest;
	}
	printf("spread %s: %.0f %% by the busier of two workers\n", b->peer,
		100.0 * (double)busiest / (double)all);
}

static void start_proxy(struct bench *b, uint16_t port)
{
	unsigned workers = b->kind == SPREAD ? 2 : 1;
	int listeners[WORKERS_MAX];
	bool own = strcmp(b->peer, "waymark") == 0;

	b->front = (struct hostport){{FAMILY_IPV4, {127, 0, 0, 1}}, 0};
	for (unsigned i = 0; i < workers; i++)
		listeners[i] = open_listener(&b->front, SOCK_NONBLOCK);
	if (own) {
		if (selector_set(listeners[0], FAMILY_IPV4, IPPROTO_TCP, workers) < 0)
			die("selector");
		b->proxy = start_waymark(listeners, workers, port);
		return;
	}
	for (unsigned i = 0; i < workers; i++)
		(void)close(listeners[i]);
	b->proxy = start_peer(strcmp(b->peer, "nginx") == 0, workers, b->front.port, port);
}

static int kind_of(const char *word)
{
	static const char *const words[KIND_COUNT] = {
		[SHORT] = "short",
		[BULK] = "bulk",
		[CALLS] = "calls",
		[ALONE] = "alone",
		[SPREAD] = "spread",
	};

	for (int i = 0; i < KIND_COUNT; i++) {
		if (strcmp(words[i], word) == 0)
			return i;
	}
	return -1;
}

static void measure(const struct bench *b)
{
	switch (b->kind) {
	case SHORT:
	case BULK: measure_time(b); break;
	case CALLS:
	case ALONE: measure_calls(b); break;
	case SPREAD: measure_spread(b); break;
	case KIND_COUNT: break;
	}
}

int main(int argc, char **argv)
{
	static const uint64_t amounts[KIND_COUNT] = {20000, 4096, 3200, 500, 20000};
	struct hostport behind = {{FAMILY_IPV4, {127, 0, 0, 1}}, 0};
	int kind = argc > 2 ? kind_of(argv[1]) : -1, back;
	struct bench b = {0};
	pid_t servers[ENDS];

	if (kind < 0) {
		(void)fprintf(stderr, "usage: balancer_load short|bulk|calls|alone|spread "
				      "waymark|haproxy|nginx [amount]\n");
		return 2;
	}
	b.kind = (enum kind)kind;
	b.peer = argv[2];
	b.amount = argc > 3 ? strtoull(argv[3], NULL, 10) : amounts[kind];
	back = open_listener(&behind, 0);
	for (unsigned i = 0; i < ENDS; i++) {
		servers[i] = fork_bound();
		if (servers[i] == 0)
			serve(back, b.kind == BULK ? (b.amount << 20) / ENDS : ANSWER_SIZE);
	}
	start_proxy(&b, behind.port);
	measure(&b);
	(void)fflush(stdout);
	stop(&b.proxy, b.kind == CALLS || b.kind == ALONE);
	for (unsigned i = 0; i < ENDS; i++) {
		(void)kill(servers[i], SIGKILL);
		(void)waitpid(servers[i], NULL, 0);
	}
	return 0;
}
