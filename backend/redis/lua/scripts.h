/* The scripts that the server runs, each as one atomic step: lua/NAME.lua, with what it includes from lua/include/. */
#ifndef BACKEND_REDIS_LUA_SCRIPTS_H
#define BACKEND_REDIS_LUA_SCRIPTS_H

#include <stddef.h>

enum script {
	SCRIPT_SELF_TEST,
	SCRIPT_HELLO,
	SCRIPT_RESTORE_DIR,
	SCRIPT_ENDED,
	SCRIPT_REASSERT,
	SCRIPT_ACQUIRE,
	SCRIPT_TAKE_OVER,
	SCRIPT_UNDO,
	SCRIPT_RELEASE,
	SCRIPT_REFRESH,
	SCRIPT_SET_PERMISSIONS,
	SCRIPT_BIND,
	SCRIPT_PUBLISH,
	SCRIPT_LEASE_SCAN,
	SCRIPT_WATCH,
	SCRIPT_HEARTBEAT,
	SCRIPT_READ,
	SCRIPT_WRITE,
	SCRIPT_TRUNCATE,
	SCRIPT_LIST,
	SCRIPT_LIST_LOCKS,
	SCRIPT_FOREIGN_SCAN,
	SCRIPT_MAKE_DIR,
	SCRIPT_REMOVE_DIR,
	SCRIPT_CONFIGURE_DIR,
	SCRIPT_STATUS,
	SCRIPT_HERE,
	SCRIPT_COUNT,
};

/* Bytes of the name that SCRIPT LOAD gives a script, without a NUL. */
#define SCRIPT_SHA_SIZE 40

/* The whole text of a script. It lives for ever. */
const char *script_text(enum script script);

#endif
