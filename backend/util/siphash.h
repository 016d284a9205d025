/*
 * SipHash-2-4 by Aumasson and Bernstein: a keyed hash of short texts, for which nobody who does not know the key can choose texts
 * that collide. Results are equal on all machines, so that they may be stored and compared between hosts.
 */
#ifndef BACKEND_UTIL_SIPHASH_H
#define BACKEND_UTIL_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t low, high;
};

/* The 128-bit result, the first 8 bytes in `low`, little-endian as in the reference implementation. */
struct siphash_128 {
	uint64_t low, high;
};

uint64_t siphash_64(struct siphash_key key, const void *bytes, size_t size);
struct siphash_128 siphash_128(struct siphash_key key, const void *bytes, size_t size);

#endif
