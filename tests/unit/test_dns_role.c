/* dns/role.c, udp.c, tcp.c, tcp_connection.c: the whole role as threads of this process, on loopback sockets. */
#include "tests/unit/dns_fixture.h"
#include "tests/unit/dns_lab.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/link.h"
#include "dns/role.h"
#include "dns/tcp.h"

#define UDP_THREADS 2

struct house {
	struct lab lab;
	pthread_t thread;
	int exit_code;
	int link;                                     /* the supervisor's end */
	struct start_socket udp[UDP_THREADS], tcp[1]; /* the role's: it closes them */
	int own[UDP_THREADS + 1];                     /* the supervisor's */
	struct sockaddr_in udp_at[UDP_THREADS], tcp_at;
};

static int bind_to(int type, const char *address, struct sockaddr_in *at)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;
	socklen_t size = sizeof *at;

	assert_true(fd >= 0);
	*at = (struct sockaddr_in){.sin_family = AF_INET};
	assert_int_equal(inet_pton(AF_INET, address, &at->sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
	assert_int_equal(
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on), type == SOCK_DGRAM ? 0 : 0);
	return fd;
}

static void *run_role(void *arg)
{
	struct house *h = arg;

	h->exit_code = dns_role(&h->lab.start);
	return NULL;
}

static enum link_type hear(struct house *h)
{
	struct link_message m;
	int got;

	while ((got = link_receive(h->link, &m)) < 0)
		(void)usleep(1000);
	assert_int_equal(got, 1);
	return (enum link_type)m.type;
}

/* The next message, past that the sockets are closed. */
static enum link_type hear_end(struct house *h)
{
	enum link_type type = hear(h);

	return type == LINK_RELEASED ? hear(h) : type;
}

static struct start_socket hand_out(struct house *h, unsigned i, int fd, uint16_t index)
{
	h->own[i] = fd;
	return (struct start_socket){dup(fd), 0, index};
}

/* As the supervisor: sockets with a receive timeout; the second UDP socket listens on the wildcard
 * address. Its configuration may be changed before house_start(). */
static struct house *house_new(void)
{
	struct house *h = calloc(1, sizeof *h);
	const struct timeval timeout = {.tv_usec = 100000};
	static struct conf_listen listens[2] = {
		{.address = {.addr = {.family = FAMILY_IPV4, .bytes = {127, 0, 0, 1}}}},
		{.address = {.addr = {.family = FAMILY_IPV4}}}};
	int pair[2];

	assert_non_null(h);
	lab_open(&h->lab);
	lab_write(&h->lab, "a.test.zone",
		LAB_ZONE("1",
			"192.0.2.1") "big TXT ( \"0123456789012345678901234567890123456789\" )\n");
	h->lab.conf->listens = listens;
	h->lab.conf->listen_count = 2;
	for (uint16_t i = 0; i < UDP_THREADS; i++) {
		h->udp[i] = hand_out(h, i,
			bind_to(SOCK_DGRAM, i == 0 ? "127.0.0.1" : "0.0.0.0", &h->udp_at[i]), i);
		assert_int_equal(
			setsockopt(h->udp[i].fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout),
			0);
	}
	h->tcp[0] = hand_out(h, UDP_THREADS, bind_to(SOCK_STREAM, "127.0.0.1", &h->tcp_at), 0);
	assert_int_equal(listen(h->tcp[0].fd, 64), 0);
	assert_int_equal(fcntl(h->tcp[0].fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	h->link = pair[0];
	h->lab.start.link = pair[1];
	h->lab.start.udp = h->udp;
	h->lab.start.udp_count = UDP_THREADS;
	h->lab.start.tcp = h->tcp;
	h->lab.start.tcp_count = 1;
	h->lab.start.row_count = UDP_THREADS + 1;
	return h;
}

static void house_start(struct house *h)
{
	assert_int_equal(pthread_create(&h->thread, NULL, run_role, h), 0);
	assert_int_equal(hear(h), LINK_READY);
}

static struct house *house_open(void)
{
	struct house *h = house_new();

	house_start(h);
	return h;
}

static void house_serve(struct house *h)
{
	assert_int_equal(link_send(h->link, LINK_GO, 0, NULL), 0);
}

static struct house *house_go(void)
{
	struct house *h = house_open();

	house_serve(h);
	return h;
}

/* What the TCP thread has counted. */
static uint64_t counted(const struct house *h, enum dns_counter c)
{
	return atomic_load(&h->lab.board.dns->row[UDP_THREADS].counter[c]);
}

static void wait_counted(const struct house *h, enum dns_counter c, uint64_t n)
{
	while (counted(h, c) < n)
		(void)usleep(1000);
}

static void house_close(struct house *h)
{
	for (unsigned i = 0; i < COUNT(h->own); i++)
		close(h->own[i]);
	if (h->link >= 0)
		close(h->link);
	close(h->lab.start.link);
	lab_close(&h->lab);
	free(h);
}

static void house_stop(struct house *h)
{
	assert_int_equal(link_send(h->link, LINK_STOP, 0, NULL), 0);
	assert_int_equal(hear_end(h), LINK_STOPPED);
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	assert_int_equal(h->exit_code, 0);
	house_close(h);
}

static int client(int type, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)to, sizeof *to), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
	return fd;
}

