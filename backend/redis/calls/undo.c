/*
 * Undoes acquisitions whose callers do not know that they hold the lock: the reply was lost, the wait was
 * cancelled, or nobody took the answer. Each undo is retried until the server answers it.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/calls/script_calls_internal.h"

#define UNDO_PAUSE_MS 200 /* before an undo is retried that the server refused, as it accepts no writes for instance */

struct undo {
	struct script_calls *calls;
	struct undo *prev, *next;
	bool sent;
	bool refused; /* the server refused the acquisition with an error, maybe after some writes */
	bool puts_back; /* the acquisition is a conversion: undone, the holding is there that it replaced */
	char about[NONCE_SIZE]; /* the nonce of the acquisition, or the token of the lock */
	char key[];
};

/* Adds an undo, to be sent later. Returns NULL if there is no memory. */
static struct undo *undo_later(struct script_calls *calls, const char *key, const char *about, bool puts_back)
{
	struct undo *undo = calloc(1, sizeof(*undo) + strlen(key) + 1);

	if (!undo) {
		calls_notice(calls, "no memory to undo a lock whose answer was lost: it stays until its lease ends");
		return NULL;
	}
	undo->calls = calls;
	undo->puts_back = puts_back;
	stpcpy(undo->about, about);
	stpcpy(undo->key, key);
	DL_APPEND(calls->undos, undo);
	return undo;
}

/* The server may have acquired the lock, or written a part of it, though the caller was not told. */
void calls_undo_unanswered(const struct script_call *call)
{
	if (call->refused)
		script_calls_undo_refused(call->calls, call->key, call->nonce, call->replaces);
	else
		undo_later(call->calls, call->key, call->nonce, call->replaces);
}

static void on_undo_again(uv_timer_t *timer)
{
	script_calls_undo_again(timer->data);
}

/* A token is a number of fewer digits than a nonce has. */
static bool is_token(const char *about)
{
	return strlen(about) < NONCE_SIZE - 1;
}

static void on_undone(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct undo *undo = call->ctx;
	struct script_calls *calls = undo->calls;

	(void)status;
	(void)age_ms;
	undo->sent = false;
	/* Retried after a pause, or at once on the next connection. */
	if (!reply && !(undo->refused && call->refused)) {
		if (!calls->closed)
			uv_timer_start(&calls->undo_again, on_undo_again, UNDO_PAUSE_MS, 0);
		return;
	}
	if (reply && !is_token(undo->about))
		reclaim_note_withdrawn(calls->reclaim, undo->key, undo->about);
	DL_DELETE(calls->undos, undo);
	free(undo);
	if (calls->closing && !calls->undos)
		calls_close_all(calls);
}

static void send_undo(struct undo *undo)
{
	struct script_call *call = undo->sent ? NULL : script_call_new(undo->calls, SCRIPT_UNDO, undo->key);

	if (!call)
		return;
	undo->sent = true;
	call->done = on_undone;
	call->ctx = undo;
	call->of_mount = true;
	script_call_add_text(call, undo->about);
	script_call_start(call);
}

void calls_send_undos(struct script_calls *calls)
{
	struct undo *undo, *next;

	DL_FOREACH_SAFE(calls->undos, undo, next)
		send_undo(undo);
}

void script_calls_undo_again(struct script_calls *calls)
{
	if (connection_is_up(calls->connection))
		calls_send_undos(calls);
}

void script_calls_undo(struct script_calls *calls, const char *key, const char *about, bool puts_back)
{
	undo_later(calls, key, about, puts_back);
	script_calls_undo_again(calls);
}

void script_calls_undo_refused(struct script_calls *calls, const char *key, const char *nonce, bool puts_back)
{
	struct undo *undo = undo_later(calls, key, nonce, puts_back);

	if (!undo)
		return;
	undo->refused = true;
	if (connection_is_up(calls->connection))
		send_undo(undo);
}

bool script_calls_has_undo(const struct script_calls *calls, const char *about)
{
	const struct undo *undo;

	DL_FOREACH(calls->undos, undo)
		if (strcmp(undo->about, about) == 0)
			return true;
	return false;
}

/* May a holding of this key come back that a conversion has replaced, as the conversion is to be undone or may have to be? */
bool calls_may_put_back(const struct script_calls *calls, const char *key)
{
	const struct undo *undo;
	const struct script_call *call;

	DL_FOREACH(calls->undos, undo)
		if (undo->puts_back && strcmp(undo->key, key) == 0)
			return true;
	DL_FOREACH2(calls->unconfirmed, call, unconfirmed_next)
		if (call->replaces && strcmp(call_key(call), key) == 0)
			return true;
	return false;
}

void calls_free_undos(struct script_calls *calls)
{
	struct undo *undo, *next;

	DL_FOREACH_SAFE(calls->undos, undo, next)
		free(undo);
}
