/*
 * Asks a DNS server on loopback as fast as it answers, or at a fixed rate, and prints what came back as one line of JSON.
 *
 *     dns_load [-a ADDRESS] [-p PORT] [-t SECONDS | -n QUERIES] [-r RATE] [-c FLOWS] [-w WINDOW] [-T] FILE
 *
 * FILE holds ready queries, each behind its length (16 bits, as over TCP); they are asked in turn, with ids of our own.
 *
 *   closed loop   (default) WINDOW queries are under way all the time, over FLOWS sockets: the server's best throughput
 *   fixed rate    (-r) RATE queries a second whether answered or not; latency counts from the moment a query was due,
 *                 so that a stall of the server is seen by every query it delays
 *   TCP           (-T) FLOWS connections, pipelined
 *
 * All work is done in batches of up to 64 by one thread that belongs on a processor of its own; the server's processor
 * time is the caller's to read. A query without an answer for a second is lost.
 */
#include "base/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH        64u
#define FLOWS_MAX    64u
#define IDS          4096u /* under way on one flow at most; power of two */
#define QUERY_MAX    512u
#define REPLY_MAX    4096u
#define STREAM_SIZE  (64u << 10) /* octets received of a connection and not yet taken apart */
#define LOST_NS      UINT64_C(1000000000)
#define LATENCY_MAX  200000u /* us told apart; later ones count as this */
#define RECEIVE_SIZE (4 << 20)

/* One socket and what is under way on it. */
struct flow {
	int fd;
	uint16_t next_id;
	uint32_t under_way;
	uint64_t due_ns[IDS]; /* 0: not under way */
	uint8_t *stream;      /* TCP: octets that are no whole message yet */
	size_t stream_used;
};

struct load {
	struct sockaddr_in to;
	double seconds;
	uint64_t count_max, rate;
	uint32_t flow_count, window; /* of one flow */
	bool tcp;

	uint8_t *file; /* the queries, one behind the other */
	const uint8_t **query;
	size_t query_count, query_next;

	struct flow *flow;
	uint64_t sent, answered, lost, octets;
	uint64_t rcode[16];
	uint64_t late[LATENCY_MAX + 1]; /* answers by us */
};

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the queries ---- */

static void read_queries(struct load *l, const char *path)
{
	FILE *f = fopen(path, "re");
	size_t size, count = 0;
	long end;

	if (f == NULL || fseek(f, 0, SEEK_END) < 0 || (end = ftell(f)) <= 0)
		die(path);
	rewind(f);
	size = (size_t)end;
	l->file = malloc(size);
	l->query = calloc(size / 14 + 1, sizeof *l->query); /* none is shorter than its header */
	if (l->file == NULL || l->query == NULL || fread(l->file, 1, size, f) != size)
		die(path);
	(void)fclose(f);
	for (size_t at = 0; at + 14 <= size; at += 2u + load_u16(l->file + at)) {
		size_t length = load_u16(l->file + at);

		if (length < 12 || length > QUERY_MAX || at + 2 + length > size) {
			(void)fprintf(stderr, "%s: no query at octet %zu\n", path, at);
			exit(1);
		}
		l->query[count++] = l->file + at;
	}
	l->query_count = count;
}

static const uint8_t *next_query(struct load *l)
{
	const uint8_t *q = l->query[l->query_next];

	if (++l->query_next == l->query_count)
		l->query_next = 0;
	return q;
}

/* ---- flows ---- */

