/* The values of options, as they were written on the command line, and their checks. */
#ifndef FS_START_OPTION_VALUES_H
#define FS_START_OPTION_VALUES_H

#include <stdbool.h>

struct options;

/* Everything as it was written, before it is checked. */
struct raw_options {
	struct options *options;
	char *cacert, *cert, *key;
	char *namespace_, *ttl, *timeout, *min_interval, *busy_poll, *owner, *id, *mode, *uid, *gid, *password_file;
	char *user_memory, *user_waiters, *user_streams, *user_names, *user_files, *user_listings, *user_signals, *user_renewals, *user_calls;
	bool help, version, refused;
};

/* Logs a line about `value`, unless one was logged already, and remembers that the command line is refused. */
void raw_options_refuse(struct raw_options *raw, const char *format, const char *value);

/* Checks all values and puts them into raw->options. */
void option_values_check(struct raw_options *raw);

#endif
