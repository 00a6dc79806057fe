/*
 * What loading zones costs: CPU seconds, octets a record when loaded, peak while loading.
 *
 *   zone_load one N      N names with one A each
 *   zone_load mix N      about N records: A, AAAA, MX, TXT, NS with glue, CNAME
 *   zone_load small N    N zones of six records
 *
 * Writes its zone text to files in a folder of its own under $TMPDIR, which it removes again.
 */
#include "base/err.h"
#include "base/rng.h"
#include "zones/zone.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "zone"

static double cpu_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A field of /proc/self/status in octets: VmRSS (now), VmHWM (peak). */
static double status_octets(const char *field)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	double kib = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			kib = strtod(line + strlen(field) + 1, NULL);
	if (f != NULL)
		(void)fclose(f);
	return kib * 1024;
}

/* Start the peak anew (Linux 4.0). */
static void reset_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "we");

	if (f != NULL) {
		(void)fputs("5", f);
		(void)fclose(f);
	}
}

static void write_head(FILE *f)
{
	(void)fputs("$TTL 3600\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n"
		    "  NS ns1\n  NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n",
		f);
}

static void write_one(FILE *f, unsigned long n)
{
	write_head(f);
	for (unsigned long i = 0; i < n; i++)
		(void)fprintf(
			f, "h%lu A 10.%lu.%lu.%lu\n", i, i >> 16 & 255, i >> 8 & 255, i & 255);
}

/* Ten records for seven names. */
static void write_mix(FILE *f, unsigned long n)
{
	write_head(f);
	for (unsigned long i = 0; i < n / 10; i++)
		(void)fprintf(f,
			"h%lu 300 IN A 10.%lu.%lu.%lu\n"
			"h%lu 300 IN AAAA 2001:db8:%lx::%lx\n"
			"h%lu 300 IN MX 10 mail%lu\n"
			"mail%lu 300 IN A 10.1.2.3\n"
			"h%lu 300 IN TXT \"v=spf1 ip4:10.%lu.%lu.%lu -all\"\n"
			"www.h%lu 300 IN CNAME h%lu\n"
			"d%lu 300 IN NS ns1.d%lu\n"
			"d%lu 300 IN NS ns2.example.net.\n"
			"ns1.d%lu 300 IN A 10.2.3.4\n"
			"_sip._tcp.h%lu 300 IN SRV 0 5 5060 h%lu\n",
			i, i >> 16 & 255, i >> 8 & 255, i & 255, i, i >> 16, i & 0xffff, i, i, i, i,
			i >> 16 & 255, i >> 8 & 255, i & 255, i, i, i, i, i, i, i, i);
}

static void print_report(const struct report *r)
{
	char line[1024];

	for (size_t i = 0; i < r->count && i < 5; i++) {
		err_format(&r->items[i], line, sizeof line);
		(void)fprintf(stderr, "%s\n", line);
	}
}

static int load(int dirfd, const char *file, const char *origin, struct zone **z)
{
	const struct zone_pools pools = {.any = true};
	struct report report = {0};
	int rc = zone_load(dirfd, file, file, origin, &pools, z, &report);

	print_report(&report);
	report_free(&report);
	return rc;
}

/* Lookups of random names, half of them there. */
static void measure_lookup(const struct zone *z, unsigned long names)
{
	struct rng rng;
	struct dname name;
	struct find found;
	unsigned long hits = 0, rounds = 2000000;
	double cpu;

	rng_seed(&rng, 1);
	cpu = cpu_seconds();
	for (unsigned long i = 0; i < rounds; i++) {
		uint8_t wire[] = "\x08h0000000\x07"
				 "example\x03"
				 "com";
		unsigned long n = rng_below(&rng, (uint32_t)(names * 2));
		int digits = 1;

		for (unsigned long k = n; k >= 10; k /= 10)
			digits++;
		for (int at = 1 + digits; at > 1; at--, n /= 10)
			wire[at] = (uint8_t)('0' + n % 10);
		wire[0] = (uint8_t)(digits + 1);
		memmove(wire + digits + 2, wire + 9, 13);
		(void)dname_from_wire(&name, wire, sizeof wire);
		zone_find(z, &name, &found);
		hits += found.kind == FIND_NODE;
	}
	cpu = cpu_seconds() - cpu;
	(void)printf("lookup            %.0f ns (%lu of %lu names exist)\n",
		cpu / (double)rounds * 1e9, hits, rounds);
}

