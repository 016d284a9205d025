#include "fs/names/control_node.h"

#include <stdlib.h>

void special_put(struct special *special)
{
	if (special && --special->users == 0)
		free(special);
}