static void open_flow(struct load *l, struct flow *f)
{
	int size = RECEIVE_SIZE, on = 1;

	f->fd = socket(AF_INET, (l->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (f->fd < 0 || connect(f->fd, (struct sockaddr *)&l->to, sizeof l->to) < 0)
		die("connect");
	if (l->tcp)
		(void)setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	else if (setsockopt(f->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		(void)setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	f->stream = l->tcp ? malloc(STREAM_SIZE) : NULL;
	if (l->tcp && f->stream == NULL)
		die("malloc");
}

/* A place for one more query, due at `due_ns`; its id in *id. False when the flow is full. */
static bool take_id(struct flow *f, uint64_t due_ns, uint16_t *id)
{
	if (f->due_ns[f->next_id] != 0)
		return false;
	*id = f->next_id;
	f->due_ns[*id] = due_ns;
	f->under_way++;
	f->next_id = (f->next_id + 1) % IDS;
	return true;
}

/* Undo the last `count` take_id()s. */
static void give_back(struct flow *f, unsigned count)
{
	while (count-- > 0) {
		f->next_id = (uint16_t)(f->next_id + IDS - 1) % IDS;
		f->due_ns[f->next_id] = 0;
		f->under_way--;
	}
}

static unsigned send_datagrams(struct load *l, struct flow *f, unsigned want, const uint64_t *due)
{
	uint8_t id_octets[BATCH][2];
	struct iovec part[BATCH][2];
	struct mmsghdr out[BATCH];
	unsigned n = 0;
	uint16_t id;
	int sent;

	for (; n < want && take_id(f, due[n], &id); n++) {
		const uint8_t *q = next_query(l);

		store_u16(id_octets[n], id);
		part[n][0] = (struct iovec){id_octets[n], 2};
		part[n][1] = (struct iovec){(void *)(uintptr_t)(q + 4), load_u16(q) - 2u};
		out[n] = (struct mmsghdr){.msg_hdr = {.msg_iov = part[n], .msg_iovlen = 2}};
	}
	sent = n > 0 ? sendmmsg(f->fd, out, n, MSG_DONTWAIT) : 0;
	if (sent < 0)
		sent = 0;
	give_back(f, n - (unsigned)sent);
	return (unsigned)sent;
}

static unsigned send_stream(struct load *l, struct flow *f, unsigned want, const uint64_t *due)
{
	uint8_t octets[BATCH * (QUERY_MAX + 2)];
	size_t used = 0;
	unsigned n = 0;
	uint16_t id;

	for (; n < want && take_id(f, due[n], &id); n++) {
		const uint8_t *q = next_query(l);
		size_t length = 2u + load_u16(q);

		memcpy(octets + used, q, length);
		store_u16(octets + used + 2, id);
		used += length;
	}
	for (size_t at = 0; at < used;) {
		ssize_t sent = send(f->fd, octets + at, used - at, MSG_NOSIGNAL);

		if (sent < 0)
			die("the server closed a connection: send");
		at += (size_t)sent;
	}
	return n;
}

static unsigned send_some(struct load *l, struct flow *f, unsigned want, const uint64_t *due)
{
	unsigned n = l->tcp ? send_stream(l, f, want, due) : send_datagrams(l, f, want, due);

	l->sent += n;
	return n;
}

static void count_reply(
	struct load *l, struct flow *f, const uint8_t *reply, size_t length, uint64_t now)
{
	uint16_t id = length >= 12 ? load_u16(reply) : IDS;
	uint64_t us;

	if (id >= IDS || f->due_ns[id] == 0)
		return;
	us = now > f->due_ns[id] ? (now - f->due_ns[id]) / 1000 : 0;
	l->late[us < LATENCY_MAX ? us : LATENCY_MAX]++;
	f->due_ns[id] = 0;
	f->under_way--;
	l->answered++;
	l->octets += length;
	l->rcode[reply[3] & 15]++;
}

/* Take in what has come. True: there may be more. */
static bool receive_datagrams(struct load *l, struct flow *f)
{
	static uint8_t reply[BATCH][REPLY_MAX];
	struct iovec part[BATCH];
	struct mmsghdr in[BATCH];
	uint64_t now;
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		part[i] = (struct iovec){reply[i], REPLY_MAX};
		in[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &part[i], .msg_iovlen = 1}};
	}
	n = recvmmsg(f->fd, in, BATCH, MSG_DONTWAIT, NULL);
	now = now_ns();
	for (int i = 0; i < n; i++)
		count_reply(l, f, reply[i], in[i].msg_len, now);
	return n == (int)BATCH;
}

static bool receive_stream(struct load *l, struct flow *f)
{
	ssize_t n =
		recv(f->fd, f->stream + f->stream_used, STREAM_SIZE - f->stream_used, MSG_DONTWAIT);
	uint64_t now = now_ns();
	size_t at = 0;

	if (n == 0)
		die("the server closed a connection: recv");
	if (n < 0)
		return false;
	f->stream_used += (size_t)n;
	while (f->stream_used - at >= 2) {
		size_t length = load_u16(f->stream + at);

		if (f->stream_used - at < 2 + length)
			break;
		count_reply(l, f, f->stream + at + 2, length, now);
		at += 2 + length;
	}
	f->stream_used -= at;
	memmove(f->stream, f->stream + at, f->stream_used);
	return false;
}

static void receive(struct load *l, struct flow *f)
{
	while (l->tcp ? receive_stream(l, f) : receive_datagrams(l, f))
		;
}

/* Give up what has been under way for too long. */
static void reap(struct load *l, uint64_t now)
{
	for (uint32_t i = 0; i < l->flow_count; i++) {
		struct flow *f = &l->flow[i];

		for (uint32_t id = 0; f->under_way > 0 && id < IDS; id++) {
			if (f->due_ns[id] == 0 || now < f->due_ns[id] + LOST_NS)
				continue;
			f->due_ns[id] = 0;
			f->under_way--;
			l->lost++;
		}
	}
}

/* ---- the two ways to ask ---- */

static uint64_t under_way(const struct load *l)
{
	return l->sent - l->answered - l->lost;
}

static void fill(struct load *l, struct flow *f, uint64_t now)
{
	uint64_t due[BATCH];

	for (unsigned i = 0; i < BATCH; i++)
		due[i] = now;
	while (f->under_way < l->window && l->sent < l->count_max) {
		unsigned want = l->window - f->under_way;

		if (want > BATCH)
			want = BATCH;
		if (want > l->count_max - l->sent)
			want = (unsigned)(l->count_max - l->sent);
		if (send_some(l, f, want, due) < want)
			return;
	}
}

static void run_closed(struct load *l, uint64_t start)
{
	uint64_t end = start + (uint64_t)(l->seconds * 1e9), now = start, reaped = start;
	struct pollfd ready[FLOWS_MAX];

	for (uint32_t i = 0; i < l->flow_count; i++)
		ready[i] = (struct pollfd){.fd = l->flow[i].fd, .events = POLLIN};
	while (now < end && (l->sent < l->count_max || under_way(l) > 0)) {
		for (uint32_t i = 0; i < l->flow_count; i++)
			fill(l, &l->flow[i], now);
		if (poll(ready, l->flow_count, 20) > 0) {
			for (uint32_t i = 0; i < l->flow_count; i++) {
				if (ready[i].revents != 0)
					receive(l, &l->flow[i]);
			}
		}
		now = now_ns();
		if (now - reaped > LOST_NS / 2) {
			reap(l, now);
			reaped = now;
		}
	}
}

static void run_paced(struct load *l, uint64_t start)
{
	uint64_t end = start + (uint64_t)(l->seconds * 1e9), now = start, due[BATCH];
	double gap_ns = 1e9 / (double)l->rate;
	uint32_t turn = 0;

	for (uint64_t asked = 0; now < end; now = now_ns()) {
		uint64_t wanted = (uint64_t)((double)(now - start) / gap_ns);
		unsigned n = wanted - asked > BATCH ? BATCH : (unsigned)(wanted - asked);

		for (unsigned i = 0; i < n; i++)
			due[i] = start + (uint64_t)((double)(asked + i) * gap_ns);
		if (n > 0) {
			unsigned sent = send_some(l, &l->flow[turn], n, due);

			l->lost += n - sent; /* no room: it was due all the same */
			l->sent += n - sent;
			asked += n;
			if (++turn >= l->flow_count)
				turn = 0;
		}
		for (uint32_t i = 0; i < l->flow_count; i++) {
			if (l->flow[i].under_way > 0)
				receive(l, &l->flow[i]);
		}
	}
}

/* Wait for what is still under way: it has cost the server its time. */
static void run_out(struct load *l)
{
	uint64_t end = now_ns() + LOST_NS;

	while (under_way(l) > 0 && now_ns() < end) {
		for (uint32_t i = 0; i < l->flow_count; i++)
			receive(l, &l->flow[i]);
	}
	reap(l, UINT64_MAX - LOST_NS);
}

/* ---- what came of it ---- */

/* The latency below which `share` of the answers stayed, us. */
static uint32_t percentile(const struct load *l, double share)
{
	uint64_t left = (uint64_t)((double)l->answered * share);

	for (uint32_t us = 0; us < LATENCY_MAX; us++) {
		if (left < l->late[us])
			return us;
		left -= l->late[us];
	}
	return LATENCY_MAX;
}

static void print(const struct load *l, double seconds, uint64_t in_time)
{
	(void)printf(
		"{\"qps\": %.0f, \"seconds\": %.3f, \"sent\": %" PRIu64 ", \"answered\": %" PRIu64
		", \"lost\": %" PRIu64 ", \"octets\": %.1f, "
		"\"p50_us\": %u, \"p90_us\": %u, \"p99_us\": %u, \"p999_us\": %u, \"rcodes\": [",
		(double)in_time / seconds, seconds, l->sent, l->answered, l->lost,
		l->answered > 0 ? (double)l->octets / (double)l->answered : 0.0, percentile(l, .5),
		percentile(l, .9), percentile(l, .99), percentile(l, .999));
	for (unsigned i = 0; i < 16; i++)
		(void)printf("%s%" PRIu64, i > 0 ? ", " : "", l->rcode[i]);
	(void)printf("]}\n");
}

static int usage(void)
{
	(void)fprintf(stderr,
		"usage: dns_load [-a ADDRESS] [-p PORT] [-t SECONDS | -n QUERIES] [-r RATE] "
		"[-c FLOWS] [-w WINDOW] [-T] FILE\n");
	return 2;
}

/* 0, or -1: not understood. */
static int read_options(struct load *l, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "a:p:t:n:r:c:w:T")) > 0) {
		switch (option) {
		case 'a':
			if (inet_pton(AF_INET, optarg, &l->to.sin_addr) != 1)
				return -1;
			break;
		case 'p': l->to.sin_port = htons((uint16_t)strtoul(optarg, NULL, 10)); break;
		case 't': l->seconds = strtod(optarg, NULL); break;
		case 'n':
			l->count_max = strtoull(optarg, NULL, 10);
			l->seconds = 3600;
			break;
		case 'r': l->rate = strtoull(optarg, NULL, 10); break;
		case 'c': l->flow_count = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'w': l->window = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'T': l->tcp = true; break;
		default: return -1;
		}
	}
	if (optind + 1 != argc || l->flow_count == 0 || l->flow_count > FLOWS_MAX)
		return -1;
	l->window = (l->window + l->flow_count - 1) / l->flow_count;
	return l->window > 0 && l->window <= IDS / 2 ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct load l = {
		.seconds = 2, .count_max = UINT64_MAX, .flow_count = 8, .window = 128};
	uint64_t start, in_time, stop;

	l.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(53)};
	l.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (read_options(&l, argc, argv) < 0)
		return usage();
	read_queries(&l, argv[optind]);
	l.flow = calloc(l.flow_count, sizeof *l.flow);
	if (l.flow == NULL)
		die("calloc");
	for (uint32_t i = 0; i < l.flow_count; i++)
		open_flow(&l, &l.flow[i]);
	start = now_ns();
	if (l.rate > 0)
		run_paced(&l, start);
	else
		run_closed(&l, start);
	stop = now_ns();
	in_time = l.answered;
	run_out(&l);
	print(&l, (double)(stop - start) / 1e9, in_time);
	return 0;
}
