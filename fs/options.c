/* Frees the options; passwords are erased first. */
#include "fs/options.h"

#include <stdlib.h>
#include <string.h>

static void wipe(char *password)
{
	if (password)
		explicit_bzero(password, strlen(password));
	free(password);
}

void options_free(struct options *options)
{
	wipe(options->password);
	wipe(options->sentinel_password);
	free(options->sentinel_user);
	free(options->cacert);
	free(options->cert);
	free(options->key);
	free(options->source);
	free(options->mountpoint);
	free(options->namespace_);
	free(options->journal);
	free(options->id);
	fuse_opt_free_args(&options->fuse);
}