/* A query for www.a.test A with this id, with two octets of length in front. */
static size_t query(uint8_t *out, uint16_t id)
{
	size_t size = packet_build(out + 2, "www.a.test", "A", &(struct how){0});

	store_u16(out, (uint16_t)size);
	store_u16(out + 2, id);
	return size + 2;
}

static void read_exactly(int fd, uint8_t *out, size_t size)
{
	while (size > 0) {
		ssize_t n = recv(fd, out, size, 0);

		assert_true(n > 0);
		out += n;
		size -= (size_t)n;
	}
}

/* One reply over TCP; its id. */
static uint16_t tcp_reply(int fd)
{
	uint8_t reply[65537];
	size_t size;

	read_exactly(fd, reply, 2);
	size = load_u16(reply);
	read_exactly(fd, reply + 2, size);
	assert_int_equal(load_u16(reply + 8), 1); /* one answer */
	return load_u16(reply + 2);
}

static void udp_answers_and_leaves_from_the_address_asked(void **state)
{
	struct house *h = house_go();
	static const char *const asked[] = {"127.0.0.1", "127.0.0.1", "127.1.2.3"};
	uint8_t packet[512], reply[1500];
	size_t size = query(packet, 0x4242);

	(void)state;
	for (unsigned i = 0; i < COUNT(asked); i++) {
		struct sockaddr_in to = h->udp_at[i > 0], from;
		socklen_t length = sizeof from;
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		ssize_t n;

		assert_int_equal(inet_pton(AF_INET, asked[i], &to.sin_addr), 1);
		assert_true(
			sendto(fd, packet + 2, size - 2, 0, (struct sockaddr *)&to, sizeof to) > 0);
		n = recvfrom(fd, reply, sizeof reply, 0, (struct sockaddr *)&from, &length);
		assert_true(n > 12);
		assert_int_equal(load_u16(reply), 0x4242);
		assert_int_equal(load_u16(reply + 6), 1);
		assert_int_equal(from.sin_addr.s_addr, to.sin_addr.s_addr);
		close(fd);
	}
	house_stop(h);
}

/* A generation with fewer workers, or without the address, will not read this socket. */
static void what_is_queued_at_stop_is_answered(void **state)
{
	enum { CLIENTS = 50, EACH = 100 };
	struct house *h = house_open();
	uint8_t packet[512], reply[1500];
	size_t size = query(packet, 2);
	int fd[CLIENTS];

	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++)
		fd[i] = client(SOCK_DGRAM, &h->udp_at[0]);
	assert_int_equal(
		setsockopt(h->own[0], SOL_SOCKET, SO_RCVBUF, &(int){8 << 20}, sizeof(int)), 0);
	for (unsigned i = 0; i < CLIENTS * EACH; i++)
		assert_true(send(fd[i % CLIENTS], packet + 2, size - 2, 0) > 0);
	house_serve(h);
	assert_true(recv(fd[0], reply, sizeof reply, MSG_PEEK) > 0);
	assert_int_equal(link_send(h->link, LINK_STOP, 0, NULL), 0);
	assert_int_equal(hear_end(h), LINK_STOPPED);
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	assert_int_equal(recv(h->own[0], reply, sizeof reply, MSG_DONTWAIT), -1);
	for (unsigned i = 0; i < CLIENTS; i++)
		close(fd[i]);
	house_close(h);
}

