/*
 * Looks up the addresses of a host. A name is looked up by a thread of libuv; an
 * address needs no look-up.
 */
#ifndef BACKEND_REDIS_NET_RESOLVER_H
#define BACKEND_REDIS_NET_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define RESOLVER_ADDRESSES_MAX 8
#define RESOLVER_ADDRESS_SIZE 64 /* bytes of an address as text, its NUL included */

struct resolver {
	void (*on_resolved)(struct resolver *resolver, const char *problem); /* `problem` is NULL if there are addresses */
	void *ctx;
	size_t address_count;
	char addresses[RESOLVER_ADDRESSES_MAX][RESOLVER_ADDRESS_SIZE];

	/* The rest belongs to resolver.c. */
	uv_getaddrinfo_t request; /* its data is NULL unless a look-up is under way */
};

enum resolver_result {
	RESOLVER_FOUND, /* the host is an address, and on_resolved() is not called */
	RESOLVER_ASKED, /* on_resolved() is called from the loop */
	RESOLVER_BUSY,  /* the look-up before is still under way, and its on_resolved() answers this one too */
};

/* Starts a look-up. Returns a resolver_result, or a negative error of libuv. */
int resolver_start(struct resolver *resolver, uv_loop_t *loop, const char *host);

/* Ends a look-up that is under way, if there is one; on_resolved() is called even so. */
void resolver_cancel(struct resolver *resolver);

#endif
