/* Counts the references to the data of a control node. */
#include "fs/names/control_node.h"

#include <stdlib.h>

void control_node_put(struct control_node *control)
{
	if (control && --control->users == 0)
		free(control);
}
