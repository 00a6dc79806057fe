/* The kernel's side of app/sockets.c: what its file head says was measured is measured here
 * again. */
#include "tests/unit/conf_text.h"
#include "tests/unit/test.h"

#include "app/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PACKETS 64

/* A port that was free on 127.0.0.1 for both protocols a moment ago. */
static unsigned free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&a, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &length), 0);
	(void)close(fd);
	return ntohs(a.sin_port);
}

static struct conf *conf_with(const char *listen, unsigned workers, const char *balancer)
{
	struct text t = {0}, messages = {0};
	struct conf *c;

	text_printf(&t, "listen: [%s]\nzones: zones\nworkers: %u\n", listen, workers);
	text_puts(&t, "pools: {web: {steer: [weighted], endpoints: {a: {address: 192.0.2.1}}}}\n");
	if (balancer != NULL)
		text_printf(&t, "balancer: [{name: b, listen: \"%s\", pool: web, port: 80}]\n",
			balancer);
	c = conf_of(t.data, t.length, &messages);
	if (c == NULL)
		fail_msg("%s", messages.data);
	text_free(&t);
	text_free(&messages);
	return c;
}

static struct conf *conf_on(unsigned port, unsigned workers)
{
	char listen[64];

	(void)snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
	return conf_with(listen, workers, NULL);
}

static void go(const struct socket_plan *plan)
{
	sockets_go(plan, ROLE_DNS);
	sockets_go(plan, ROLE_BALANCER);
}

static void plan_good(struct sockets *s, const struct conf *c, struct socket_plan *plan)
{
	struct report report = {0};
	int rc = sockets_plan(s, c, plan, &report);

	for (size_t i = 0; i < report.count && rc < 0; i++)
		print_message("%s\n", report.items[i].text);
	assert_int_equal(rc, 0);
	report_free(&report);
}

static void send_packets(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	for (int i = 0; i < PACKETS; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		assert_int_equal(sendto(fd, "x", 1, 0, (const struct sockaddr *)&a, sizeof a), 1);
		(void)close(fd);
	}
}

/* Loopback delivers within the sender's call: what was sent is there. */
static int count_packets(int fd)
{
	int count = 0;
	char c;

	while (recv(fd, &c, 1, MSG_DONTWAIT) == 1)
		count++;
	return count;
}

static int connect_to(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static const struct socket_group *group_of(const struct sockets *s, enum socket_kind kind)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->groups[i]->kind == kind)
			return s->groups[i];
	}
	fail_msg("no such group");
	return NULL;
}

static void close_all(struct sockets *s)
{
	assert_int_equal(s->count, 0);
	free(s->groups);
	*s = (struct sockets){0};
}

static void a_plan_has_a_socket_for_each_worker_and_address(void **state)
{
	unsigned port = free_port();
	char listen[128], balancer[64];
	struct sockets s = {0};
	struct socket_plan plan;
	struct conf *c;

	(void)state;
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%u, \"[::1]:%u\"", port, port);
	(void)snprintf(balancer, sizeof balancer, "127.0.0.1:%u", free_port());
	c = conf_with(listen, 3, balancer);
	plan_good(&s, c, &plan);
	assert_int_equal(plan.udp_count, 6);
	assert_int_equal(plan.dns_tcp_count, 2);
	assert_int_equal(plan.balancer_tcp_count, 3);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(plan.udp[i].index, i / 3);
		assert_int_equal(plan.udp[i].worker, i % 3);
	}
	assert_int_equal(plan.balancer_tcp[2].worker, 2);
	sockets_release(&s, &plan);
	close_all(&s);
	conf_free(c);
}

static void sockets_beyond_the_selector_get_nothing(void **state)
{
	unsigned port = free_port();
	struct conf *one = conf_on(port, 1), *four = conf_on(port, 4);
	struct socket_plan before, after;
	struct sockets s = {0};
	const struct socket_group *g;
	int all = 0;

	(void)state;
	plan_good(&s, one, &before);
	g = group_of(&s, SOCKET_UDP);
	assert_int_equal(g->count, 2); /* the kernel needs two for a selector */
	go(&before);
	send_packets(port);
	assert_int_equal(count_packets(g->fd[1]), 0);
	assert_int_equal(count_packets(g->fd[0]), PACKETS);
	/* the next generation opens more: they are parked until it serves */
	plan_good(&s, four, &after);
	assert_int_equal(g->count, 4);
	assert_int_equal(after.udp[0].fd, before.udp[0].fd);
	send_packets(port);
	assert_int_equal(count_packets(g->fd[0]), PACKETS);
	for (int i = 1; i < 4; i++)
		assert_int_equal(count_packets(g->fd[i]), 0);
	go(&after);
	send_packets(port);
	for (int i = 0; i < 4; i++) {
		int count = count_packets(g->fd[i]);

		assert_true(count > 0); /* (3/4)^PACKETS: never by chance */
		all += count;
	}
	assert_int_equal(all, PACKETS);
	/* and back again: parked, not closed */
	go(&before);
	send_packets(port);
	assert_int_equal(count_packets(g->fd[0]), PACKETS);
	assert_int_equal(g->count, 4);
	sockets_release(&s, &after);
	assert_int_equal(s.count, 2);
	sockets_release(&s, &before);
	close_all(&s);
	conf_free(one);
	conf_free(four);
}

