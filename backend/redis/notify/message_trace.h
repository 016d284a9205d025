/*
 * Lines of the trace (`lockfs -d`) about what the server publishes:
 *
 *   redis ! GRANT job nonce=8c01…
 *   redis ! RELEASED job token=1795818293412345 (event)
 *
 * Nothing is traced if `on_trace` of the configuration is NULL. `text` is what was published; it
 * begins with the word that is shown, and has been read as the second argument.
 */
#ifndef BACKEND_REDIS_NOTIFY_MESSAGE_TRACE_H
#define BACKEND_REDIS_NOTIFY_MESSAGE_TRACE_H

struct backend_config;
struct lock_event;
struct message;
struct mount_here;

/* A message to this mount. */
void message_trace(const struct backend_config *config, const char *text, const struct message *message);

/* An event of any mount. */
void message_trace_event(const struct backend_config *config, const char *text, const struct lock_event *event);

/* An answer to a roll call. */
void message_trace_here(const struct backend_config *config, const char *text, const struct mount_here *here);

#endif