static void nothing_is_received_before_go(void **state)
{
	struct house *h = house_open();
	int fd = client(SOCK_DGRAM, &h->udp_at[0]);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t packet[512];
	size_t size = query(packet, 1);

	(void)state;
	assert_true(send(fd, packet + 2, size - 2, 0) > 0);
	assert_int_equal(poll(&p, 1, 200), 0);
	assert_int_equal(link_send(h->link, LINK_GO, 0, NULL), 0);
	assert_int_equal(poll(&p, 1, -1), 1); /* it waited in the socket */
	close(fd);
	house_stop(h);
}

static void rubbish_is_answered_as_it_deserves(void **state)
{
	struct house *h = house_go();
	int fd = client(SOCK_DGRAM, &h->udp_at[0]);
	uint8_t packet[512], reply[1500];
	size_t size = query(packet, 7);

	(void)state;
	assert_true(send(fd, "x", 1, 0) == 1); /* no reply */
	assert_true(send(fd, "", 0, 0) == 0);  /* an empty datagram: no reply */
	packet[4] |= 0x80;                     /* QR: no reply */
	assert_true(send(fd, packet + 2, size - 2, 0) > 0);
	packet[4] = 0;
	assert_true(send(fd, packet + 2, size - 3, 0) > 0); /* cut short: FORMERR */
	assert_true(recv(fd, reply, sizeof reply, 0) >= 12);
	assert_int_equal(load_u16(reply), 7);
	assert_int_equal(reply[3] & 15, 1);
	while (atomic_load(&h->lab.board.dns->row[0].counter[DNS_DROPPED]) < 3)
		(void)usleep(1000);
	close(fd);
	house_stop(h);
}

static void tcp_queries_are_pipelined(void **state)
{
	struct house *h = house_go();
	int fd = client(SOCK_STREAM, &h->tcp_at);
	uint8_t packets[100 * 64], seen[100] = {0};
	size_t size = 0;

	(void)state;
	for (uint16_t i = 0; i < 100; i++)
		size += query(packets + size, i);
	assert_int_equal(send(fd, packets, size, MSG_NOSIGNAL), (int)size);
	for (unsigned i = 0; i < 100; i++)
		seen[tcp_reply(fd)]++;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(seen[i], 1);
	close(fd);
	house_stop(h);
}

