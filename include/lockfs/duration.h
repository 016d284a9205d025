/*
 * Durations and leases as people write them and as lockfs prints them.
 *
 * Written: `250ms`, `30s`, `5m`, `2h`, `1d`, or a plain number of seconds
 * with an optional fraction (`0.5`). Printed: seconds with milliseconds
 * (`29.412`), which shell arithmetic and sleep(1) take.
 *
 * All values are milliseconds in an int64_t.
 */
#ifndef LOCKFS_DURATION_H
#define LOCKFS_DURATION_H

#include <stddef.h>
#include <stdint.h>

/* A lease that never ends. */
#define LEASE_NEVER INT64_C(-1)

/* No lease was given; the place where the value is used says which lease counts then. */
#define LEASE_UNSET INT64_C(0)

#define LEASE_MIN_MS INT64_C(1)
#define LEASE_MAX_MS (INT64_C(3650) * 24 * 60 * 60 * 1000) /* ten years, as LEASE_MAX of clock.lua */

/* Bytes of the longest text that duration_print() makes, its NUL included. */
#define DURATION_TEXT_MAX 32

/*
 * Reads a duration of 0 ms to LEASE_MAX_MS from the whole of `text`. Digits of a fraction beyond the
 * millisecond are cut off. Returns 0, or -EINVAL with *ret_ms as it was.
 */
int duration_parse(const char *text, int64_t *ret_ms);

/*
 * Reads a lease: `never`, or a duration of at least LEASE_MIN_MS.
 * Returns 0, or -EINVAL with *ret_ms as it was.
 */
int lease_parse(const char *text, int64_t *ret_ms);

/*
 * Reads a lease, as lease_parse() does, from `size` bytes without a NUL, as setxattr(2) gives them.
 * DURATION_TEXT_MAX bytes or more are -EINVAL.
 */
int lease_parse_bytes(const char *bytes, size_t size, int64_t *ret_ms);

/*
 * Prints `ms`: LEASE_NEVER as `never`, other negative numbers as `0.000`. Returns the length of the text,
 * without the NUL.
 */
size_t duration_print(int64_t ms, char text[DURATION_TEXT_MAX]);

#endif
