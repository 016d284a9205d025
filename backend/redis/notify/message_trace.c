/* Lines of the trace (`lockfs -d`) about what the server publishes. */
#include "backend/redis/notify/message_trace.h"

#include <inttypes.h>
#include <string.h>

#include "backend/redis/reply/message.h"
#include "backend/util/trace_line.h"
#include "lockfs/backend.h"

static struct trace_line begin_message(const char *text, const char *key)
{
	struct trace_line line = { .length = 0 };

	trace_add(&line, "redis ! %.*s", (int)strcspn(text, " "), text);
	trace_add_key(&line, key);
	return line;
}

void message_trace(const struct backend_config *config, const char *text, const struct message *message)
{
	struct trace_line line;

	if (!config->on_trace)
		return;
	line = begin_message(text, message->key);
	if (message->kind == MESSAGE_GRANT)
		trace_add_secret(&line, "nonce", message->nonce);
	else
		trace_add(&line, " token=%" PRIu64, message->token);
	config->on_trace(config->ctx, line.text);
}

void message_trace_event(const struct backend_config *config, const char *text, const struct lock_event *event)
{
	struct trace_line line;

	if (!config->on_trace)
		return;
	line = begin_message(text, event->key);
	trace_add(&line, " token=%" PRIu64 " (event)", event->token);
	config->on_trace(config->ctx, line.text);
}

void message_trace_here(const struct backend_config *config, const char *text, const struct mount_here *here)
{
	struct trace_line line;

	if (!config->on_trace)
		return;
	line = begin_message(text, here->host);
	trace_add_key(&line, here->place);
	config->on_trace(config->ctx, line.text);
}
