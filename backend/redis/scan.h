/*
 * The names in a directory, with those of locks that other clients took past
 * lockfs: they are in no index, so the whole database is gone through, a step a
 * call (mount option `scan`).
 */
#ifndef BACKEND_REDIS_SCAN_H
#define BACKEND_REDIS_SCAN_H

#include "backend/redis/calls.h"

/* As list() in backend.h; all steps together may take `timeout_ms`. */
void scan_list(struct calls *calls, const char *path, int64_t timeout_ms, backend_list_done *done, void *ctx);

#endif
