#include "backend/redis/scripts.h"

/* The Makefile writes each .lua file as a string to include. */
const char script_common_text[] =
#include "backend/redis/common.lua.h"
	;

static const struct {
	const char *name;
	const char *text;
} scripts[] = {
	[SCRIPT_HELLO] = { "hello",
#include "backend/redis/hello.lua.h"
	},
	[SCRIPT_ACQUIRE] = { "acquire",
#include "backend/redis/acquire.lua.h"
	},
	[SCRIPT_UNDO] = { "undo",
#include "backend/redis/undo.lua.h"
	},
	[SCRIPT_RELEASE] = { "release",
#include "backend/redis/release.lua.h"
	},
	[SCRIPT_REFRESH] = { "refresh",
#include "backend/redis/refresh.lua.h"
	},
	[SCRIPT_READ] = { "read",
#include "backend/redis/read.lua.h"
	},
	[SCRIPT_WRITE] = { "write",
#include "backend/redis/write.lua.h"
	},
	[SCRIPT_TRUNCATE] = { "truncate",
#include "backend/redis/truncate.lua.h"
	},
	[SCRIPT_LIST] = { "list",
#include "backend/redis/list.lua.h"
	},
	[SCRIPT_MAKE_DIR] = { "make_dir",
#include "backend/redis/make_dir.lua.h"
	},
	[SCRIPT_REMOVE_DIR] = { "remove_dir",
#include "backend/redis/remove_dir.lua.h"
	},
	[SCRIPT_CONFIGURE_DIR] = { "configure_dir",
#include "backend/redis/configure_dir.lua.h"
	},
};

_Static_assert(sizeof(scripts) / sizeof(scripts[0]) == SCRIPT_COUNT, "a text for every script");

const char *script_text(enum script script)
{
	return scripts[script].text;
}

const char *script_name(enum script script)
{
	return scripts[script].name;
}
