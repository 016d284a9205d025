/* Packs an acquisition for acquire.lua, or for take_over.lua if it has a source. */
#include "backend/redis/calls/acquire_call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/redis/calls/packed_table.h"
#include "backend/redis/calls/script_calls.h"
#include "backend/redis/reply/reply_lock.h"

static void add_token(struct packed_table *table, const char *name, uint64_t token)
{
	char text[CALL_NUMBER_MAX];

	snprintf(text, sizeof(text), "%" PRIu64, token);
	packed_table_add_text(table, name, text);
}

void acquire_call_add_claim(struct packed_table *table, const struct lock_claim *claim)
{
	packed_table_add_text(table, "id", claim->id);
	packed_table_add_text(table, "identity", claim->identity);
}

void acquire_call_add_person(struct packed_table *table, const struct lock_holder *holder)
{
	packed_table_add_text(table, "user", holder->user);
	packed_table_add_text(table, "host", holder->host);
	packed_table_add_text(table, "place", holder->mount_point_id);
	packed_table_add_text(table, "command", holder->command);
	packed_table_add_number(table, "pid", holder->pid);
	packed_table_add_number(table, "uid", holder->uid);
	packed_table_add_number(table, "gid", holder->gid);
}

void acquire_call_add_traits(struct packed_table *table, enum lock_mode mode, enum lock_form form, mode_t permissions)
{
	if (permissions != LOCK_PERMISSIONS)
		packed_table_add_number(table, "permissions", permissions);
	if (mode == LOCK_SHARED)
		packed_table_add_text(table, "mode", "shared");
	if (form != FORM_FILE)
		packed_table_add_text(table, "form", lock_form_word(form));
}

/* Adds the fields of acquire.lua and take_over.lua, by the names that the script uses. */
static void add_fields(struct packed_table *table, const struct acquisition *acquisition, const char *nonce,
                       const char *order, int64_t grace_ms)
{
	acquire_call_add_claim(table, &acquisition->holder.claim);
	packed_table_add_text(table, "nonce", nonce);
	packed_table_add_number(table, "ttl", acquisition->ttl_ms);
	packed_table_add_number(table, "fallback", acquisition->fallback_ttl_ms);
	acquire_call_add_person(table, &acquisition->holder);
	packed_table_add_text(table, "bound", acquisition->bound ? "1" : "");
	packed_table_add_number(table, "grace", grace_ms);
	acquire_call_add_traits(table, acquisition->mode, acquisition->form, acquisition->permissions);
	if (acquisition->content_size)
		packed_table_add_bytes(table, "content", acquisition->content, acquisition->content_size);
	if (acquisition->replaces)
		add_token(table, "replaces", acquisition->replaces);
	if (acquisition->source)
		packed_table_add_text(table, "source", acquisition->source);
	if (acquisition->source && !acquisition->source_match.any)
		add_token(table, "source_token", acquisition->source_match.token);
	if (acquisition->moves)
		packed_table_add_text(table, "moves", "1");
	if (acquisition->waits)
		packed_table_add_text(table, "waits", "1");
	if (acquisition->exclusive_even_for_me)
		packed_table_add_text(table, "exclusive_even_for_me", "1");
	if (strcmp(order, "0") != 0)
		packed_table_add_text(table, "order", order);
}

struct script_call *acquire_call(struct script_calls *calls, const struct acquisition *acquisition, const char *nonce,
                          const char *order)
{
	struct packed_table table = { 0 };
	struct script_call *call = NULL;

	add_fields(&table, acquisition, nonce, order, script_calls_grace_ms(calls));
	if (!table.failed)
		call = script_call_new(calls, acquisition->source ? SCRIPT_TAKE_OVER : SCRIPT_ACQUIRE, acquisition->key);
	if (!call) {
		packed_table_free(&table);
		return NULL;
	}
	/* A conversion keeps the holder of the replaced holding, and a moved one has its own, so the reply describes it. */
	call->holder = acquisition->replaces || acquisition->source ? NULL : &acquisition->holder;
	call->source = acquisition->moves ? acquisition->source : NULL;
	call->replaces = acquisition->replaces;
	call->bound = acquisition->bound;
	stpcpy(call->nonce, nonce);
	script_call_add_table(call, &table);
	return call;
}

int acquire_reply(const struct script_call *call, int status, const redisReply *reply, int64_t age_ms, struct lock *ret)
{
	int err = reply_lock(reply, call->key, age_ms, ret);

	/* The reply of acquire.lua leaves out what the call contained. */
	if (err != -EPROTO && status == 0 && call->holder)
		ret->holder = *call->holder;
	return err;
}
