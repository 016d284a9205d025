/* Notifications that arrived before the reply that says who holds the lock. A list, as there are few. */
#include "backend/redis/early_notices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct early_notice {
	struct message message;
	struct early_notice *prev, *next;
	char key[];
};

static bool is_kept(const struct early_notices *notices, const struct message *message)
{
	const struct early_notice *notice;

	DL_FOREACH(notices->first, notice)
		if (notice->message.kind == message->kind && notice->message.token == message->token &&
			strcmp(notice->key, message->key) == 0)
			return true;
	return false;
}

int early_notices_add(struct early_notices *notices, const struct message *message)
{
	struct early_notice *notice;

	if (is_kept(notices, message))
		return 0;
	if (notices->count >= EARLY_MAX)
		return -ENOBUFS;
	notice = malloc(sizeof(*notice) + strlen(message->key) + 1);
	if (!notice)
		return -ENOMEM;
	notice->message = *message;
	stpcpy(notice->key, message->key);
	notice->message.key = notice->key;
	DL_APPEND(notices->first, notice);
	notices->count++;
	return 0;
}

void early_notices_deliver(struct early_notices *notices, const char *key,
                void (*deliver)(void *ctx, const struct message *message), void *ctx)
{
	struct early_notice *notice, *next, *matching = NULL;

	/* `deliver` may add notices, so those of this key are taken out of the list first. */
	DL_FOREACH_SAFE(notices->first, notice, next) {
		if (strcmp(notice->key, key) != 0)
			continue;
		DL_DELETE(notices->first, notice);
		notices->count--;
		DL_APPEND(matching, notice);
	}
	DL_FOREACH_SAFE(matching, notice, next) {
		deliver(ctx, &notice->message);
		free(notice);
	}
}

void early_notices_drop_all(struct early_notices *notices)
{
	struct early_notice *notice, *next;

	DL_FOREACH_SAFE(notices->first, notice, next)
		free(notice);
	notices->first = NULL;
	notices->count = 0;
}
