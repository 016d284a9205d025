#include "backend/redis/scripts.h"

#include <stdlib.h>
#include <string.h>

/* The Makefile writes each .lua file as a string, FILE_lua. */
#include "backend/redis/acquire.lua.h"
#include "backend/redis/acquire_contended.lua.h"
#include "backend/redis/bind.lua.h"
#include "backend/redis/configure_dir.lua.h"
#include "backend/redis/hand_over.lua.h"
#include "backend/redis/hello.lua.h"
#include "backend/redis/list.lua.h"
#include "backend/redis/look.lua.h"
#include "backend/redis/make_dir.lua.h"
#include "backend/redis/parts/clock.lua.h"
#include "backend/redis/parts/directory.lua.h"
#include "backend/redis/parts/event.lua.h"
#include "backend/redis/parts/failure.lua.h"
#include "backend/redis/parts/forget.lua.h"
#include "backend/redis/parts/free.lua.h"
#include "backend/redis/parts/hold.lua.h"
#include "backend/redis/parts/holding.lua.h"
#include "backend/redis/parts/index.lua.h"
#include "backend/redis/parts/lease.lua.h"
#include "backend/redis/parts/message.lua.h"
#include "backend/redis/parts/names.lua.h"
#include "backend/redis/parts/pass.lua.h"
#include "backend/redis/parts/queue.lua.h"
#include "backend/redis/read.lua.h"
#include "backend/redis/read_found.lua.h"
#include "backend/redis/refresh.lua.h"
#include "backend/redis/release.lua.h"
#include "backend/redis/remove_dir.lua.h"
#include "backend/redis/scan.lua.h"
#include "backend/redis/survey.lua.h"
#include "backend/redis/tell.lua.h"
#include "backend/redis/truncate.lua.h"
#include "backend/redis/undo.lua.h"
#include "backend/redis/watch.lua.h"
#include "backend/redis/write.lua.h"

#define PIECES_MAX 15

/*
 * What each script is made of, in this order: parts that stand on those before them, and its
 * own file. A part costs time whenever a script comes to it; so where a script has an answer
 * early mostly, what only the others need stands behind that.
 */
static const char *const pieces[][PIECES_MAX] = {
	[SCRIPT_HELLO] = { names_lua, failure_lua, clock_lua, hello_lua },
	[SCRIPT_ACQUIRE] = { names_lua, failure_lua, clock_lua, directory_lua, index_lua, event_lua, message_lua, hold_lua,
		acquire_lua, holding_lua, lease_lua, queue_lua, pass_lua, acquire_contended_lua },
	[SCRIPT_UNDO] = { names_lua, failure_lua, clock_lua, directory_lua, index_lua, holding_lua, event_lua, message_lua,
		lease_lua, queue_lua, free_lua, undo_lua, hold_lua, pass_lua, hand_over_lua },
	[SCRIPT_RELEASE] = { names_lua, failure_lua, clock_lua, directory_lua, index_lua, holding_lua, event_lua,
		message_lua, lease_lua, free_lua, release_lua, hold_lua, pass_lua, hand_over_lua },
	[SCRIPT_REFRESH] = { names_lua, failure_lua, clock_lua, directory_lua, index_lua, holding_lua, event_lua,
		message_lua, lease_lua, refresh_lua },
	[SCRIPT_BIND] = { names_lua, failure_lua, clock_lua, directory_lua, index_lua, holding_lua, event_lua, message_lua,
		lease_lua, bind_lua },
	[SCRIPT_TELL] = { names_lua, failure_lua, clock_lua, holding_lua, event_lua, tell_lua },
	[SCRIPT_SURVEY] = { names_lua, failure_lua, clock_lua, directory_lua, holding_lua, event_lua, survey_lua },
	[SCRIPT_WATCH] = { names_lua, failure_lua, clock_lua, holding_lua, watch_lua },
	[SCRIPT_LOOK] = { names_lua, failure_lua, clock_lua, directory_lua, index_lua, holding_lua, event_lua, message_lua,
		lease_lua, hold_lua, queue_lua, pass_lua, look_lua },
	[SCRIPT_READ] = { names_lua, read_lua, failure_lua, clock_lua, directory_lua, holding_lua, message_lua,
		read_found_lua },
	[SCRIPT_WRITE] = { names_lua, failure_lua, clock_lua, holding_lua, message_lua, write_lua },
	[SCRIPT_TRUNCATE] = { names_lua, failure_lua, clock_lua, directory_lua, holding_lua, message_lua, truncate_lua },
	[SCRIPT_LIST] = { names_lua, failure_lua, clock_lua, directory_lua, index_lua, message_lua, forget_lua, list_lua },
	[SCRIPT_SCAN] = { names_lua, scan_lua },
	[SCRIPT_MAKE_DIR] = { names_lua, failure_lua, clock_lua, directory_lua, make_dir_lua },
	[SCRIPT_REMOVE_DIR] = { names_lua, failure_lua, clock_lua, directory_lua, index_lua, message_lua, forget_lua,
		remove_dir_lua },
	[SCRIPT_CONFIGURE_DIR] = { names_lua, failure_lua, clock_lua, directory_lua, configure_dir_lua },
};

_Static_assert(sizeof(pieces) / sizeof(pieces[0]) == SCRIPT_COUNT, "a text for every script");

char *script_text(enum script script)
{
	size_t size = 1;
	char *text, *end;

	for (size_t i = 0; i < PIECES_MAX && pieces[script][i]; i++)
		size += strlen(pieces[script][i]);
	text = malloc(size);
	if (!text)
		return NULL;
	end = text;
	for (size_t i = 0; i < PIECES_MAX && pieces[script][i]; i++)
		end = stpcpy(end, pieces[script][i]);
	*end = '\0';
	return text;
}
