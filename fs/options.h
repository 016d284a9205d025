/* What the command line says: SOURCE MOUNTPOINT [-f] [-d] [-o OPTION…]. */
#ifndef FS_OPTIONS_H
#define FS_OPTIONS_H

#include <fuse_opt.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/caller/owner_kind.h"

struct options {
	char *source;
	char *password; /* of the backend, NULL: none beside SOURCE */
	char *cacert, *cert, *key; /* files for TLS, or NULL */
	bool scan;      /* `ls` shows locks taken past lockfs too */
	char *mountpoint; /* absolute, without links */
	char *namespace_;
	char *id; /* the given id of the whole mount, or NULL */
	int64_t ttl_ms;
	int64_t timeout_ms;
	int64_t min_interval_ms; /* between the looks of a view; 0: any */
	unsigned long busy_poll_us; /* see busy_poll.h */
	enum owner_kind owner;
	/* For each user, see backend/util/quota.h; 0: any amount. */
	size_t user_memory; /* bytes */
	size_t user_waiters;
	size_t user_streams;
	size_t user_names;
	size_t user_files;
	size_t user_listings; /* bytes */
	size_t user_signals;
	size_t user_renewals; /* a minute */
	size_t user_calls; /* under way to a server */
	mode_t mode; /* of the root directory, permission bits */
	uid_t uid;
	gid_t gid;
	bool foreground;
	bool trace; /* every call to the backend is printed */
	bool auto_unmount;
	bool allow_other;
	bool read_only;
	struct fuse_args fuse; /* what is left for libfuse */
};

void options_free(struct options *options);

#endif
