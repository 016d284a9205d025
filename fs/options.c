/* Frees the options; the password is erased first. */
#include "fs/options.h"

#include <stdlib.h>
#include <string.h>

void options_free(struct options *options)
{
	if (options->password)
		explicit_bzero(options->password, strlen(options->password));
	free(options->password);
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
