/* The texts of the scripts that run in the server. */
#include "backend/redis/lua/scripts.h"

/* The Makefile writes each .lua file, with what it includes, as a string FILE_lua. */
#include "backend/redis/lua/acquire.lua.h"
#include "backend/redis/lua/bind.lua.h"
#include "backend/redis/lua/configure_dir.lua.h"
#include "backend/redis/lua/ended.lua.h"
#include "backend/redis/lua/foreign_scan.lua.h"
#include "backend/redis/lua/heartbeat.lua.h"
#include "backend/redis/lua/hello.lua.h"
#include "backend/redis/lua/here.lua.h"
#include "backend/redis/lua/lease_scan.lua.h"
#include "backend/redis/lua/list.lua.h"
#include "backend/redis/lua/list_locks.lua.h"
#include "backend/redis/lua/make_dir.lua.h"
#include "backend/redis/lua/publish.lua.h"
#include "backend/redis/lua/read.lua.h"
#include "backend/redis/lua/reassert.lua.h"
#include "backend/redis/lua/refresh.lua.h"
#include "backend/redis/lua/release.lua.h"
#include "backend/redis/lua/remove_dir.lua.h"
#include "backend/redis/lua/restore_dir.lua.h"
#include "backend/redis/lua/self_test.lua.h"
#include "backend/redis/lua/set_permissions.lua.h"
#include "backend/redis/lua/status.lua.h"
#include "backend/redis/lua/take_over.lua.h"
#include "backend/redis/lua/truncate.lua.h"
#include "backend/redis/lua/undo.lua.h"
#include "backend/redis/lua/watch.lua.h"
#include "backend/redis/lua/write.lua.h"

static const char *const texts[] = {
	[SCRIPT_SELF_TEST] = self_test_lua,
	[SCRIPT_HELLO] = hello_lua,
	[SCRIPT_RESTORE_DIR] = restore_dir_lua,
	[SCRIPT_ENDED] = ended_lua,
	[SCRIPT_REASSERT] = reassert_lua,
	[SCRIPT_ACQUIRE] = acquire_lua,
	[SCRIPT_TAKE_OVER] = take_over_lua,
	[SCRIPT_UNDO] = undo_lua,
	[SCRIPT_RELEASE] = release_lua,
	[SCRIPT_REFRESH] = refresh_lua,
	[SCRIPT_SET_PERMISSIONS] = set_permissions_lua,
	[SCRIPT_BIND] = bind_lua,
	[SCRIPT_PUBLISH] = publish_lua,
	[SCRIPT_LEASE_SCAN] = lease_scan_lua,
	[SCRIPT_WATCH] = watch_lua,
	[SCRIPT_HEARTBEAT] = heartbeat_lua,
	[SCRIPT_READ] = read_lua,
	[SCRIPT_WRITE] = write_lua,
	[SCRIPT_TRUNCATE] = truncate_lua,
	[SCRIPT_LIST] = list_lua,
	[SCRIPT_LIST_LOCKS] = list_locks_lua,
	[SCRIPT_FOREIGN_SCAN] = foreign_scan_lua,
	[SCRIPT_MAKE_DIR] = make_dir_lua,
	[SCRIPT_REMOVE_DIR] = remove_dir_lua,
	[SCRIPT_CONFIGURE_DIR] = configure_dir_lua,
	[SCRIPT_STATUS] = status_lua,
	[SCRIPT_HERE] = here_lua,
};

_Static_assert(sizeof(texts) / sizeof(texts[0]) == SCRIPT_COUNT, "a text for every script");

const char *script_text(enum script script)
{
	return texts[script];
}
