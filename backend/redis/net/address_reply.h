/* Reads the addresses in replies, errors and messages of Sentinels and of nodes of a cluster. Nothing in them is trusted. */
#ifndef BACKEND_REDIS_NET_ADDRESS_REPLY_H
#define BACKEND_REDIS_NET_ADDRESS_REPLY_H

#include <hiredis/hiredis.h>

#include "backend/redis/net/url.h"

/* All return 0, or -EPROTO if there is no address. */

/* A reply to SENTINEL GET-MASTER-ADDR-BY-NAME: [host, port]. */
int address_reply_primary(const redisReply *reply, struct redis_address *ret);

/* An element of the reply to SENTINEL SENTINELS: [field, value, …]. */
int address_reply_sentinel(const redisReply *fields, struct redis_address *ret);

/* A message on +switch-master about the primary `name`: `NAME OLD-HOST OLD-PORT NEW-HOST NEW-PORT`. */
int address_reply_switch(const char *payload, const char *name, struct redis_address *ret);

/* An error `MOVED SLOT HOST:PORT`. A node that does not know its host leaves it out, and then it is `host`. */
int address_reply_moved(const char *text, const char *host, struct redis_address *ret);

/*
 * A reply to CLUSTER SLOTS of a node at `host`: [[from, to, primary, replica…], …], in which a node is [host, port, …].
 * Calls on_node() for each node; `has_slot` is set for the primary of `slot`. Other elements are left out.
 */
void address_reply_slots(const redisReply *reply, unsigned int slot, const char *host,
                         void (*on_node)(void *ctx, const struct redis_address *address, bool has_slot), void *ctx);

#endif
