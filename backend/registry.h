/* The tables of all backends. backend.c has a list of them. */
#ifndef BACKEND_REGISTRY_H
#define BACKEND_REGISTRY_H

#include "lockfs/backend.h"

extern const struct backend_ops memory_backend_ops;
extern const struct backend_ops redis_backend_ops;

#endif
