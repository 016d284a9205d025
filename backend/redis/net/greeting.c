/* The first commands on a connection. */
#include "backend/redis/net/greeting.h"

#include <errno.h>

int greeting_send(redisAsyncContext *context, const struct redis_url *url, bool with_role, redisCallbackFn *on_reply,
                  void *ctx)
{
	int sent = REDIS_OK;

	if (url->password && url->user)
		sent = redisAsyncCommand(context, on_reply, ctx, "AUTH %s %s", url->user, url->password);
	else if (url->password)
		sent = redisAsyncCommand(context, on_reply, ctx, "AUTH %s", url->password);
	if (sent == REDIS_OK && url->db)
		sent = redisAsyncCommand(context, on_reply, ctx, "SELECT %d", url->db);
	if (sent == REDIS_OK && with_role)
		sent = redisAsyncCommand(context, on_reply, ctx, "ROLE");
	if (sent != REDIS_OK)
		return -ENOMEM;
	return (url->password ? 1 : 0) + (url->db ? 1 : 0) + (with_role ? 1 : 0);
}
