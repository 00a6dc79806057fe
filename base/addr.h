/*
 * IP addresses, prefixes and address:port pairs, without the sockaddr zoo.
 *
 * An IPv4-mapped IPv6 address (::ffff:192.0.2.1) is turned into its IPv4 address wherever an
 * address enters (parsing and sockets), so that everything behind sees one form of a client.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum family { FAMILY_NONE = 0, FAMILY_IPV4 = 4, FAMILY_IPV6 = 6 };

struct addr {
	uint8_t family;    /* enum family */
	uint8_t bytes[16]; /* network order; IPv4 uses the first 4, the rest is 0 */
};

struct prefix {
	struct addr addr; /* bits past `length` are 0 */
	uint8_t length;   /* 0..32 or 0..128 */
};

struct hostport {
	struct addr addr;
	uint16_t port; /* host order */
};

#define ADDR_TEXT_MAX     46 /* an IPv6 address with its NUL */
#define PREFIX_TEXT_MAX   50 /* with /128 */
#define HOSTPORT_TEXT_MAX 54 /* with [] and :65535 */

/* 0, or -1 when `text` is no IPv4 dotted quad or IPv6 address (no zone index, no brackets). */
int addr_parse(const char *text, struct addr *out);
/* "192.0.2.0/24"; a bare address is a host prefix. -1 also when bits past the length are set. */
int prefix_parse(const char *text, struct prefix *out);
/* "192.0.2.1:53" or "[::1]:53"; the port is required, 1..65535 (0 with `zero_ok`, for tests). */
int hostport_parse(const char *text, bool zero_ok, struct hostport *out);

/* Text forms; IPv6 as RFC 5952. The buffers need the sizes above. Return `out`. */
const char *addr_format(const struct addr *a, char *out);
const char *prefix_format(const struct prefix *p, char *out);
const char *hostport_format(const struct hostport *h, char *out);

bool addr_equal(const struct addr *a, const struct addr *b);
/* Below, above or equal to 0: by family, then by octets. */
int addr_compare(const struct addr *a, const struct addr *b);
/* Octets of the family: 4, 16 or 0. */
size_t addr_size(const struct addr *a);
/* 32, 128 or 0. */
uint8_t addr_bits(const struct addr *a);
bool prefix_contains(const struct prefix *p, const struct addr *a);
/* Clear the bits past `length`. */
void addr_mask(struct addr *a, uint8_t length);
/* False for loopback, private, link-local, CGN, documentation, multicast and other special-purpose
 * blocks (RFC 6890 and its registry): public geo databases do not know such clients. `block` (may
 * be NULL) gets the special block. */
bool addr_is_global(const struct addr *a, struct prefix *block);
/* Row `index` of the table behind addr_is_global(), for building tables; -1 past its end. */
int addr_special_block(size_t index, struct prefix *out);

/* From a socket; -1 for other families. */
int hostport_from_sockaddr(const struct sockaddr *sa, struct hostport *out);
/* Fill `out`; returns its length. */
socklen_t hostport_to_sockaddr(const struct hostport *h, struct sockaddr_storage *out);

#endif
