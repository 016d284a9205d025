/* libfuse logs some failures and not others, so this remembers whether it has logged one. */
#include "fs/util/fuse_log.h"

#include <fuse_log.h>
#include <stdbool.h>
#include <stdio.h>

#include "fs/util/log.h"

static bool has_logged;

/* Debug messages (-o debug) are printed unchanged. */
static void log_of_fuse(enum fuse_log_level level, const char *format, va_list arguments)
{
	if (level >= FUSE_LOG_DEBUG) {
		vfprintf(stderr, format, arguments);
		return;
	}
	has_logged = true;
	log_line_v((int)level, format, arguments);
}

void fuse_log_begin(void)
{
	fuse_set_log_func(log_of_fuse);
}

void fuse_log_complain(const char *what, const char *mountpoint)
{
	if (!has_logged)
		log_line(LOG_ERR, "cannot %s %s: libfuse failed, and memory may be short", what, mountpoint);
}
