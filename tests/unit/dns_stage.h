/* A loader on a laboratory of its own (dns_lab.h), stepped by the test instead of its thread. */
#ifndef TESTS_UNIT_DNS_STAGE_H
#define TESTS_UNIT_DNS_STAGE_H

#include "tests/unit/dns_lab.h"

#include "dns/loader.h"

struct stage {
	struct lab lab;
	struct dns_server server;
	struct loader *loader;
};

static inline void start_loader(struct stage *s)
{
	struct err e;

	assert_int_equal(dns_server_init(&s->server, &s->lab.start, &e), 0);
	assert_int_equal(loader_open(&s->loader, &s->server, &e), 0);
	assert_int_equal(loader_start(s->loader, &e), 0);
	loader_take_over(s->loader);
}

static inline void stop_loader(struct stage *s)
{
	loader_close(s->loader);
	dns_server_clear(&s->server);
}

static inline struct stage *stage_new(void)
{
	struct stage *s = aligned_alloc(64, sizeof *s);

	assert_non_null(s);
	lab_open(&s->lab);
	return s;
}

static inline void stage_free(struct stage *s)
{
	lab_close(&s->lab);
	free(s);
}

/* Serial of the zone that serves `name`; 0 when none does, -1 when it is broken. */
static inline long serial_of(struct stage *s, const char *name)
{
	const struct dataset *data = atomic_load(&s->server.data);
	struct dname *n = malloc(sizeof *n);
	const struct zone *z;
	const char *why;
	uint8_t label;
	long serial;

	assert_int_equal(dname_from_text(n, name, NULL, &why), 0);
	z = zoneset_find(data->zones, n, false, &label);
	serial = z != NULL ? (long)zone_serial(z) : 0;
	if (z == NULL && data->broken_count > 0 && dataset_find_broken(data, n, false) >= 0)
		serial = -1;
	free(n);
	return serial;
}

/* Step until `name` is served with this serial; the test's own timeout ends a vain wait. */
static inline void wait_serial(struct stage *s, const char *name, long serial)
{
	while (serial_of(s, name) != serial) {
		loader_step(s->loader, clock_mono_ms());
		(void)usleep(5000);
	}
}

static inline bool copy_exists(struct stage *s, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof path, COPIES_FOLDER "/%s", name);
	return faccessat(s->lab.state, path, F_OK, 0) == 0;
}

#endif
