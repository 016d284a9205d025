/*
 * The longest time that a request may stay unanswered. The kernel aborts the connection if a request takes longer than the
 * sysctls fs.fuse.max_request_timeout and fs.fuse.default_request_timeout allow.
 */
#ifndef FS_KERNEL_REQUEST_TIMEOUT_H
#define FS_KERNEL_REQUEST_TIMEOUT_H

#include <stdint.h>

/*
 * Returns the time in ms within which lockfs must answer, somewhat below the kernel's limit; 0: no limit. Read it when
 * the mount is made, as the kernel does.
 */
int64_t request_timeout_ms(void);

#endif
