#include "dns/udp.h"

#include "base/clock.h"
#include "board/beat.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX     64u  /* datagrams a system call; more gained nothing */
#define DRAIN_BATCHES 160u /* what the receive buffer holds, about 10,000 datagrams */
#define SEND_WAIT_MS  5    /* how long a full send buffer may hold a batch up */
#define SHORTAGE_MS   10   /* pause when the kernel has no memory to receive */
#define CONTROL_SIZE  CMSG_SPACE(sizeof(struct in6_pktinfo)) /* the larger of the two */

/* What a usual query touches of it is its head and two lines of `query`, whatever that has room for:
 * see below. */
struct datagram {
	struct sockaddr_storage peer;
	struct iovec query_part, reply_part;
	_Alignas(struct cmsghdr) char control[CONTROL_SIZE];
	uint8_t *reply;           /* in `replies` */
	uint8_t query[QUERY_MAX]; /* the rest of a longer one is cut, which is FORMERR */
};

/* A level-1 cache places a line by its address modulo 4,096: neighbours must not differ by just that,
 * else all queries of a batch share two places. */
_Static_assert(
	sizeof(struct datagram) % 4096 >= 64, "datagrams lie on top of each other in a cache");

struct udp {
	struct dns_worker worker;
	int fd;
	bool wildcard; /* replies must say which of our addresses they leave from */
	struct mmsghdr in[BATCH_MAX], out[BATCH_MAX];
	struct datagram datagram[BATCH_MAX];
	uint8_t replies[]; /* BATCH_MAX, each as large as the configuration allows */
};

static bool is_wildcard(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof zero) == 0;
}

struct udp *udp_new(
	struct dns_server *s, const struct start_socket *socket, uint32_t row, struct err *e)
{
	size_t payload = s->conf->dns.udp_payload;
	struct udp *u = calloc(1, sizeof *u + BATCH_MAX * payload);

	if (u == NULL) {
		(void)err_set(e, "out of memory for a UDP thread");
		return NULL;
	}
	if (dns_worker_init(&u->worker, s, row, e) < 0) {
		free(u);
		return NULL;
	}
	u->fd = socket->fd;
	u->wildcard = is_wildcard(&s->conf->listens[socket->index].address.addr);
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		struct datagram *d = &u->datagram[i];

		d->reply = u->replies + i * payload;
		d->query_part = (struct iovec){d->query, sizeof d->query};
		u->in[i].msg_hdr.msg_name = &d->peer;
		u->in[i].msg_hdr.msg_namelen = sizeof d->peer;
		u->in[i].msg_hdr.msg_iov = &d->query_part;
		u->in[i].msg_hdr.msg_iovlen = 1;
		if (u->wildcard) {
			u->in[i].msg_hdr.msg_control = d->control;
			u->in[i].msg_hdr.msg_controllen = sizeof d->control;
		}
	}
	return u;
}

void udp_free(struct udp *u)
{
	if (u == NULL)
		return;
	dns_worker_clear(&u->worker);
	free(u);
}

/*
 * Turn "received on this address" into "send from this address", in place. The interface stays to
 * the routing table, except for link-local addresses, which mean nothing without it.
 */
static void turn_control(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof info);
			info.ipi_ifindex = 0;
			info.ipi_addr.s_addr = 0;
			memcpy(CMSG_DATA(c), &info, sizeof info);
			continue;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof info);
			if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
				info.ipi6_ifindex = 0;
			memcpy(CMSG_DATA(c), &info, sizeof info);
		}
	}
}

/* Answer datagram `i`; its reply becomes number `n` of the batch. False when there is none. */
static bool answer_one(struct udp *u, unsigned i, unsigned n)
{
	struct msghdr *in = &u->in[i].msg_hdr, *out = &u->out[n].msg_hdr;
	struct datagram *d = &u->datagram[i];
	struct hostport source;
	size_t length = 0;

	if (hostport_from_sockaddr((const struct sockaddr *)&d->peer, &source) == 0)
		length = respond(
			&u->worker.responder, d->query, u->in[i].msg_len, &source, false, d->reply);
	if (length == 0)
		return false;
	d->reply_part = (struct iovec){d->reply, length};
	out->msg_name = in->msg_name;
	out->msg_namelen = in->msg_namelen;
	out->msg_iov = &d->reply_part;
	out->msg_iovlen = 1;
	out->msg_control = NULL;
	out->msg_controllen = 0;
	if (u->wildcard) {
		turn_control(in);
		out->msg_control = in->msg_control;
		out->msg_controllen = in->msg_controllen;
	}
	return true;
}

