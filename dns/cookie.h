/*
 * DNS cookies (RFC 7873) in the form that servers of all makes agree on (RFC 9018).
 *
 *   option 10: | client cookie 8 | version 1 | reserved 3 | time 4 | hash 8 |
 *                                `------------ server cookie -----------'
 *   hash = SipHash-2-4(secret; client cookie, version, reserved, time, client address)
 *
 * A cookie that a client brings back shows that it receives what is sent to its address: replies to
 * it cannot flood somebody else. Nothing is kept of a client. With configured secrets all servers
 * of a zone take each other's cookies. Without any, each day's secret is made from one that the
 * supervisor drew when it started: every thread of every dns process finds the same, also after a
 * crash, and none is used for longer than RFC 7873, 7.1, allows. Pure.
 */
#ifndef DNS_COOKIE_H
#define DNS_COOKIE_H

#include "base/addr.h"
#include "conf/conf.h"

#define COOKIE_CLIENT_SIZE 8u
#define COOKIE_SIZE        24u /* client and server part of version 1 */
#define COOKIE_SERVER_MIN  8u  /* octets of a server cookie of any kind (RFC 7873, 4.2) */
#define COOKIE_SERVER_MAX  32u

#define COOKIE_LIFE_S   3600u /* older ones are void (RFC 9018, 4.3), */
#define COOKIE_RENEW_S  1800u /* and from half of that on a new one goes back */
#define COOKIE_FUTURE_S 300u  /* clocks of a set of servers may differ by so much */

/* The secrets of cookies for some time; the first makes them, all are accepted. */
struct cookie_keys {
	struct conf_secrets secrets;
	uint32_t day; /* days since 1970 for which made ones hold */
};

enum cookie_state {
	COOKIE_NONE,  /* the client sent none */
	COOKIE_NEW,   /* only its own part: the first contact */
	COOKIE_WRONG, /* a server part that is not ours, or too old */
	COOKIE_OLD,   /* ours, but it is time for a new one */
	COOKIE_GOOD,  /* ours, and it may go back as it is */
};

/*
 * Judge an option's `size` octets, which have passed cookie_size_is_sound(): 0 is none. `now_s` is
 * real time in seconds since 1970, as far as 32 bits hold it.
 */
enum cookie_state cookie_judge(const struct cookie_keys *keys, const uint8_t *cookie, size_t size,
	const struct addr *client, uint32_t now_s);

/* A new cookie for the client that sent `client_part`. */
void cookie_make(const struct cookie_keys *keys, const uint8_t client_part[COOKIE_CLIENT_SIZE],
	const struct addr *client, uint32_t now_s, uint8_t out[COOKIE_SIZE]);

/* May the option have that many octets (RFC 7873, 4)? */
static inline bool cookie_size_is_sound(size_t size)
{
	return size == COOKIE_CLIENT_SIZE ||
	       (size >= COOKIE_CLIENT_SIZE + COOKIE_SERVER_MIN &&
		       size <= COOKIE_CLIENT_SIZE + COOKIE_SERVER_MAX);
}

/* The secrets of this moment's day and of the day before, whose cookies still live, out of `seed`.
 * */
void cookie_keys_of_day(const struct conf_secret *seed, uint32_t now_s, struct cookie_keys *out);

#define COOKIE_DAY_S 86400u

#endif
