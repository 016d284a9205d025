/* The first commands on a connection: AUTH says who we are, SELECT which database we use, ROLE asks what the server is. */
#ifndef BACKEND_REDIS_NET_GREETING_H
#define BACKEND_REDIS_NET_GREETING_H

#include <hiredis/async.h>

#include "backend/redis/net/url.h"

/*
 * Sends the commands that the URL needs, and then ROLE if `with_role` is set; `on_reply` is called with each
 * reply. Returns how many were sent, or -ENOMEM.
 */
int greeting_send(redisAsyncContext *context, const struct redis_url *url, bool with_role, redisCallbackFn *on_reply,
                  void *ctx);

#endif
