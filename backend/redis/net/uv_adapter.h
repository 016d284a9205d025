/*
 * An adapter of hiredis for libuv. The one that hiredis 0.14 ships ignores a refused connection,
 * which libuv reports as an error, so lockfs has its own.
 */
#ifndef BACKEND_REDIS_NET_UV_ADAPTER_H
#define BACKEND_REDIS_NET_UV_ADAPTER_H

#include <hiredis/async.h>
#include <uv.h>

/* Attaches a new context to the loop. Returns 0 or a negative errno. hiredis frees the adapter with the context. */
int uv_adapter_attach(redisAsyncContext *context, uv_loop_t *loop);

#endif
