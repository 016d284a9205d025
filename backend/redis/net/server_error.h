/* What a server refuses, in our words: an errno for programs, a line for people. */
#ifndef BACKEND_REDIS_NET_SERVER_ERROR_H
#define BACKEND_REDIS_NET_SERVER_ERROR_H

#include <stdbool.h>
#include <stddef.h>

struct server_error {
	const char *prefix; /* of the server's text */
	int status;         /* negative errno */
	bool passing;       /* another attempt at connecting may go better */
	bool unbegun;       /* a script that is refused so has written nothing; else it may have */
	const char *advice; /* what to do */
};

/* Never NULL: an unknown one has the prefix "" and -EIO. What Redis 6.2 puts before the error of a script is left out. */
const struct server_error *server_error_find(const char *text);

/* Is this an error that a server answers, and not one of the connection? */
bool server_error_is_known(const char *text);

/* A line: which server, what it said, what to do. */
void server_error_print(const char *server, const char *text, char *line, size_t size);

#endif
