/* Lists directories with what their locks are like, one page a call. */
#ifndef BACKEND_REDIS_DETAILED_LISTING_H
#define BACKEND_REDIS_DETAILED_LISTING_H

struct listing;
struct redis_backend;

/* list() of backend.h for a detailed listing. */
void list_locks(struct redis_backend *redis, struct listing *listing);

#endif
