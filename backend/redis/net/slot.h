/*
 * Slots of a cluster: which one a key has, and how scripts are kept out of a slot that moves to another node.
 * In such a slot a script would find a part of its keys only. A command that names several keys is refused there
 * before it begins if one of them is absent, so every script names, beside its lock, one key that always exists
 * and one that never does (REDIS, Cluster, in lockfs(1)).
 */
#ifndef BACKEND_REDIS_NET_SLOT_H
#define BACKEND_REDIS_NET_SLOT_H

#include <stdbool.h>

#define SLOT_GUARD_KEYS 2

struct slot_guard {
	char *keys[SLOT_GUARD_KEYS]; /* NS#e, which exists, and NS#none, which does not; NULL: it is no cluster */
};

/* Names the keys. Returns 0 or -ENOMEM; slot_guard_free() in any case. */
int slot_guard_init(struct slot_guard *guard, const char *namespace_);
void slot_guard_free(struct slot_guard *guard);

/* Has the namespace a complete `{tag}`, so that all its keys have one slot? A brace in a key must not complete the tag. */
bool slot_has_tag(const char *namespace_);

/* Returns the slot of a key, 0 to 16383. */
unsigned int slot_of(const char *key);

#endif
