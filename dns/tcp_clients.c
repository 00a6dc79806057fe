#include "dns/tcp_clients.h"

#include "base/hash.h"
#include "base/rng.h"
#include "base/wire.h"

#include <stdlib.h>

int tcp_clients_init(struct tcp_clients *c, uint32_t connections)
{
	uint64_t slots = 2;
	struct rng rng;

	while (slots < 2 * (uint64_t)connections)
		slots *= 2;
	c->slot = calloc(slots, sizeof c->slot[0]);
	if (c->slot == NULL)
		return -1;
	rng_seed_random(&rng);
	c->mask = (uint32_t)(slots - 1);
	c->seed = rng_next(&rng);
	return 0;
}

void tcp_clients_clear(struct tcp_clients *c)
{
	free(c->slot);
	c->slot = NULL;
}

static uint64_t network_of(const struct addr *client)
{
	uint64_t high = load_u32(client->bytes);

	return client->family == FAMILY_IPV4 ? high : high << 32 | load_u32(client->bytes + 4);
}

static uint32_t home_of(const struct tcp_clients *c, uint64_t network, uint8_t family)
{
	return (uint32_t)hash_mix(c->seed ^ family, network) & c->mask;
}

/* The client's slot, or the free one where it belongs. */
static uint32_t find(const struct tcp_clients *c, const struct addr *client)
{
	uint64_t network = network_of(client);
	uint32_t i = home_of(c, network, client->family);

	while (c->slot[i].connections > 0 &&
		(c->slot[i].network != network || c->slot[i].family != client->family))
		i = (i + 1) & c->mask;
	return i;
}

uint32_t tcp_clients_count(const struct tcp_clients *c, const struct addr *client)
{
	return c->slot[find(c, client)].connections;
}

void tcp_clients_add(struct tcp_clients *c, const struct addr *client)
{
	struct tcp_client *slot = &c->slot[find(c, client)];

	slot->network = network_of(client);
	slot->family = client->family;
	slot->connections++;
}

/* Empty slot `hole`: what stands behind it and was pushed past it moves up, so that no search ends
 * too early. */
static void close_gap(struct tcp_clients *c, uint32_t hole)
{
	for (uint32_t i = (hole + 1) & c->mask; c->slot[i].connections > 0; i = (i + 1) & c->mask) {
		uint32_t home = home_of(c, c->slot[i].network, c->slot[i].family);

		if (((i - home) & c->mask) < ((i - hole) & c->mask))
			continue; /* its home lies behind the hole */
		c->slot[hole] = c->slot[i];
		hole = i;
	}
	c->slot[hole] = (struct tcp_client){0};
}

void tcp_clients_remove(struct tcp_clients *c, const struct addr *client)
{
	uint32_t i = find(c, client);

	if (c->slot[i].connections > 1)
		c->slot[i].connections--;
	else
		close_gap(c, i);
}
