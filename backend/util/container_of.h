/* From a struct that is embedded in another to that other one. */
#ifndef BACKEND_UTIL_CONTAINER_OF_H
#define BACKEND_UTIL_CONTAINER_OF_H

#include <stddef.h>

/* A macro, as a function knows no types: the `type` whose `member` is at `pointer`, which is not NULL. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

#endif
