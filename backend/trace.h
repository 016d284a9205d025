/*
 * A backend around another that tells each call, with its answer and the time that it took:
 *
 *   acquire job id=3f9a… ttl=300.000 -> EBUSY (user@web1:4242) 0.312 ms
 *
 * backend_open() puts it around a backend if `on_trace` of the configuration is set; without
 * that there is none, and tracing costs nothing.
 */
#ifndef BACKEND_TRACE_H
#define BACKEND_TRACE_H

struct backend;
struct backend_config;

/* Wraps `inner`, which is closed with it. Returns NULL if there is no memory; then `inner` is still the caller's. */
struct backend *trace_wrap(struct backend *inner, const struct backend_config *config);

#endif
