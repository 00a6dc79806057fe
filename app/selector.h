/*
 * Which socket of a SO_REUSEPORT group gets a packet or connection: a classic BPF program that the
 * kernel runs, which hashes the flow.
 *
 *   for each field:  hash = (hash + field) * K;  hash ^= hash >> 16
 *   index = (hash * K >> 16) * n >> 16                        of the first n sockets of the group
 *
 * The fields are the source address, one 32-bit word after the other, and the source port. One flow
 * always lands on one worker; many flows spread evenly whatever CPU or queue they arrive on. The
 * upper half of a product is used (multiply-shift): connect() takes ports of one parity, and the
 * bare port modulo 2 or 4 would leave half of the workers idle. Without the folding in between,
 * clients in step (every 65,536th address, say) met on one worker.
 *
 * The hash has no secret: who wants to load one worker only needs one flow.
 *
 * What was measured (Linux 6.18; tests/unit/test_selector.c repeats it):
 *
 *   - The program sees the packet from behind the transport header on; SKF_NET_OFF leads to the
 *     network header, on the wire and on loopback. The kernel has made both headers contiguous by
 *     then, so that a load of them cannot fail; one that did would choose socket 0, not lose a packet.
 *   - BPF_MSH at SKF_NET_OFF gives the length of an IPv4 header with options.
 *   - Behind an IPv6 header with extension headers the port is not at a fixed place: the address
 *     alone decides then.
 */
#ifndef APP_SELECTOR_H
#define APP_SELECTOR_H

#include "base/addr.h"

/*
 * Send what arrives at the group of socket `fd` to its first `n` sockets only. `protocol` is IPPROTO_UDP
 * or IPPROTO_TCP, `family` that of the group's address. -1 with errno.
 */
int selector_set(int fd, enum family family, int protocol, unsigned n);

#endif