static void parked_tcp_listeners_get_nothing_and_are_handed_out(void **state)
{
	unsigned port = free_port();
	char balancer[64];
	struct conf *two, *one;
	struct socket_plan before, after;
	struct sockets s = {0};

	(void)state;
	(void)snprintf(balancer, sizeof balancer, "127.0.0.1:%u", port);
	two = conf_with("127.0.0.1:1", 2, balancer);
	one = conf_with("127.0.0.1:1", 1, balancer);
	two->listen_count = one->listen_count = 0; /* the balancer's alone */
	plan_good(&s, two, &before);
	go(&before);
	plan_good(&s, one, &after);
	go(&after);
	assert_int_equal(after.balancer_tcp_count, 2);
	assert_int_equal(after.balancer_tcp[1].worker, 0);
	for (int i = 0; i < 16; i++) {
		int client = connect_to(port), fd;

		assert_true(client >= 0);
		assert_int_equal(accept(before.balancer_tcp[1].fd, NULL, NULL), -1);
		assert_int_equal(errno, EAGAIN); /* non-blocking, and empty */
		fd = accept(before.balancer_tcp[0].fd, NULL, NULL);
		assert_true(fd >= 0);
		(void)close(fd);
		(void)close(client);
	}
	sockets_release(&s, &before);
	assert_true(connect_to(port) >= 0);
	sockets_release(&s, &after);
	assert_int_equal(connect_to(port), -1);
	close_all(&s);
	conf_free(two);
	conf_free(one);
}

static void what_one_role_gives_back_the_other_keeps(void **state)
{
	unsigned port = free_port();
	char listen[64], balancer[64];
	struct sockets s = {0};
	struct socket_plan plan;
	struct conf *c;

	(void)state;
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%u", free_port());
	(void)snprintf(balancer, sizeof balancer, "127.0.0.1:%u", port);
	c = conf_with(listen, 2, balancer);
	plan_good(&s, c, &plan);
	assert_int_equal(s.count, 3);
	sockets_release_role(&s, &plan, ROLE_DNS);
	assert_int_equal(s.count, 1);
	assert_true(connect_to(port) >= 0);
	sockets_release_role(&s, &plan, ROLE_DNS); /* once is enough */
	sockets_release_role(&s, &plan, ROLE_BALANCER);
	assert_int_equal(connect_to(port), -1);
	sockets_release(&s, &plan);
	close_all(&s);
	conf_free(c);
}

static void an_address_in_use_is_an_error_with_its_place(void **state)
{
	unsigned port = free_port();
	struct conf *c = conf_on(port, 2);
	struct sockets mine = {0}, other = {0};
	struct socket_plan plan, second;
	struct report report = {0};
	char line[1024];

	(void)state;
	plan_good(&mine, c, &plan);
	/* the other program wants to share, too, and is of the same user */
	assert_int_equal(sockets_plan(&other, c, &second, &report), -1);
	assert_int_equal(report.errors, 2); /* udp and tcp, in one run */
	err_format(&report.items[0], line, sizeof line);
	assert_non_null(strstr(line, "waymark.yaml:1:10: error: cannot listen on udp 127.0.0.1:"));
	assert_non_null(strstr(line, "in use"));
	report_free(&report);
	close_all(&other);
	sockets_release(&mine, &plan);
	plan_good(&other, c, &second); /* and now it can */
	sockets_release(&other, &second);
	close_all(&other);
	free(mine.groups);
	conf_free(c);
}

static void a_failed_plan_leaves_the_serving_one_alone(void **state)
{
	unsigned port = free_port();
	struct conf *good = conf_on(port, 2), *bad;
	struct socket_plan plan, second;
	struct report report = {0};
	struct sockets s = {0};
	char listen[128];

	(void)state;
	plan_good(&s, good, &plan);
	go(&plan);
	/* 203.0.113.1 (RFC 5737) is on no interface */
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%u, 127.0.0.1:%u, 203.0.113.1:53", port,
		free_port());
	bad = conf_with(listen, 3, NULL);
	assert_int_equal(sockets_plan(&s, bad, &second, &report), -1);
	assert_int_equal(report.errors, 2);
	assert_int_equal(s.count, 2);
	send_packets(port);
	assert_int_equal(count_packets(plan.udp[0].fd) + count_packets(plan.udp[1].fd), PACKETS);
	report_free(&report);
	sockets_release(&s, &plan);
	close_all(&s);
	conf_free(good);
	conf_free(bad);
}

