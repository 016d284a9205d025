/* The meaning of a server's error reply: an errno for programs and a line for people. */
#ifndef BACKEND_REDIS_NET_SERVER_ERROR_H
#define BACKEND_REDIS_NET_SERVER_ERROR_H

#include <stdbool.h>
#include <stddef.h>

struct server_error {
	const char *prefix; /* the server's text begins with it */
	int status;         /* negative errno */
	bool passing;       /* another connection may not have this error */
	bool unbegun;       /* a script that was refused with this error has written nothing */
	const char *advice; /* what people can do */
};

/*
 * Finds the meaning of a server's text; never NULL. An unknown error has the prefix "" and -EIO. The
 * words that Redis 6.2 puts before the error of a script are skipped.
 */
const struct server_error *server_error_find(const char *text);

/* Is this text an error reply that lockfs knows? If not, it may be an error of the connection. */
bool server_error_is_known(const char *text);

/* Prints a line: which server, what it said, what to do. */
void server_error_print(const char *server, const char *text, char *line, size_t size);

#endif
