/*
 * How long a request may be kept unanswered: the kernel ends a mount where one takes
 * longer than the settings fs.fuse.max_request_timeout and default_request_timeout allow.
 */
#ifndef FS_KERNEL_REQUEST_TIMEOUT_H
#define FS_KERNEL_REQUEST_TIMEOUT_H

#include <stdint.h>

/* In ms, with some time left to answer it; 0: as long as one likes. The kernel reads its own when a mount is made. */
int64_t request_timeout_ms(void);

#endif