static int measure_one(int dirfd, void (*write)(FILE *f, unsigned long n), unsigned long n)
{
	int fd = openat(dirfd, FILE_NAME, O_CREAT | O_WRONLY | O_TRUNC, 0600), rc;
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	struct zone *z;
	double before, cpu, records;

	if (f == NULL)
		return -1;
	write(f, n);
	(void)fclose(f);
	reset_peak();
	before = status_octets("VmRSS");
	cpu = cpu_seconds();
	rc = load(dirfd, FILE_NAME, "example.com.", &z);
	cpu = cpu_seconds() - cpu;
	(void)unlinkat(dirfd, FILE_NAME, 0);
	if (rc < 0)
		return -1;
	records = (double)zone_record_count(z);
	(void)printf("records           %.0f\ncpu               %.3f s\n", records, cpu);
	(void)printf("zone and index    %.1f B a record\n", (double)zone_memory(z) / records);
	(void)printf(
		"resident          %.1f B a record\n", (status_octets("VmRSS") - before) / records);
	(void)printf(
		"peak              %.1f B a record\n", (status_octets("VmHWM") - before) / records);
	if (write == write_one)
		measure_lookup(z, n);
	zone_free(z);
	return 0;
}

static int write_small(int dirfd, unsigned long i)
{
	char name[64];
	int fd;
	FILE *f;

	(void)snprintf(name, sizeof name, "z%lu.example.zone", i);
	fd = openat(dirfd, name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f == NULL)
		return -1;
	write_head(f);
	(void)fputs("@ MX 10 mail\nmail A 192.0.2.3\nwww A 192.0.2.4\n", f);
	return fclose(f);
}

static int measure_small(int dirfd, unsigned long n)
{
	struct zone **zones = calloc(n, sizeof *zones);
	struct zoneset *set = NULL;
	double before, cpu, own = 0;
	unsigned long loaded = 0;
	char name[64], origin[64];
	struct err e;
	int rc = -1;

	for (unsigned long i = 0; i < n; i++)
		if (zones == NULL || write_small(dirfd, i) < 0)
			goto out;
	before = status_octets("VmRSS");
	cpu = cpu_seconds();
	for (; loaded < n; loaded++) {
		(void)snprintf(name, sizeof name, "z%lu.example.zone", loaded);
		(void)snprintf(origin, sizeof origin, "z%lu.example.", loaded);
		if (load(dirfd, name, origin, &zones[loaded]) < 0)
			goto out;
		own += (double)zone_memory(zones[loaded]);
	}
	if (zoneset_build(zones, n, &set, &e) < 0)
		goto out;
	cpu = cpu_seconds() - cpu;
	(void)printf("zones             %lu of 8 records\ncpu               %.3f s\n", n, cpu);
	(void)printf("zone and index    %.0f B a zone\n", own / (double)n);
	(void)printf(
		"resident          %.0f B a zone\n", (status_octets("VmRSS") - before) / (double)n);
	rc = 0;
out:
	for (unsigned long i = 0; i < loaded; i++)
		zone_free(zones[i]);
	zoneset_free(set);
	free(zones);
	for (unsigned long i = 0; i < n; i++) {
		(void)snprintf(name, sizeof name, "z%lu.example.zone", i);
		(void)unlinkat(dirfd, name, 0);
	}
	return rc;
}

int main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	unsigned long n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	char folder[256];
	int dirfd, rc = -1;

	(void)snprintf(folder, sizeof folder, "%s/zone_load.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (n == 0 || mkdtemp(folder) == NULL) {
		(void)fprintf(stderr, "usage: zone_load one|mix|small N\n");
		return 2;
	}
	dirfd = open(folder, O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0 && strcmp(argv[1], "one") == 0)
		rc = measure_one(dirfd, write_one, n);
	else if (dirfd >= 0 && strcmp(argv[1], "mix") == 0)
		rc = measure_one(dirfd, write_mix, n);
	else if (dirfd >= 0 && strcmp(argv[1], "small") == 0)
		rc = measure_small(dirfd, n);
	(void)rmdir(folder);
	return rc < 0;
}
