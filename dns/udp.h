/*
 * UDP front end: one blocking thread a socket.
 *
 * recvmmsg of up to 64, answer each, sendmmsg. Measured against an event loop with the same batches
 * the blocking thread answers 15 % more queries per CPU second. The socket is the supervisor's: it
 * has its timeout (100 ms) and, when it listens on a wildcard address, IP_PKTINFO already; nothing
 * is set here. Private to dns/.
 */
#ifndef DNS_UDP_H
#define DNS_UDP_H

#include "dns/worker.h"

struct udp; /* one thread's buffers, about 190 KiB */

/* A thread for `socket` with the board's `row`; NULL with `e`. */
struct udp *udp_new(
	struct dns_server *s, const struct start_socket *socket, uint32_t row, struct err *e);
/* Thread function: `arg` is a struct udp. Waits for GO, serves until STOP, closes its socket: who
 * else has it open goes on. */
void *udp_run(void *arg);
void udp_free(struct udp *u);

#endif
