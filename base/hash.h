/* Hashing: a fast mix for tables of our own data, SipHash-2-4 where an outsider picks the input. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* One round of a 64-bit multiply-and-fold: good enough to index tables, not against an adversary.
 */
static inline uint64_t hash_mix(uint64_t h, uint64_t value)
{
	__extension__ typedef unsigned __int128 u128;
	u128 product = (u128)(h ^ value ^ 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Octets of our own data (names, keys) under `seed`. */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t length);

/* SipHash-2-4, 64-bit result (Aumasson and Bernstein 2012), for DNS cookies (RFC 9018, 4.4) and for
 * tables an outsider can fill. */
uint64_t hash_siphash(const uint8_t key[16], const void *data, size_t length);

#endif
