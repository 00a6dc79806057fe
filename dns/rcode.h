/* Numbers of the DNS protocol that the engine speaks of: flags, rcodes, EDNS options, extended errors. */
#ifndef DNS_RCODE_H
#define DNS_RCODE_H

#include <stdint.h>

#define DNS_HEADER_SIZE 12u
#define DNS_CLASS_IN    1u
#define DNS_CLASS_CH    3u
#define DNS_CLASS_ANY   255u

/* Bits of the header's second word (RFC 1035, 4.1.1; RFC 4035, 3.1.6 for CD). */
#define FLAG_QR     0x8000u
#define FLAG_OPCODE 0x7800u
#define FLAG_AA     0x0400u
#define FLAG_TC     0x0200u
#define FLAG_RD     0x0100u
#define FLAG_CD     0x0010u

/* One row an rcode: number and the word that dig prints. Above 15 the upper bits go into OPT. */
#define RCODES(X)                                                                                  \
	X(NOERROR, 0)                                                                              \
	X(FORMERR, 1)                                                                              \
	X(SERVFAIL, 2)                                                                             \
	X(NXDOMAIN, 3)                                                                             \
	X(NOTIMP, 4)                                                                               \
	X(REFUSED, 5)                                                                              \
	X(YXDOMAIN, 6)                                                                             \
	X(NOTAUTH, 9)                                                                              \
	X(BADVERS, 16)                                                                             \
	X(BADCOOKIE, 23)

#define RCODE_ENUM(name, number) RCODE_##name = number,
enum rcode { RCODES(RCODE_ENUM) };
#undef RCODE_ENUM

enum edns_option {
	OPTION_NSID = 3,
	OPTION_SUBNET = 8,
	OPTION_COOKIE = 10,
	OPTION_KEEPALIVE = 11,
	OPTION_EDE = 15,
};

/* RFC 8914, 4. */
enum ede_code {
	EDE_OTHER = 0,
	EDE_STALE = 3,
	EDE_NOT_READY = 14,
	EDE_NOT_AUTHORITATIVE = 20,
	EDE_NOT_SUPPORTED = 21,
	EDE_INVALID_DATA =
		24, /* "cannot answer with data for a zone it is configured to support" */
};

#define TSIG_BADKEY 17u /* RFC 8945, 5.2.1 */

#endif
