#include "backend/redis/scripts.h"

#include <stdio.h>

/* The Makefile writes each .lua file as a string to include. */
static const char common_text[] =
#include "backend/redis/common.lua.h"
	;

static const char *const scripts[] = {
	[SCRIPT_HELLO] =
#include "backend/redis/hello.lua.h"
	,
	[SCRIPT_ACQUIRE] =
#include "backend/redis/acquire.lua.h"
	,
	[SCRIPT_UNDO] =
#include "backend/redis/undo.lua.h"
	,
	[SCRIPT_RELEASE] =
#include "backend/redis/release.lua.h"
	,
	[SCRIPT_REFRESH] =
#include "backend/redis/refresh.lua.h"
	,
	[SCRIPT_BIND] =
#include "backend/redis/bind.lua.h"
	,
	[SCRIPT_TELL] =
#include "backend/redis/tell.lua.h"
	,
	[SCRIPT_SURVEY] =
#include "backend/redis/survey.lua.h"
	,
	[SCRIPT_WATCH] =
#include "backend/redis/watch.lua.h"
	,
	[SCRIPT_LOOK] =
#include "backend/redis/look.lua.h"
	,
	[SCRIPT_READ] =
#include "backend/redis/read.lua.h"
	,
	[SCRIPT_WRITE] =
#include "backend/redis/write.lua.h"
	,
	[SCRIPT_TRUNCATE] =
#include "backend/redis/truncate.lua.h"
	,
	[SCRIPT_LIST] =
#include "backend/redis/list.lua.h"
	,
	[SCRIPT_SCAN] =
#include "backend/redis/scan.lua.h"
	,
	[SCRIPT_MAKE_DIR] =
#include "backend/redis/make_dir.lua.h"
	,
	[SCRIPT_REMOVE_DIR] =
#include "backend/redis/remove_dir.lua.h"
	,
	[SCRIPT_CONFIGURE_DIR] =
#include "backend/redis/configure_dir.lua.h"
	,
};

_Static_assert(sizeof(scripts) / sizeof(scripts[0]) == SCRIPT_COUNT, "a text for every script");

char *script_text(enum script script)
{
	char *text;

	return asprintf(&text, "%s%s", common_text, scripts[script]) < 0 ? NULL : text;
}
