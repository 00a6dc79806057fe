/*
 * What does the health role cost with 10,000 targets? Starts the role as a process with a private board and a
 * link, and a listener in another process, which answers TCP by accepting and HTTP by a fixed 200. Every target is an
 * address of its own in 127/8, all on one port.
 *
 *     health_load tcp|http [targets] [interval_ms] [seconds]
 *
 * Prints the CPU share of the role (user and system, from its own accounting) between the end of the first
 * round and the end, and how many probes it ran. A share, not an absolute time: compare runs of one machine.
 */
#include "base/clock.h"
#include "base/link.h"
#include "health/role.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST_MAX 2048

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

/* ---- the targets ---- */

static int listen_on_all(uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 4096) < 0 ||
		getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		die("listen");
	*port = ntohs(at.sin_port);
	return fd;
}

static void answer(int epoll, int fd)
{
	static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	char request[REQUEST_MAX];
	ssize_t n = recv(fd, request, sizeof request, MSG_DONTWAIT);

	if (n > 0)
		(void)send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return;
	(void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	(void)close(fd);
}

/* Never returns. */
static void serve(int listener)
{
	struct epoll_event events[256], it = {.events = EPOLLIN, .data.fd = listener};
	int epoll = epoll_create1(0);

	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &it);
	for (;;) {
		int n = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < n; i++) {
			int fd;

			if (events[i].data.fd != listener) {
				answer(epoll, events[i].data.fd);
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
				it.data.fd = fd;
				(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &it);
			}
		}
	}
}

/* ---- the role ---- */

/* A sheet that parent and child share. */
static void *sheet(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static void make_board(struct board *b)
{
	*b = (struct board){.self = ROLE_HEALTH,
		.supervisor = sheet(sizeof *b->supervisor),
		.health = sheet(sizeof *b->health),
		.control = sheet(sizeof *b->control),
		.dns = sheet(sizeof *b->dns),
		.balancer = sheet(sizeof *b->balancer)};
}

static void *array(size_t count, size_t size)
{
	void *at = calloc(count, size);

	if (at == NULL)
		die("calloc");
	return at;
}

static void make_generation(struct generation *g, struct conf *conf, struct conf_check *check,
	struct conf_pool *pool, uint32_t count, uint16_t port)
{
	struct conf_endpoint *endpoints = array(count, sizeof *endpoints);

	*pool = (struct conf_pool){
		.name = "web", .unknown_serves = true, .endpoint_count = count, .min_serving = 1};
	*conf = (struct conf){.checks = check,
		.check_count = 1,
		.pools = pool,
		.pool_count = 1,
		.endpoints = endpoints,
		.endpoint_count = count};
	*g = (struct generation){.number = 1,
		.conf = conf,
		.endpoint_slot = array(count, sizeof *g->endpoint_slot),
		.endpoint_probe = array(count, sizeof *g->endpoint_probe),
		.probes = array(count, sizeof *g->probes),
		.probe_count = count,
		.probe_users = array(count, sizeof *g->probe_users)};
	for (uint32_t i = 0; i < count; i++) {
		struct probe *p = &g->probes[i];

		*p = (struct probe){.slot = i, .check = check, .first_user = i, .user_count = 1};
		p->target = (struct hostport){.addr = {.family = FAMILY_IPV4}, .port = port};
		p->target.addr.bytes[0] = 127;
		p->target.addr.bytes[1] = 1;
		p->target.addr.bytes[2] = (uint8_t)(i >> 8);
		p->target.addr.bytes[3] = (uint8_t)i;
		endpoints[i] = (struct conf_endpoint){.name = "e", .address = {p->target.addr}};
		g->endpoint_slot[i] = i;
		g->endpoint_probe[i][0] = i;
		g->endpoint_probe[i][1] = PROBE_NONE;
		g->probe_users[i].endpoint = i;
	}
}

/* CPU seconds a process has used, from /proc. */
static double cpu_of(pid_t pid, double *user)
{
	char path[64], line[1024];
	unsigned long in_user = 0, in_system = 0;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL || fgets(line, sizeof line, f) == NULL)
		die(path);
	(void)fclose(f);
	if (sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		    &in_user, &in_system) != 2)
		die(path);
	*user = (double)in_user / (double)sysconf(_SC_CLK_TCK);
	return *user + (double)in_system / (double)sysconf(_SC_CLK_TCK);
}

