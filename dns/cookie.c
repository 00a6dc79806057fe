#include "dns/cookie.h"

#include "base/hash.h"
#include "base/wire.h"

#include <endian.h>
#include <string.h>

#define VERSION_AT 8u /* offsets in the option */
#define TIME_AT    12u
#define HASH_AT    16u
#define HASH_SIZE  8u
#define VERSION    1u
#define HASHED_MAX (HASH_AT + 16u) /* with an IPv6 address */

/* SipHash gives a number; its octets stand in a cookie in little-endian order. */
static void store_hash(uint8_t out[HASH_SIZE], uint64_t hash)
{
	hash = htole64(hash);
	memcpy(out, &hash, sizeof hash);
}

static uint64_t load_hash(const uint8_t in[HASH_SIZE])
{
	uint64_t hash;

	memcpy(&hash, in, sizeof hash);
	return le64toh(hash);
}

/* The hash of the first HASH_AT octets of a cookie and the address. */
static uint64_t hash_of(
	const struct conf_secret *secret, const uint8_t *cookie, const struct addr *client)
{
	uint8_t hashed[HASHED_MAX];

	memcpy(hashed, cookie, HASH_AT);
	memcpy(hashed + HASH_AT, client->bytes, 16); /* of an IPv4 address 4 count */
	return hash_siphash(
		secret->octets, hashed, client->family == FAMILY_IPV4 ? HASH_AT + 4 : HASH_AT + 16);
}

/* Which secret made it; -1: none of ours. Numbers are compared, in one step whatever is right. */
static int find_maker(
	const struct cookie_keys *keys, const uint8_t *cookie, const struct addr *client)
{
	uint64_t hash = load_hash(cookie + HASH_AT);

	for (size_t i = 0; i < keys->secrets.count; i++) {
		if (hash_of(&keys->secrets.secret[i], cookie, client) == hash)
			return (int)i;
	}
	return -1;
}

enum cookie_state cookie_judge(const struct cookie_keys *keys, const uint8_t *cookie, size_t size,
	const struct addr *client, uint32_t now_s)
{
	uint32_t age_s; /* in serial number arithmetic: a cookie from the future has a huge one */
	int maker;

	if (size == 0)
		return COOKIE_NONE;
	if (size == COOKIE_CLIENT_SIZE)
		return COOKIE_NEW;
	if (size != COOKIE_SIZE || cookie[VERSION_AT] != VERSION)
		return COOKIE_WRONG;
	age_s = now_s - load_u32(cookie + TIME_AT);
	if (age_s > COOKIE_LIFE_S && age_s + COOKIE_FUTURE_S >= COOKIE_FUTURE_S)
		return COOKIE_WRONG;
	maker = find_maker(keys, cookie, client);
	if (maker < 0)
		return COOKIE_WRONG;
	return maker > 0 || age_s > COOKIE_RENEW_S ? COOKIE_OLD : COOKIE_GOOD;
}

void cookie_make(const struct cookie_keys *keys, const uint8_t client_part[COOKIE_CLIENT_SIZE],
	const struct addr *client, uint32_t now_s, uint8_t out[COOKIE_SIZE])
{
	memcpy(out, client_part, COOKIE_CLIENT_SIZE);
	store_u32(out + VERSION_AT, VERSION << 24); /* reserved octets are 0 */
	store_u32(out + TIME_AT, now_s);
	store_hash(out + HASH_AT, hash_of(&keys->secrets.secret[0], out, client));
}

/* Half a secret at a time, from what no other use of the seed hashes. */
static void derive(const struct conf_secret *seed, uint32_t day, struct conf_secret *out)
{
	uint8_t input[] = {'d', 'a', 'y', ' ', 0, 0, 0, 0, 0};

	store_u32(input + 4, day);
	for (size_t half = 0; half < 2; half++) {
		input[8] = (uint8_t)half;
		store_hash(out->octets + half * HASH_SIZE,
			hash_siphash(seed->octets, input, sizeof input));
	}
}

void cookie_keys_of_day(const struct conf_secret *seed, uint32_t now_s, struct cookie_keys *out)
{
	out->day = now_s / COOKIE_DAY_S;
	out->secrets.count = 2;
	derive(seed, out->day, &out->secrets.secret[0]);
	derive(seed, out->day - 1, &out->secrets.secret[1]);
}
