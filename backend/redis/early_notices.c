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

static bool is_kept(const struct early_notices *words, const struct message *message)
{
	const struct early_notice *word;

	DL_FOREACH(words->first, word)
		if (word->message.kind == message->kind && word->message.token == message->token &&
			strcmp(word->key, message->key) == 0)
			return true;
	return false;
}

int early_notices_add(struct early_notices *words, const struct message *message)
{
	struct early_notice *word;

	if (is_kept(words, message))
		return 0;
	if (words->count >= EARLY_MAX)
		return -ENOBUFS;
	word = malloc(sizeof(*word) + strlen(message->key) + 1);
	if (!word)
		return -ENOMEM;
	word->message = *message;
	stpcpy(word->key, message->key);
	word->message.key = word->key;
	DL_APPEND(words->first, word);
	words->count++;
	return 0;
}

void early_notices_deliver(struct early_notices *words, const char *key,
                void (*tell)(void *ctx, const struct message *message), void *ctx)
{
	struct early_notice *word, *next, *about = NULL;

	/* Whoever is told may have more kept. */
	DL_FOREACH_SAFE(words->first, word, next) {
		if (strcmp(word->key, key) != 0)
			continue;
		DL_DELETE(words->first, word);
		words->count--;
		DL_APPEND(about, word);
	}
	DL_FOREACH_SAFE(about, word, next) {
		tell(ctx, &word->message);
		free(word);
	}
}

void early_notices_drop_all(struct early_notices *words)
{
	struct early_notice *word, *next;

	DL_FOREACH_SAFE(words->first, word, next)
		free(word);
	words->first = NULL;
	words->count = 0;
}
