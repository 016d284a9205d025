#include "fs/names/control_node.h"

#include <stdlib.h>

void control_node_put(struct control_node *special)
{
	if (special && --special->users == 0)
		free(special);
}