static void report(const struct board *b, pid_t role, uint32_t interval_ms, uint32_t seconds)
{
	_Atomic uint64_t *counter = b->health->counter;
	uint64_t probes, began_ms;
	double cpu, user, cpu_end, user_end, wall;

	(void)usleep(interval_ms * 2000); /* the first round is denser */
	cpu = cpu_of(role, &user);
	probes = atomic_load(&counter[HEALTH_PROBES]);
	began_ms = clock_mono_ms();
	(void)sleep(seconds);
	cpu_end = cpu_of(role, &user_end);
	wall = (double)(clock_mono_ms() - began_ms) / 1000;
	probes = atomic_load(&counter[HEALTH_PROBES]) - probes;
	(void)printf(
		"%.1f probes/s, %.1f %% of a core (%.1f %% user), %.1f us a probe; failed %llu, "
		"not run %llu, waited %llu, missed %llu\n",
		(double)probes / wall, (cpu_end - cpu) / wall * 100, (user_end - user) / wall * 100,
		(cpu_end - cpu) * 1e6 / (double)(probes > 0 ? probes : 1),
		(unsigned long long)atomic_load(&counter[HEALTH_PROBES_FAILED]),
		(unsigned long long)atomic_load(&counter[HEALTH_PROBES_NOT_RUN]),
		(unsigned long long)atomic_load(&counter[HEALTH_PROBES_WAITED]),
		(unsigned long long)atomic_load(&counter[HEALTH_PROBES_MISSED]));
}

/* Fork the role; returns its link. */
static int start_role(const struct generation *g, struct board *board, pid_t *role)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		die("socketpair");
	*role = fork();
	if (*role < 0)
		die("fork");
	if (*role == 0) {
		struct role_start start = {.role = ROLE_HEALTH,
			.generation = g,
			.board = board,
			.link = pair[1],
			.wake = -1};

		(void)close(pair[0]);
		_exit(health_role(&start));
	}
	(void)close(pair[1]);
	return pair[0];
}

static uint32_t number(int argc, char **argv, int at, uint32_t fallback)
{
	return argc > at ? (uint32_t)strtoul(argv[at], NULL, 10) : fallback;
}

int main(int argc, char **argv)
{
	bool http = argc > 1 && strcmp(argv[1], "http") == 0;
	uint32_t count = number(argc, argv, 2, 10000);
	uint32_t interval_ms = number(argc, argv, 3, 5000);
	uint32_t seconds = number(argc, argv, 4, 20);
	struct conf_check check = {.name = "bench",
		.kind = http ? CHECK_HTTP : CHECK_TCP,
		.path = "/healthz",
		.expect = {{200, 299}},
		.expect_count = 1,
		.interval_ms = interval_ms,
		.timeout_ms = interval_ms < 2000 ? interval_ms : 2000,
		.fall = 2,
		.rise = 3,
		.jitter_percent = 10};
	struct link_message message;
	struct generation g;
	struct conf_pool pool;
	struct board board;
	struct conf conf;
	pid_t server, role;
	int link, listener;
	uint16_t port;

	if (argc < 2 || (!http && strcmp(argv[1], "tcp") != 0) || count < 1 ||
		count > BOARD_ENDPOINTS_MAX) {
		(void)fprintf(
			stderr, "usage: health_load tcp|http [targets] [interval_ms] [seconds]\n");
		return 2;
	}
	listener = listen_on_all(&port);
	server = fork();
	if (server < 0)
		die("fork");
	if (server == 0)
		serve(listener);
	make_board(&board);
	make_generation(&g, &conf, &check, &pool, count, port);
	link = start_role(&g, &board, &role);
	while (link_receive(link, &message) < 0)
		(void)usleep(1000);
	(void)link_send(link, LINK_GO, 0, NULL);
	(void)printf("%s: %u targets every %u ms: ", http ? "http" : "tcp", count, interval_ms);
	(void)fflush(stdout);
	report(&board, role, interval_ms, seconds);
	(void)close(link); /* ends the role */
	(void)waitpid(role, NULL, 0);
	(void)kill(server, SIGTERM);
	(void)waitpid(server, NULL, 0);
	return 0;
}
