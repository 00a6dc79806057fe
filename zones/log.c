#include "zones/log.h"

#include "base/pages.h"

#include <string.h>
#include <sys/mman.h>

#define LOG_START 4096u /* the first octets stay unused, so that ref 0 means none */

/* Huge pages for what is worth it: a small zone's log would pay for the call only. */
static void want_huge_pages(void *data, size_t capacity)
{
	if (capacity >= PAGES_MIN)
		(void)madvise(data, capacity, MADV_HUGEPAGE);
}

static size_t padded(size_t octets)
{
	return (octets + 3) & ~(size_t)3;
}

int log_open(struct log *log, size_t expected)
{
	size_t capacity = LOG_START;
	void *data;

	while (capacity < expected + sizeof(struct log_record) + LOG_RDATA_MAX)
		capacity *= 2;
	data = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return -1;
	want_huge_pages(data, capacity);
	log->data = data;
	log->capacity = capacity;
	log->length = 4;
	return 0;
}

void log_close(struct log *log)
{
	if (log->data != NULL)
		(void)munmap(log->data, log->capacity);
	*log = (struct log){0};
}

static int reserve(struct log *log, size_t more)
{
	size_t capacity = log->capacity;
	void *data;

	if (capacity - log->length >= more)
		return 0;
	if (log->length + more > LOG_SIZE_MAX)
		return -1;
	while (capacity - log->length < more)
		capacity *= 2;
	data = mremap(log->data, log->capacity, capacity, MREMAP_MAYMOVE);
	if (data == MAP_FAILED)
		return -1;
	want_huge_pages(data, capacity);
	log->data = data;
	log->capacity = capacity;
	return 0;
}

uint32_t log_add_owner(struct log *log, const struct dname *name, unsigned label)
{
	size_t length = (size_t)name->length - name->offset[label];
	size_t size = padded(sizeof(struct log_owner) + length);
	uint32_t ref = (uint32_t)(log->length / 4);
	struct log_owner *o;

	if (reserve(log, size) < 0)
		return 0;
	o = log_owner_at(log, ref);
	*o = (struct log_owner){.tag = (uint32_t)name->hash[label],
		.home = (uint32_t)(name->hash[label] >> 32),
		.length = (uint8_t)length,
		.labels = (uint8_t)(name->labels - label)};
	memcpy(o->name, name->wire + name->offset[label], length);
	if (log->last_owner != 0)
		log_owner_at(log, log->last_owner)->next = ref;
	else
		log->first_owner = ref;
	log->last_owner = ref;
	log->length += size;
	log->owners++;
	return ref;
}

int log_owner(struct log *log, const struct dname *name)
{
	if (log->last_owner != 0) {
		const struct log_owner *o = log_owner_at(log, log->last_owner);

		if (o->length == name->length && memcmp(o->name, name->wire, o->length) == 0)
			return 0;
	}
	return log_add_owner(log, name, 0) != 0 ? 0 : -1;
}

struct log_record *log_begin(struct log *log)
{
	if (reserve(log, sizeof(struct log_record) + LOG_RDATA_MAX + 3) < 0)
		return NULL;
	return log_record_at(log, (uint32_t)(log->length / 4));
}

void log_commit(struct log *log, struct log_record *record)
{
	uint32_t ref = (uint32_t)(log->length / 4);
	struct log_owner *o = log_owner_at(log, log->last_owner);

	record->next = 0;
	if (o->tail != 0)
		log_record_at(log, o->tail)->next = ref;
	else
		o->head = ref;
	o->tail = ref;
	log->length += padded(sizeof *record + record->length);
}
