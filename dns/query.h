/*
 * Bytes → struct query: header, question, EDNS, client subnet (RFC 1035, 6891, 7871, 8945, 9619).
 *
 * query_parse() decides everything that can be decided without data: which packets get no reply at
 * all, and which get an error. It is the only place that reads octets of a stranger; whatever comes
 * in, it reads within the packet and terminates. A pure function.
 */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include "base/addr.h"
#include "dns/rcode.h"
#include "zones/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UDP_PAYLOAD_PLAIN 512u  /* without EDNS (RFC 1035, 4.2.1) */
#define UDP_PAYLOAD_USUAL 1232u /* without a configuration: fits an IPv6 packet without fragments */
#define UDP_PAYLOAD_MAX   4096u /* never more, whatever client and configuration say */
#define QUERY_MAX         4096u /* octets kept of a query; of a longer one only its beginning is seen */

enum query_action {
	QUERY_DROP,     /* no reply: shorter than a header, or itself a reply */
	QUERY_ERROR,    /* reply with query->rcode and no records */
	QUERY_ANSWER,   /* class IN, a type that data can have: ask dns/answer.h */
	QUERY_CHAOS,    /* class CH: ask dns/chaos.h */
	QUERY_COOKIE,   /* no question but a cookie, which is what goes back (RFC 7873, 5.4) */
	QUERY_TRUNCATE, /* only in dns/respond.c: "ask again over TCP" */
};

/* What of a query is heeded; the rest is ignored as if it were unknown. */
struct query_rules {
	uint16_t payload; /* octets of the largest UDP reply: UDP_PAYLOAD_PLAIN..UDP_PAYLOAD_MAX */
	bool subnet, cookies;
};

/* The client-subnet option as it came (RFC 7871, 6); echoed as it is but for the scope. */
struct query_subnet {
	/* 1 IPv4, 2 IPv6; 0 with source 0 only: "use no address", as dig +subnet=0 sends */
	uint16_t family;
	uint8_t source; /* prefix length */
	uint8_t octets; /* of address: exactly what `source` needs */
	uint8_t address[16];
};

/* Where the TSIG record of a signed query stands; we have no keys, so it only serves the refusal
 * (RFC 8945, 5.2.1). */
struct query_tsig {
	const uint8_t *key, *algorithm; /* uncompressed names in the packet */
	const uint8_t *signed_time;     /* 48 bits of time, 16 of fudge */
};

struct query {
	const uint8_t *packet, *end; /* borrowed from the caller */
	const struct query_rules *rules;
	uint16_t id, flags; /* as received */
	uint16_t type, class;
	/* octets from offset 12 to repeat in the reply; 0: there is no sound question */
	uint16_t question_size;
	uint16_t payload; /* octets of the largest UDP reply, at most what the rules allow */
	uint16_t rcode;   /* enum rcode, for QUERY_ERROR */
	bool edns;        /* an OPT was there: one goes back */
	bool dnssec_ok;   /* its DO bit */
	bool has_subnet, has_tsig;
	/* edns-tcp-keepalive (RFC 7828), good when `edns`: asked for; with a timeout, which is not
	 * the client's to send. Both mean nothing over UDP. The timeout to tell is the
	 * connection's, in units of 100 ms. */
	bool keepalive, keepalive_wrong;
	uint16_t keepalive_ds;
	/* Likewise good when `edns`: the name server identifier was asked for (RFC 5001), and the
	 * first cookie (RFC 7873), in the packet; its size is sound, 0 = there is none. */
	bool nsid;
	uint8_t cookie_size;
	const uint8_t *cookie;
	bool transfer; /* AXFR or IXFR: refused, and worth a line in the log */
	struct query_subnet subnet;
	struct query_tsig tsig;
	struct dname name; /* the question's; good when question_size > 0 */
};

/* Fill `q` from packet[0..length); borrows that and the rules. Fields that do not apply are zero or
 * false. */
enum query_action query_parse(
	struct query *q, const struct query_rules *rules, const uint8_t *packet, size_t length);

/* The subnet's address, bits past `source` zero; FAMILY_NONE when the client sent none or wants
 * none used. */
struct addr query_subnet_address(const struct query *q);

#endif
