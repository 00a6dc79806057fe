/*
 * What a geo table costs: CPU seconds to build, octets, nanoseconds of a lookup.
 *
 *     geo_load [DATABASE]
 *
 * Seven regions, one a continent. Without a database (any in MaxMind's format) the table is made of 300,000 /24
 * networks at random, which no neighbours share: more ranges than continents make of any real database.
 */
#include "base/rng.h"
#include "conf/conf.h"
#include "geo/geo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NETWORKS 300000u
#define LOOKUPS  20000000u
#define ASKED    65536u /* addresses looked up in turn; power of two */

static const char *const continents[] = {"AF", "AN", "AS", "EU", "NA", "OC", "SA"};

#define REGIONS (sizeof continents / sizeof continents[0])

static double cpu_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct addr address_of(uint32_t n)
{
	return (struct addr){.family = FAMILY_IPV4,
		.bytes = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static void make_regions(struct conf_region *regions, struct conf_rule *rules)
{
	for (size_t i = 0; i < REGIONS; i++) {
		rules[i] = (struct conf_rule){.kind = RULE_CONTINENT};
		memcpy(rules[i].code, continents[i], 2);
		regions[i] = (struct conf_region){
			.name = continents[i], .rules = &rules[i], .rule_count = 1};
	}
}

/* One /24 in each of 300,000 equal parts of the address space, so that no prefix comes twice. */
static struct conf_network *make_networks(struct rng *rng)
{
	struct conf_network *n = calloc(NETWORKS, sizeof *n);
	uint32_t part = (UINT32_MAX >> 8) / NETWORKS;

	for (uint32_t i = 0; n != NULL && i < NETWORKS; i++) {
		n[i].prefix.addr = address_of((i * part + rng_below(rng, part)) << 8);
		n[i].prefix.length = 24;
		n[i].region = (uint16_t)rng_below(rng, REGIONS);
	}
	return n;
}

static char *read_file(const char *path, size_t *length)
{
	FILE *f = fopen(path, "re");
	char *data = NULL;
	long size;

	if (f == NULL)
		return NULL;
	if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) > 0) {
		rewind(f);
		*length = (size_t)size;
		data = malloc(*length);
		if (data != NULL && fread(data, 1, *length, f) != *length) {
			free(data);
			data = NULL;
		}
	}
	(void)fclose(f);
	return data;
}

static void measure_lookups(const struct geo_table *t, struct rng *rng)
{
	static struct addr asked[ASKED];
	uint64_t sum = 0;
	double cpu;

	for (uint32_t i = 0; i < ASKED; i++)
		asked[i] = address_of((uint32_t)rng_next(rng));
	cpu = cpu_seconds();
	for (uint32_t i = 0; i < LOOKUPS; i++)
		sum += geo_lookup(t, &asked[i % ASKED]).scope;
	cpu = cpu_seconds() - cpu;
	(void)printf("lookup            %.1f ns (mean scope /%.1f)\n", cpu / LOOKUPS * 1e9,
		(double)sum / LOOKUPS);
}

int main(int argc, char **argv)
{
	struct conf_region regions[REGIONS];
	struct conf_rule rules[REGIONS];
	struct conf conf = {.regions = regions, .region_count = REGIONS};
	struct geo_database info = {.networks = NETWORKS};
	struct geo_source source = {.path = argc > 1 ? argv[1] : NULL};
	struct geo_table *table;
	char *data = NULL;
	struct rng rng;
	struct err e;
	double cpu;

	rng_seed(&rng, 1);
	make_regions(regions, rules);
	if (argc > 1) {
		source.data = data = read_file(argv[1], &source.length);
		if (data == NULL) {
			perror(argv[1]);
			return 1;
		}
	} else {
		conf.networks = make_networks(&rng);
		conf.network_count = conf.networks != NULL ? NETWORKS : 0;
	}
	cpu = cpu_seconds();
	if (geo_build(&conf, &source, argc > 1, &table, argc > 1 ? &info : NULL, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	cpu = cpu_seconds() - cpu;
	(void)printf("networks          %u\ncpu               %.3f s\n", info.networks, cpu);
	(void)printf("table             %.1f MB\n", (double)geo_memory(table) / 1e6);
	measure_lookups(table, &rng);
	geo_free(table);
	free(conf.networks);
	free(data);
	return 0;
}
