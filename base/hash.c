#include "base/hash.h"

#include <endian.h>
#include <string.h>

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof value); /* as a loop over octets it stays one: 56 instructions */
	return le64toh(value);
}

/* The same of 0 to 7 octets, those that are missing 0. */
static uint64_t load_rest(const uint8_t *p, size_t length)
{
	uint64_t value = 0;
	uint32_t low;
	size_t i = 0;

	if (length >= 4) {
		memcpy(&low, p, sizeof low);
		value = le32toh(low);
		i = 4;
	}
	for (; i < length; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t length)
{
	const uint8_t *p = data;
	uint64_t h = hash_mix(seed, length);

	for (; length >= 8; p += 8, length -= 8)
		h = hash_mix(h, load64(p));
	return length > 0 ? hash_mix(h, load_rest(p, length)) : h;
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

/* By value: as an array in memory every round would load and store it, twice the cost of the whole. */
struct sip {
	uint64_t a, b, c, d;
};

static inline struct sip sip_round(struct sip v)
{
	v.a += v.b;
	v.b = ROTL(v.b, 13) ^ v.a;
	v.a = ROTL(v.a, 32);
	v.c += v.d;
	v.d = ROTL(v.d, 16) ^ v.c;
	v.a += v.d;
	v.d = ROTL(v.d, 21) ^ v.a;
	v.c += v.b;
	v.b = ROTL(v.b, 17) ^ v.c;
	v.c = ROTL(v.c, 32);
	return v;
}

static inline struct sip sip_absorb(struct sip v, uint64_t m)
{
	v.d ^= m;
	v = sip_round(sip_round(v));
	v.a ^= m;
	return v;
}

uint64_t hash_siphash(const uint8_t key[16], const void *data, size_t length)
{
	uint64_t k0 = load64(key), k1 = load64(key + 8), last = (uint64_t)length << 56;
	struct sip v = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
	const uint8_t *p = data;

	for (; length >= 8; p += 8, length -= 8)
		v = sip_absorb(v, load64(p));
	last |= load_rest(p, length);
	v = sip_absorb(v, last);
	v.c ^= 0xff;
	v = sip_round(sip_round(sip_round(sip_round(v))));
	return v.a ^ v.b ^ v.c ^ v.d;
}
