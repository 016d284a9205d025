/* The exit statuses of lockctl, as lockctl(1) has them. */
#ifndef LOCKCTL_EXIT_STATUS_H
#define LOCKCTL_EXIT_STATUS_H

enum {
	STATUS_YES = 0,
	STATUS_NO = 1,       /* held by another, or not held by the caller: an answer */
	STATUS_USAGE = 64,   /* the command line is wrong */
	STATUS_BACKEND = 69, /* no mount, no daemon, no server */
	STATUS_LOST = 75,    /* the lock ended while the command ran */
	STATUS_DENIED = 77,  /* permissions forbid it */
	STATUS_CANNOT_RUN = 126,
	STATUS_NOT_FOUND = 127,
};

#endif
