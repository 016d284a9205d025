/*
 * hiredis on libuv. The adapter that hiredis 0.14 ships takes no notice of a
 * refused connection (libuv tells it as an error), so this is our own.
 */
#ifndef BACKEND_REDIS_NET_UV_ADAPTER_H
#define BACKEND_REDIS_NET_UV_ADAPTER_H

#include <hiredis/async.h>
#include <uv.h>

/* Returns 0 or a negative errno. It goes with the context. */
int uv_adapter_attach(redisAsyncContext *context, uv_loop_t *loop);

#endif
