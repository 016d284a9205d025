/* The values of mount options as written on the command line, and their checks. */
#ifndef FS_START_OPTION_VALUES_H
#define FS_START_OPTION_VALUES_H

#include <stdbool.h>

struct options;

/* Texts of option values, NULL if the option was not given. An option without a value is set in `options` at once. */
struct raw_options {
	struct options *options;
	char *cacert, *cert, *key;
	char *namespace_, *ttl, *timeout, *grace, *replicas, *min_interval, *busy_poll, *owner, *id, *journal, *mode, *uid, *gid, *password_file;
	char *sentinel_user, *sentinel_password_file;
	char *user_memory, *user_waiters, *user_streams, *user_names, *user_files, *user_listings, *user_signals, *user_renewals, *user_calls;
	bool help, version, refused;
};

/* Refuses the command line, and logs why: `format` with `value` for %s. Only the first refusal is logged. */
void raw_options_refuse(struct raw_options *raw, const char *format, const char *value);

/* Checks all values and stores them in raw->options. Refuses the command line if one is wrong. */
void option_values_check(struct raw_options *raw);

#endif