/* Ready the slots that a batch used for the next one. */
static void reset(struct udp *u, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		u->in[i].msg_hdr.msg_namelen = sizeof u->datagram[i].peer;
		if (u->wildcard)
			u->in[i].msg_hdr.msg_controllen = sizeof u->datagram[i].control;
	}
}

/* Wait a moment for room in the send buffer; false when there is none. */
static bool wait_room(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, SEND_WAIT_MS) > 0;
}

/* Send replies [0..count). What cannot be sent is counted and left: the client asks again. */
static void send_batch(struct udp *u, unsigned count)
{
	unsigned sent = 0;
	bool waited = false;

	while (sent < count) {
		int n = sendmmsg(u->fd, u->out + sent, count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			sent += (unsigned)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
			if (!waited && wait_room(u->fd)) {
				waited = true; /* once a batch: receiving must go on */
				continue;
			}
			dns_worker_count(&u->worker, DNS_SEND_FAILED, count - sent);
			return;
		}
		/* this one client cannot be reached (ENETUNREACH, EHOSTUNREACH, EPERM by a packet
		 * filter, EACCES, EINVAL, EMSGSIZE…); the others can */
		dns_worker_count(&u->worker, DNS_SEND_FAILED, 1);
		sent++;
	}
}

static void serve_batch(struct udp *u, unsigned count)
{
	uint64_t now_ms = clock_mono_ms();
	unsigned replies = 0;

	dns_worker_enter(&u->worker, now_ms);
	dns_worker_count(&u->worker, DNS_UDP_QUERIES, count);
	for (unsigned i = 0; i < count; i++) {
		if (answer_one(u, i, replies))
			replies++;
	}
	dns_worker_leave(&u->worker, now_ms);
	send_batch(u, replies);
	reset(u, count);
}

/* What a failed receive means. False: this socket is of no use any more. */
static bool receive_failed(struct udp *u, int error)
{
	const struct timespec pause = {.tv_nsec = SHORTAGE_MS * 1000000L};

	beat(&u->worker.row->beat_ms, clock_mono_ms());
	switch (error) {
	case EBADF:
	case ENOTSOCK:
	case EFAULT:
	case EINVAL:
		dns_server_fail(u->worker.server, "receiving on a UDP socket: %s", strerror(error));
		return false;
	case ENOMEM:
	case ENOBUFS: (void)nanosleep(&pause, NULL); return true;
	default:
		return true; /* EAGAIN: the timeout; EINTR; errors of earlier replies (ECONNREFUSED…) */
	}
}

static void serve(struct udp *u)
{
	struct dns_server *s = u->worker.server;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		int n = recvmmsg(u->fd, u->in, BATCH_MAX, MSG_WAITFORONE, NULL);

		if (n > 0)
			serve_batch(u, (unsigned)n);
		else if (n < 0 && !receive_failed(u, errno))
			return;
	}
}

/* After STOP: answer what is queued. The next generation reads the same socket, unless it has fewer
 * workers or another address: then nobody else would. */
static void drain(struct udp *u)
{
	for (unsigned i = 0; i < DRAIN_BATCHES; i++) {
		int n = recvmmsg(u->fd, u->in, BATCH_MAX, MSG_DONTWAIT, NULL);

		if (n <= 0)
			return;
		serve_batch(u, (unsigned)n);
	}
}

void *udp_run(void *arg)
{
	struct udp *u = arg;
	struct dns_server *s = u->worker.server;

	dns_worker_hurry();
	if (dns_server_wait_go(s)) {
		serve(u);
		drain(u);
	}
	close(u->fd);
	dns_server_let_go(s);
	return NULL;
}
