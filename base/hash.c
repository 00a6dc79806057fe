#include "base/hash.h"

#include <string.h>

static uint64_t load64(const uint8_t *p, size_t length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++) /* little-endian; gcc and clang make one load of 8 */
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t length)
{
	const uint8_t *p = data;
	uint64_t h = hash_mix(seed, length);

	for (; length >= 8; p += 8, length -= 8)
		h = hash_mix(h, load64(p, 8));
	return length > 0 ? hash_mix(h, load64(p, length)) : h;
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[2] = ROTL(v[2], 32);
}

static void sip_absorb(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

uint64_t hash_siphash(const uint8_t key[16], const void *data, size_t length)
{
	uint64_t k0 = load64(key, 8), k1 = load64(key + 8, 8);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
	uint64_t last = (uint64_t)length << 56;
	const uint8_t *p = data;

	for (; length >= 8; p += 8, length -= 8)
		sip_absorb(v, load64(p, 8));
	sip_absorb(v, last | load64(p, length));
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