static void an_address_that_is_not_there_yet_needs_freebind(void **state)
{
	/* RFC 5737 and RFC 3849: on no interface */
	struct conf *c = conf_with("203.0.113.1:5300, \"[2001:db8::1]:5300\"", 2, NULL);
	struct socket_plan plan;
	struct report report = {0};
	struct sockets s = {0};
	char line[1024];

	(void)state;
	assert_int_equal(sockets_plan(&s, c, &plan, &report), -1);
	assert_int_equal(report.errors, 4);
	err_format(&report.items[0], line, sizeof line);
	assert_non_null(strstr(line, "freebind"));
	report_free(&report);
	c->freebind = true;
	assert_int_equal(sockets_plan(&s, c, &plan, &report), 0);
	assert_int_equal(report.errors, 0);
	assert_int_equal(plan.udp_count, 4);
	err_format(&report.items[0], line, sizeof line);
	assert_non_null(strstr(line, "warning: udp 203.0.113.1:5300: no interface has"));
	report_free(&report);
	sockets_release(&s, &plan);
	close_all(&s);
	conf_free(c);
}

static void a_wildcard_may_come_beside_our_own_address(void **state)
{
	unsigned port = free_port();
	struct conf *narrow = conf_on(port, 1), *wide;
	struct socket_plan before, after;
	struct sockets s = {0};
	char listen[64];

	(void)state;
	(void)snprintf(listen, sizeof listen, "\"0.0.0.0:%u\"", port);
	wide = conf_with(listen, 1, NULL);
	plan_good(&s, narrow, &before);
	plan_good(&s, wide, &after);
	go(&after);
	sockets_release(&s, &before);
	send_packets(port);
	assert_int_equal(count_packets(after.udp[0].fd), PACKETS);
	sockets_release(&s, &after);
	close_all(&s);
	conf_free(narrow);
	conf_free(wide);
}

static int number_option(int fd, int level, int option)
{
	socklen_t length = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

static void options_are_those_the_workers_rely_on(void **state)
{
	unsigned port = free_port();
	char listen[128];
	struct timeval timeout;
	socklen_t length = sizeof timeout;
	struct socket_plan plan;
	struct sockets s = {0};
	struct conf *c;

	(void)state;
	(void)snprintf(listen, sizeof listen, "\"0.0.0.0:%u\", \"[::]:%u\", 127.0.0.1:%u", port,
		port, free_port());
	c = conf_with(listen, 1, NULL);
	plan_good(&s, c, &plan);
	assert_int_equal(number_option(plan.udp[0].fd, IPPROTO_IP, IP_PKTINFO), 1);
	assert_int_equal(
		number_option(plan.udp[0].fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_OMIT);
	assert_int_equal(number_option(plan.udp[1].fd, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
	assert_int_equal(number_option(plan.udp[1].fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	assert_int_equal(
		number_option(plan.udp[1].fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_OMIT);
	assert_int_equal(number_option(plan.udp[2].fd, IPPROTO_IP, IP_PKTINFO), 0);
	assert_int_equal(getsockopt(plan.udp[2].fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &length), 0);
	assert_int_equal(timeout.tv_sec * 1000000 + timeout.tv_usec, 100000);
	if (geteuid() == 0) /* SO_RCVBUFFORCE; the kernel doubles it */
		assert_int_equal(
			number_option(plan.udp[2].fd, SOL_SOCKET, SO_RCVBUF), 2 * (4 << 20));
	sockets_release(&s, &plan);
	close_all(&s);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_has_a_socket_for_each_worker_and_address),
		cmocka_unit_test(sockets_beyond_the_selector_get_nothing),
		cmocka_unit_test(parked_tcp_listeners_get_nothing_and_are_handed_out),
		cmocka_unit_test(what_one_role_gives_back_the_other_keeps),
		cmocka_unit_test(an_address_in_use_is_an_error_with_its_place),
		cmocka_unit_test(a_failed_plan_leaves_the_serving_one_alone),
		cmocka_unit_test(an_address_that_is_not_there_yet_needs_freebind),
		cmocka_unit_test(a_wildcard_may_come_beside_our_own_address),
		cmocka_unit_test(options_are_those_the_workers_rely_on),
	};

	TEST_MAIN(tests);
}
