/*
 * Fuzz target: INFO of a server. Words are short and printable, numbers are in their bounds, and no more replicas are in
 * sync than there are.
 */
#include <ctype.h>

#include "backend/redis/reply/server_info.h"
#include "tests/fuzz/fuzz.h"

static void check_word(const char word[SERVER_WORD_MAX])
{
	require(memchr(word, '\0', SERVER_WORD_MAX) != NULL, "a word ends");
	for (; *word; word++)
		require(isalnum((unsigned char)*word) || strchr("._-+", *word), "a word can be shown");
}

static void check_info(const struct server_info *info)
{
	check_word(info->version);
	check_word(info->run_id);
	check_word(info->policy);
	require(same_text(info->product, "Redis") || same_text(info->product, "Valkey"), "it is one of two servers");
	require(info->role <= ROLE_REPLICA, "a role is one of three");
	require(info->replicas >= -1 && info->memory_most >= -1 && info->memory_used >= -1, "a number is not below -1");
	require(info->appends >= -1 && info->appends <= 1, "it appends, or not");
	require(info->replicas_in_sync >= -1 && info->replicas_in_sync <= info->replicas, "a replica in sync is a replica");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	struct server_info info;

	server_info_parse(text, size, &info);
	check_info(&info);
	free(text);
	return 0;
}
