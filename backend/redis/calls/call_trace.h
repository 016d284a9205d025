/*
 * Lines of the trace (`lockfs -d`) about scripts that are sent to the server, and about their replies:
 *
 *   redis > acquire job id=3f9a… ttl=300.000
 *   redis < acquire job EBUSY (0.312 ms)
 *
 * Nothing is traced if `on_trace` of the configuration is NULL.
 */
#ifndef BACKEND_REDIS_CALLS_CALL_TRACE_H
#define BACKEND_REDIS_CALLS_CALL_TRACE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

struct backend_config;
struct script_call;

/* A script was sent; with `with_text`, because the server does not know it by its name. */
void call_trace_sent(const struct backend_config *config, const struct script_call *call, bool with_text);

/* A reply came after `took_ns`; NULL: the connection ended instead. */
void call_trace_reply(const struct backend_config *config, const struct script_call *call, const redisReply *reply,
                      int64_t took_ns);

#endif
