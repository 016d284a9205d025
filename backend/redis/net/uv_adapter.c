/*
 * Connects hiredis to libuv. Commands are collected during a turn of the loop and written by one
 * system call after its callbacks. The socket is watched for writability only if it did not take
 * everything, because starting and stopping that costs two system calls.
 */
#include "backend/redis/net/uv_adapter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct adapter {
	redisAsyncContext *context; /* NULL once hiredis has freed it */
	uv_poll_t poll;
	uv_idle_t next_turn; /* active while there are commands to write */
	bool writing;        /* on_next_turn() is writing */
	int events;          /* what `poll` watches: UV_READABLE, UV_WRITABLE or both */
	int handles;         /* libuv handles that are not closed yet */
};

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct adapter *adapter = poll->data;

	/* After an error libuv stops watching. hiredis meets the error when it reads or writes, and ends the context. */
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

static void on_next_turn(uv_idle_t *idle)
{
	struct adapter *adapter = idle->data;

	uv_idle_stop(idle);
	adapter->writing = true;
	redisAsyncHandleWrite(adapter->context);
	adapter->writing = false;
}

static void add_write(void *data)
{
	struct adapter *adapter = data;

	/* A socket becomes writable when it is connected. */
	if (adapter->writing || !(adapter->context->c.flags & REDIS_CONNECTED))
		watch(adapter, adapter->events | UV_WRITABLE);
	else if (!(adapter->events & UV_WRITABLE))
		uv_idle_start(&adapter->next_turn, on_next_turn);
}

static void del_write(void *data)
{
	watch(data, ((struct adapter *)data)->events & ~UV_WRITABLE);
}

static void on_closed(uv_handle_t *handle)
{
	struct adapter *adapter = handle->data;

	if (--adapter->handles == 0)
		free(adapter);
}

static void cleanup(void *data)
{
	struct adapter *adapter = data;

	adapter->context = NULL;
	uv_close((uv_handle_t *)&adapter->poll, on_closed);
	uv_close((uv_handle_t *)&adapter->next_turn, on_closed);
}

int uv_adapter_attach(redisAsyncContext *context, uv_loop_t *loop)
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
	uv_idle_init(loop, &adapter->next_turn);
	adapter->poll.data = adapter;
	adapter->next_turn.data = adapter;
	adapter->handles = 2;
	adapter->context = context;
	context->ev.data = adapter;
	context->ev.addRead = add_read;
	context->ev.delRead = del_read;
	context->ev.addWrite = add_write;
	context->ev.delWrite = del_write;
	context->ev.cleanup = cleanup;
	return 0;
}
