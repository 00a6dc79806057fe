/*
 * Cursors over wire data with a sticky failure: read or write field after field, test `failed`
 * once.
 *
 * A failed reader returns zeros and never moves past its end; a failed writer drops what does not
 * fit and never writes past its end. All integers are big-endian.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *at, *end;
	bool failed;
};

struct writer {
	uint8_t *at, *end;
	bool failed;
};

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

static inline size_t writer_left(const struct writer *w)
{
	return (size_t)(w->end - w->at);
}

static inline uint16_t load_u16(const uint8_t *p)
{
	return (uint16_t)((uint16_t)p[0] << 8 | p[1]);
}

static inline uint32_t load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void store_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* `n` octets, or NULL (and failed) when fewer are left. */
static inline const uint8_t *get_bytes(struct reader *r, size_t n)
{
	const uint8_t *p = r->at;

	if (r->failed || n > reader_left(r)) {
		r->failed = true;
		return NULL;
	}
	r->at += n;
	return p;
}

static inline uint8_t get_u8(struct reader *r)
{
	const uint8_t *p = get_bytes(r, 1);

	return p != NULL ? p[0] : 0;
}

static inline uint16_t get_u16(struct reader *r)
{
	const uint8_t *p = get_bytes(r, 2);

	return p != NULL ? load_u16(p) : 0;
}

static inline uint32_t get_u32(struct reader *r)
{
	const uint8_t *p = get_bytes(r, 4);

	return p != NULL ? load_u32(p) : 0;
}

/* Room for `n` octets, or NULL (and failed). */
static inline uint8_t *put_space(struct writer *w, size_t n)
{
	uint8_t *p = w->at;

	if (w->failed || n > writer_left(w)) {
		w->failed = true;
		return NULL;
	}
	w->at += n;
	return p;
}

static inline void put_bytes(struct writer *w, const void *data, size_t n)
{
	uint8_t *p = put_space(w, n);

	if (p != NULL && n > 0)
		memcpy(p, data, n);
}

static inline void put_u8(struct writer *w, uint8_t v)
{
	put_bytes(w, &v, 1);
}

static inline void put_u16(struct writer *w, uint16_t v)
{
	uint8_t *p = put_space(w, 2);

	if (p != NULL)
		store_u16(p, v);
}

static inline void put_u32(struct writer *w, uint32_t v)
{
	uint8_t *p = put_space(w, 4);

	if (p != NULL)
		store_u32(p, v);
}

#endif