static void tcp_octets_may_come_one_by_one(void **state)
{
	struct house *h = house_go();
	int fd = client(SOCK_STREAM, &h->tcp_at);
	uint8_t packet[512];
	size_t size = query(packet, 99);

	(void)state;
	for (size_t i = 0; i < size; i++)
		assert_int_equal(send(fd, packet + i, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(tcp_reply(fd), 99);
	/* a client that has said all it wants still gets its answer */
	assert_int_equal(send(fd, packet, size, MSG_NOSIGNAL), (int)size);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_int_equal(tcp_reply(fd), 99);
	assert_int_equal(recv(fd, packet, 1, 0), 0);
	close(fd);
	house_stop(h);
}

static void tcp_queries_too_long_to_keep_are_passed_over(void **state)
{
	struct house *h = house_go();
	int fd = client(SOCK_STREAM, &h->tcp_at);
	uint8_t *update = calloc(1, 2 + 20000), packet[512], reply[14];
	size_t size = query(packet, 8);

	(void)state;
	assert_non_null(update);
	store_u16(update, 20000);
	memcpy(update + 2, "\x77\x77\x28\0\0\1\0\0\x03\xe8\0\0", 12); /* opcode UPDATE */
	assert_int_equal(send(fd, update, 2 + 20000, MSG_NOSIGNAL), 2 + 20000);
	assert_int_equal(send(fd, packet, size, MSG_NOSIGNAL), (int)size);
	read_exactly(fd, reply, sizeof reply);
	assert_memory_equal(reply, "\0\x0c\x77\x77\xa8\x04", 6); /* NOTIMP */
	assert_int_equal(tcp_reply(fd), 8);                      /* and the connection is in step */
	assert_int_equal(counted(h, DNS_TCP_QUERY_CUT), 1);
	close(fd);
	free(update);
	house_stop(h);
}

static void tcp_has_a_limit_for_each_client(void **state)
{
	struct house *h = house_new();
	uint8_t packet[512], octet;
	size_t size = query(packet, 5);
	int fd[5];

	(void)state;
	h->lab.conf->dns.tcp.max_per_client = 4;
	house_start(h);
	house_serve(h);
	for (unsigned i = 0; i < 5; i++)
		fd[i] = client(SOCK_STREAM, &h->tcp_at);
	assert_true(recv(fd[4], &octet, 1, 0) <= 0); /* one too many: closed */
	assert_int_equal(send(fd[0], packet, size, MSG_NOSIGNAL), (int)size);
	assert_int_equal(tcp_reply(fd[0]), 5);
	assert_int_equal(counted(h, DNS_TCP_CLIENT_LIMIT), 1);
	close(fd[4]);
	close(fd[3]);
	do { /* its place is free as soon as its end is seen */
		fd[3] = client(SOCK_STREAM, &h->tcp_at);
		(void)send(fd[3], packet, size, MSG_NOSIGNAL);
	} while (recv(fd[3], &octet, 1, MSG_PEEK) <= 0 && close(fd[3]) == 0);
	assert_int_equal(tcp_reply(fd[3]), 5);
	for (unsigned i = 0; i < 4; i++)
		close(fd[i]);
	house_stop(h);
}

static void the_longest_idle_makes_room_when_all_places_are_taken(void **state)
{
	struct house *h = house_new();
	uint8_t packet[512], octet;
	size_t size = query(packet, 6);
	int first, second, third;

	(void)state;
	h->lab.conf->dns.tcp.max_connections = 2;
	h->lab.conf->dns.tcp.idle_timeout_ms = 3600000;
	house_start(h);
	house_serve(h);
	first = client(SOCK_STREAM, &h->tcp_at);
	second = client(SOCK_STREAM, &h->tcp_at);
	do { /* closed at once until `first` has been idle for long enough */
		assert_int_equal(send(second, packet, size, MSG_NOSIGNAL), (int)size);
		assert_int_equal(tcp_reply(second), 6);
		third = client(SOCK_STREAM, &h->tcp_at);
		(void)send(third, packet, size, MSG_NOSIGNAL);
	} while (recv(third, &octet, 1, MSG_PEEK) <= 0 && close(third) == 0);
	assert_int_equal(tcp_reply(third), 6);
	assert_int_equal(recv(first, &octet, 1, 0), 0);
	assert_int_equal(counted(h, DNS_TCP_EVICTED), 1);
	assert_int_equal(send(second, packet, size, MSG_NOSIGNAL), (int)size);
	assert_int_equal(tcp_reply(second), 6);
	close(first);
	close(second);
	close(third);
	house_stop(h);
}

/* RFC 7766, 6.2.3: shorter as fewer places are left. */
static void the_idle_timeout_shrinks_as_the_limit_nears(void **state)
{
	static const struct {
		uint32_t connections, most;
		uint64_t ms;
	} cases[] = {{0, 1000, 10000}, {1, 1000, 10000}, {500, 1000, 10000}, {501, 1000, 9981},
		{750, 1000, 5250}, {999, 1000, 519}, {1000, 1000, 500}, {1001, 1000, 500},
		{0, 1, 10000}, {1, 1, 500}, {1, 2, 10000}, {2, 2, 500}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
			tcp_idle_ms(10000, cases[i].connections, cases[i].most), cases[i].ms);
}

/* Send whole queries until nothing more goes in: their replies are not read. */
static void stuff(int fd)
{
	uint8_t packets[64 * 64];
	size_t size = 0;
	ssize_t n;

	for (uint16_t i = 0; i < 64; i++)
		size += query(packets + size, i);
	do
		n = send(fd, packets, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n > 0);
}

static void who_idles_drips_or_does_not_read_is_closed(void **state)
{
	struct house *h = house_new();
	int idle, dripping, deaf;
	uint8_t octet = 0;

	(void)state;
	h->lab.conf->dns.tcp.idle_timeout_ms = 300;
	house_start(h);
	house_serve(h);
	idle = client(SOCK_STREAM, &h->tcp_at);
	dripping = client(SOCK_STREAM, &h->tcp_at);
	deaf = client(SOCK_STREAM, &h->tcp_at);
	assert_int_equal(send(dripping, &octet, 1, MSG_NOSIGNAL), 1);
	stuff(deaf);
	assert_int_equal(recv(idle, &octet, 1, 0), 0);
	assert_int_equal(recv(dripping, &octet, 1, 0), 0);
	wait_counted(h, DNS_TCP_SLOW_READER, 1);
	assert_int_equal(counted(h, DNS_TCP_IDLE), 1);
	assert_int_equal(counted(h, DNS_TCP_SLOW_QUERY), 1);
	close(idle);
	close(dripping);
	close(deaf);
	house_stop(h);
}

/* A client that pipelines without end. */
struct greedy {
	int fd;
	_Atomic bool stop;
};

static void *be_greedy(void *arg)
{
	struct greedy *g = arg;
	uint8_t replies[65536];

	while (!atomic_load(&g->stop)) {
		stuff(g->fd);
		while (recv(g->fd, replies, sizeof replies, MSG_DONTWAIT) > 0)
			;
	}
	return NULL;
}

static void who_pipelines_without_end_starves_nobody(void **state)
{
	struct house *h = house_go();
	struct greedy g = {.fd = client(SOCK_STREAM, &h->tcp_at)};
	uint8_t packet[512];
	size_t size = query(packet, 21);
	pthread_t thread;
	int other;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, be_greedy, &g), 0);
	wait_counted(h, DNS_TCP_QUERIES, 10000);
	other = client(SOCK_STREAM, &h->tcp_at); /* accepted, and answered again and again */
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(send(other, packet, size, MSG_NOSIGNAL), (int)size);
		assert_int_equal(tcp_reply(other), 21);
	}
	atomic_store(&g.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(g.fd);
	close(other);
	house_stop(h);
}

