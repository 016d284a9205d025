/*
 * The steps that the server takes as one: the .lua files beside this one, with what
 * they share, which is in parts/.
 */
#ifndef BACKEND_REDIS_SCRIPTS_H
#define BACKEND_REDIS_SCRIPTS_H

#include <stddef.h>

enum script {
	SCRIPT_HELLO,
	SCRIPT_ACQUIRE,
	SCRIPT_UNDO,
	SCRIPT_RELEASE,
	SCRIPT_REFRESH,
	SCRIPT_BIND,
	SCRIPT_TELL,
	SCRIPT_SURVEY,
	SCRIPT_WATCH,
	SCRIPT_LOOK,
	SCRIPT_READ,
	SCRIPT_WRITE,
	SCRIPT_TRUNCATE,
	SCRIPT_LIST,
	SCRIPT_SCAN,
	SCRIPT_MAKE_DIR,
	SCRIPT_REMOVE_DIR,
	SCRIPT_CONFIGURE_DIR,
	SCRIPT_COUNT,
};

/* Bytes of the name that SCRIPT LOAD gives a script, without a NUL. */
#define SCRIPT_SHA_SIZE 40

/* The whole text of a script, which the caller frees. NULL where there is no memory. */
char *script_text(enum script script);

#endif
