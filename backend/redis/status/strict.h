/* The mount option strict: can this server keep what the manual promises? */
#ifndef BACKEND_REDIS_STATUS_STRICT_H
#define BACKEND_REDIS_STATUS_STRICT_H

#include "backend/redis/status/server_record.h"

/* Returns true if it can; else false and a line for people, which names the setting to change. */
bool strict_accepts(const struct server_record *record, char problem[BACKEND_PROBLEM_MAX]);

#endif
