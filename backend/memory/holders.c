#include "backend/memory/holders.h"

#include <stddef.h>
#include <stdlib.h>

#include "backend/copy.h"

static size_t name_size(const struct lock_holder *holder)
{
	return offsetof(struct mem_holder_name, texts) + holder_text_size(holder);
}

static struct mem_holder *copy_common(const struct lock_holder *common)
{
	struct mem_holder *copy = calloc(1, sizeof(*copy) + holder_text_size(common));

	if (!copy)
		return NULL;

	char *cursor = copy->name.texts;
	copy->name.pid = (uint32_t)common->pid;
	copy->name.uid = common->uid;
	copy->name.gid = common->gid;
	copy->name.has_identity = common->claim.identity != NULL;
	copy->holder = copy_holder(&cursor, common);
	return copy;
}

/* Keeps a new one, or frees it where there is no memory for that; NULL then. */
static struct mem_holder *keep(struct mem_holder **all, struct mem_holder *new, size_t size)
{
	HASH_ADD_KEYPTR(hh, *all, &new->name, size, new);
	if (new->hh.tbl)
		return new;
	free(new);
	return NULL;
}

struct mem_holder *holder_get(struct mem_holder **all, const struct lock_holder *holder)
{
	struct lock_holder common = *holder;
	struct mem_holder *copy, *known;
	size_t size;

	common.claim.id = NULL;
	size = name_size(&common);
	copy = copy_common(&common);
	if (!copy)
		return NULL;
	HASH_FIND(hh, *all, &copy->name, size, known);
	if (known)
		free(copy);
	else
		known = keep(all, copy, size);
	if (known)
		known->locks++;
	return known;
}

void holder_put(struct mem_holder **all, struct mem_holder *holder)
{
	if (--holder->locks > 0)
		return;
	HASH_DELETE(hh, *all, holder);
	free(holder);
}
