/*
 * A seqlock over 32-bit words, for cells on the board that are larger than one atomic word.
 *
 * One writer, any number of readers in other processes. The number is odd while the writer is at
 * work. A writer that was killed leaves it odd for ever: readers give up after SEQLOCK_TRIES and
 * the next writer, finding it odd, goes on from there and ends even (that is the whole repair).
 *
 * There are no fences, which TSan does not know: every word of the payload is stored with release
 * and loaded with acquire, so a reader that saw one new word also sees the odd number stored before
 * it. On x86-64 that costs nothing, and a release or acquire of a word is one instruction
 * elsewhere.
 */
#ifndef BOARD_SEQLOCK_H
#define BOARD_SEQLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A writer needs about 100 ns for the largest cell: a reader that has met it this often has met one
 * that was stopped or killed in mid-write. */
#define SEQLOCK_TRIES 64

/* Start to write: the number is odd afterwards. */
static inline void seqlock_begin(_Atomic uint32_t *sequence)
{
	uint32_t s = atomic_load_explicit(sequence, memory_order_relaxed);

	atomic_store_explicit(sequence, s | 1u, memory_order_relaxed);
}

static inline void seqlock_end(_Atomic uint32_t *sequence)
{
	uint32_t s = atomic_load_explicit(sequence, memory_order_relaxed);

	atomic_store_explicit(sequence, s + 1u, memory_order_release);
}

/* The number to compare with in seqlock_check(); odd when a writer is at work. */
static inline uint32_t seqlock_look(const _Atomic uint32_t *sequence)
{
	return atomic_load_explicit(sequence, memory_order_acquire);
}

static inline bool seqlock_check(const _Atomic uint32_t *sequence, uint32_t seen)
{
	return (seen & 1u) == 0 && atomic_load_explicit(sequence, memory_order_relaxed) == seen;
}

/* Copy between ordinary and shared memory; both aligned to 4, `size` a multiple of 4. */
static inline void seqlock_store(void *shared, const void *from, size_t size)
{
	_Atomic uint32_t *to = shared;
	const uint32_t *word = from;

	for (size_t i = 0; i < size / sizeof *word; i++)
		atomic_store_explicit(&to[i], word[i], memory_order_release);
}

static inline void seqlock_load(void *to, const void *shared, size_t size)
{
	const _Atomic uint32_t *from = shared;
	uint32_t *word = to;

	for (size_t i = 0; i < size / sizeof *word; i++)
		word[i] = atomic_load_explicit(&from[i], memory_order_acquire);
}

#endif
