/* `.status` and `.status.json`: prints what a backend says about itself, in the same order and with the same facts. */
#ifndef FS_OPS_STATUS_TEXT_H
#define FS_OPS_STATUS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lockfs/status.h"

/* What the mount adds. */
struct status_mount_point {
	const char *namespace_;
	const char *mountpoint;
};

/* Prints lines `name: value`, or with `json` one object in one line. Returns 0, or -ENOMEM. The caller frees *ret_text. */
int status_text_print(const struct backend_status *status, const struct status_mount_point *here, bool json, char **ret_text,
                      size_t *ret_size);

#endif
