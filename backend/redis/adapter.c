#include "backend/redis/adapter.h"

#include <errno.h>
#include <stdlib.h>

struct adapter {
	redisAsyncContext *context; /* NULL once it is gone */
	uv_poll_t poll;
	int events;
};

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct adapter *adapter = poll->data;

	/* libuv has stopped watching after an error; hiredis finds it out by itself, and ends the context. */
	if (status < 0) {
		events = adapter->events;
		adapter->events = 0;
	}
	if (adapter->context && (events & UV_READABLE))
		redisAsyncHandleRead(adapter->context);
	if (adapter->context && (events & UV_WRITABLE))
		redisAsyncHandleWrite(adapter->context);
}

static void watch(struct adapter *adapter, int events)
{
	if (events == adapter->events)
		return;
	adapter->events = events;
	if (events)
		uv_poll_start(&adapter->poll, events, on_ready);
	else
		uv_poll_stop(&adapter->poll);
}

static void add_read(void *data)
{
	watch(data, ((struct adapter *)data)->events | UV_READABLE);
}

static void del_read(void *data)
{
	watch(data, ((struct adapter *)data)->events & ~UV_READABLE);
}

static void add_write(void *data)
{
	watch(data, ((struct adapter *)data)->events | UV_WRITABLE);
}

static void del_write(void *data)
{
	watch(data, ((struct adapter *)data)->events & ~UV_WRITABLE);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void cleanup(void *data)
{
	struct adapter *adapter = data;

	adapter->context = NULL;
	uv_close((uv_handle_t *)&adapter->poll, on_closed);
}

int adapter_attach(redisAsyncContext *context, uv_loop_t *loop)
{
	struct adapter *adapter = calloc(1, sizeof(*adapter));
	int err;

	if (!adapter)
		return -ENOMEM;
	err = uv_poll_init(loop, &adapter->poll, context->c.fd);
	if (err < 0) {
		free(adapter);
		return err;
	}
	adapter->poll.data = adapter;
	adapter->context = context;
	context->ev.data = adapter;
	context->ev.addRead = add_read;
	context->ev.delRead = del_read;
	context->ev.addWrite = add_write;
	context->ev.delWrite = del_write;
	context->ev.cleanup = cleanup;
	return 0;
}