/* accept() fails: the listener, which stays ready, must not keep the thread busy, and who waits in it is served
 * as soon as there are descriptors. */
static void without_descriptors_accepting_pauses(void **state)
{
	struct house *h = house_open();
	const _Atomic uint64_t *beats = &h->lab.board.dns->row[UDP_THREADS].beat_ms;
	uint64_t seen = 0, ticks = 0;
	struct rlimit before, none;
	uint8_t packet[512];
	size_t size = query(packet, 9);
	int fd = client(SOCK_STREAM, &h->tcp_at), lowest = dup(0);

	(void)state;
	assert_int_equal(send(fd, packet, size, MSG_NOSIGNAL), (int)size);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	close(lowest);
	none = (struct rlimit){.rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	house_serve(h);
	wait_counted(h, DNS_TCP_ACCEPT_FAILED, 1);
	while (ticks < 3) {
		ticks += atomic_load(beats) != seen;
		seen = atomic_load(beats);
		(void)usleep(1000);
	}
	assert_in_range(counted(h, DNS_TCP_ACCEPT_FAILED), 1, ticks + 2); /* once a tick */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(tcp_reply(fd), 9);
	close(fd);
	house_stop(h);
}

static void listeners_have_fast_open_and_small_buffers(void **state)
{
	struct house *h = house_go();
	socklen_t length = sizeof(int);
	int value = 0;

	(void)state;
	assert_int_equal(
		getsockopt(h->own[UDP_THREADS], IPPROTO_TCP, TCP_FASTOPEN, &value, &length), 0);
	assert_int_equal(value, TCP_FAST_OPEN);
	assert_int_equal(
		getsockopt(h->own[UDP_THREADS], SOL_SOCKET, SO_SNDBUF, &value, &length), 0);
	assert_int_equal(value, 2 * TCP_SEND_BUFFER);
	house_stop(h);
}

static void a_client_that_does_not_read_holds_nobody_up(void **state)
{
	struct house *h = house_go();
	int slow = client(SOCK_STREAM, &h->tcp_at), other = client(SOCK_STREAM, &h->tcp_at);
	uint8_t packet[512];
	size_t size = query(packet, 77);

	(void)state;
	stuff(slow);
	assert_int_equal(send(other, packet, size, MSG_NOSIGNAL), (int)size);
	assert_int_equal(tcp_reply(other), 77);
	close(slow);
	close(other);
	house_stop(h);
}

static void connections_are_served_after_stop(void **state)
{
	struct house *h = house_go();
	int fd = client(SOCK_STREAM, &h->tcp_at);
	uint8_t packet[512];
	size_t size = query(packet, 3);

	(void)state;
	assert_int_equal(send(fd, packet, size, MSG_NOSIGNAL), (int)size);
	assert_int_equal(tcp_reply(fd), 3);
	assert_int_equal(link_send(h->link, LINK_STOP, 0, NULL), 0);
	assert_int_equal(hear(h), LINK_RELEASED); /* nobody new, and the addresses are free */
	assert_int_equal(send(fd, packet, size, MSG_NOSIGNAL), (int)size);
	assert_int_equal(tcp_reply(fd), 3);
	close(fd); /* the last one: the role ends at once */
	assert_int_equal(hear(h), LINK_STOPPED);
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	house_close(h);
}

/* Though a connection is open; it ends with FIN, not with a reset that would take replies away. */
static void it_ends_when_the_supervisor_is_gone(void **state)
{
	struct house *h = house_go();
	int fd = client(SOCK_STREAM, &h->tcp_at);
	uint8_t packet[512], octet;
	size_t size = query(packet, 4);

	(void)state;
	assert_int_equal(send(fd, packet, size, MSG_NOSIGNAL), (int)size);
	assert_int_equal(tcp_reply(fd), 4);
	close(h->link);
	h->link = -1;
	assert_int_equal(recv(fd, &octet, 1, 0), 0);
	assert_int_equal(send(fd, packet, size, MSG_NOSIGNAL), (int)size); /* not answered */
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	assert_int_equal(counted(h, DNS_TCP_DRAINED), 1);
	assert_int_equal(recv(fd, &octet, 1, 0), 0);
	close(fd);
	house_close(h);
}

static void it_ends_before_go_too(void **state)
{
	(void)state;
	house_stop(house_open());
}

static void it_refuses_to_start_without_rows(void **state)
{
	struct lab lab;
	struct link_message m;
	int pair[2];

	(void)state;
	lab_open(&lab);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	lab.start.link = pair[1];
	lab.start.row_count = 0;
	assert_int_equal(dns_role(&lab.start), 1);
	assert_int_equal(link_receive(pair[0], &m), 1);
	assert_int_equal(m.type, LINK_FAILED);
	close(pair[0]);
	close(pair[1]);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_answers_and_leaves_from_the_address_asked),
		cmocka_unit_test(what_is_queued_at_stop_is_answered),
		cmocka_unit_test(nothing_is_received_before_go),
		cmocka_unit_test(rubbish_is_answered_as_it_deserves),
		cmocka_unit_test(tcp_queries_are_pipelined),
		cmocka_unit_test(tcp_octets_may_come_one_by_one),
		cmocka_unit_test(tcp_queries_too_long_to_keep_are_passed_over),
		cmocka_unit_test(tcp_has_a_limit_for_each_client),
		cmocka_unit_test(the_longest_idle_makes_room_when_all_places_are_taken),
		cmocka_unit_test(the_idle_timeout_shrinks_as_the_limit_nears),
		cmocka_unit_test(who_idles_drips_or_does_not_read_is_closed),
		cmocka_unit_test(who_pipelines_without_end_starves_nobody),
		cmocka_unit_test(without_descriptors_accepting_pauses),
		cmocka_unit_test(listeners_have_fast_open_and_small_buffers),
		cmocka_unit_test(a_client_that_does_not_read_holds_nobody_up),
		cmocka_unit_test(connections_are_served_after_stop),
		cmocka_unit_test(it_ends_when_the_supervisor_is_gone),
		cmocka_unit_test(it_ends_before_go_too),
		cmocka_unit_test(it_refuses_to_start_without_rows),
	};

	TEST_MAIN(tests);
}
