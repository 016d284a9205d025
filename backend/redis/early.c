#include "backend/redis/early.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct early_word {
	struct message message;
	struct early_word *prev, *next;
	char key[];
};

int early_keep(struct early_words *words, const struct message *message)
{
	struct early_word *word = malloc(sizeof(*word) + strlen(message->key) + 1);

	if (!word)
		return -ENOMEM;
	word->message = *message;
	stpcpy(word->key, message->key);
	word->message.key = word->key;
	DL_APPEND(words->first, word);
	return 0;
}

void early_tell(struct early_words *words, const char *key,
                void (*tell)(void *ctx, const struct message *message), void *ctx)
{
	struct early_word *word, *next, *about = NULL;

	/* Whoever is told may have more kept. */
	DL_FOREACH_SAFE(words->first, word, next) {
		if (strcmp(word->key, key) != 0)
			continue;
		DL_DELETE(words->first, word);
		DL_APPEND(about, word);
	}
	DL_FOREACH_SAFE(about, word, next) {
		tell(ctx, &word->message);
		free(word);
	}
}

void early_drop_all(struct early_words *words)
{
	struct early_word *word, *next;

	DL_FOREACH_SAFE(words->first, word, next)
		free(word);
	words->first = NULL;
}
