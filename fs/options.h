/* The options of one mount, read from the command line by fs/start/command_line.c and constant afterwards. */
#ifndef FS_OPTIONS_H
#define FS_OPTIONS_H

#include <fuse_opt.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/caller/owner_kind.h"

struct options {
	char *source;
	char *password;               /* of the backend; NULL if not given beside SOURCE */
	char *sentinel_user;          /* of Sentinels, or NULL */
	char *sentinel_password;      /* of Sentinels, or NULL */
	char *cacert, *cert, *key;    /* names of files for TLS, or NULL */
	bool scan;                    /* listings also show locks taken by other Redis clients */
	bool strict;                  /* refuse a server that cannot keep what the manual promises */
	bool lockdir;                 /* all views are as those with `lockdir` */
	char *mountpoint;             /* absolute, without symbolic links */
	char *namespace_;
	char *journal;                /* absolute path; "": none; NULL: the default place */
	char *id;                     /* the id of every caller of this mount, or NULL */
	int64_t ttl_ms;               /* lease of locks, or LEASE_NEVER */
	int64_t timeout_ms;           /* time limit of backend calls */
	int64_t grace_ms;             /* for how long nobody acquires in a server that may have lost locks */
	int64_t min_interval_ms;      /* shortest polling interval that a view may ask for; 0: no limit */
	unsigned long busy_poll_us;   /* see fs/kernel/busy_poll.h */
	enum owner_kind owner;
	size_t user_memory;           /* bytes that one user may use in the backend; 0: unlimited, as for all quotas below */
	size_t user_waiters;          /* calls that wait */
	size_t user_streams;          /* open directories and event streams */
	size_t user_names;            /* names in use */
	size_t user_files;            /* open lock files */
	size_t user_listings;         /* bytes of names in open directories */
	size_t user_signals;          /* processes for which signal= was given */
	size_t user_renewals;         /* renewals per minute */
	size_t replicas;              /* that must have an acquisition before it is answered */
	size_t user_calls;            /* calls under way to a server */
	mode_t mode;                  /* permission bits of the root directory */
	uid_t uid;                    /* user of the root directory */
	gid_t gid;                    /* group of the root directory */
	bool foreground;
	bool trace;                   /* print every call to the backend */
	bool auto_unmount;
	bool allow_other;
	bool read_only;
	struct fuse_args fuse;        /* arguments left for libfuse */
};

/* Frees what the struct points to. */
void options_free(struct options *options);

#endif
