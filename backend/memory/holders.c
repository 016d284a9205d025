/* Holders of locks without their ids, each kept once however many locks it has. */
#include "backend/memory/holders.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "backend/util/text_copy.h"

static size_t name_size(const struct lock_holder *holder)
{
	return offsetof(struct mem_holder_name, texts) + holder_text_size(holder);
}

static struct mem_holder *copy_common(const struct lock_holder *common)
{
	size_t size = sizeof(struct mem_holder) + holder_text_size(common);
	struct mem_holder *copy = calloc(1, size);

	if (!copy)
		return NULL;
	copy->bytes = quota_bytes(size);

	char *cursor = copy->name.texts;
	copy->name.pid = (uint32_t)common->pid;
	copy->name.uid = common->uid;
	copy->name.gid = common->gid;
	copy->name.has_identity = common->claim.identity != NULL;
	copy->holder = copy_holder(&cursor, common);
	return copy;
}

/* Adds `copy`, whose name has `size` bytes. Returns 0, -ENOMEM, or the error of the quota. */
static int add(struct mem_holder **all, struct quota *quota, struct mem_holder *copy, size_t size)
{
	int err = quota_take(quota, copy->holder.uid, copy->bytes);

	if (err < 0)
		return err;
	HASH_ADD_KEYPTR(hh, *all, &copy->name, size, copy);
	if (copy->hh.tbl)
		return 0;
	quota_give(quota, copy->holder.uid, copy->bytes);
	return -ENOMEM;
}

int holder_get(struct mem_holder **all, struct quota *quota, const struct lock_holder *holder, struct mem_holder **ret)
{
	struct lock_holder common = *holder;
	struct mem_holder *copy, *known;
	size_t size;
	int err = 0;

	common.claim.id = NULL;
	size = name_size(&common);
	copy = copy_common(&common);
	if (!copy)
		return -ENOMEM;
	HASH_FIND(hh, *all, &copy->name, size, known);
	if (!known)
		err = add(all, quota, copy, size);
	if (known || err < 0)
		free(copy);
	if (err < 0)
		return err;
	*ret = known ? known : copy;
	(*ret)->holdings++;
	return 0;
}

void holder_put(struct mem_holder **all, struct quota *quota, struct mem_holder *holder)
{
	if (--holder->holdings > 0)
		return;
	HASH_DELETE(hh, *all, holder);
	quota_give(quota, holder->holder.uid, holder->bytes);
	free(holder);
}
