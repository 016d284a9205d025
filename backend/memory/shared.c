/* The shared holdings of all locks: found by token, and by the id or identity that proves them. */
#include "backend/memory/shared.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <utlist.h>

#include "backend/memory/tree.h"
#include "backend/util/text_copy.h"

/* Bytes of the longest name of a proof: its texts are no longer than LOCK_IDENTITY_MAX. */
enum { NAME_MAX_BYTES = sizeof(struct mem_proof_name) + LOCK_IDENTITY_MAX };

_Static_assert(LOCK_ID_MAX <= LOCK_IDENTITY_MAX, "an id has room where an identity has");

/* A name of a proof that is being looked for. */
union name_buffer {
	struct mem_proof_name name;
	char bytes[NAME_MAX_BYTES];
};

/* Fills in the name of a proof. Returns its size, or 0 if the text is longer than any that proves a holding. */
static size_t name_of(union name_buffer *buffer, const struct mem_lock *lock, bool is_identity, const char *text)
{
	size_t length = strlen(text);

	if (length > LOCK_IDENTITY_MAX)
		return 0;
	buffer->name.lock = (uintptr_t)lock;
	buffer->name.is_identity = is_identity;
	memcpy(buffer->bytes + offsetof(struct mem_proof_name, text), text, length);
	return offsetof(struct mem_proof_name, text) + length;
}

static struct mem_proof *find_proof(const struct mem_shared *all, const union name_buffer *buffer, size_t size)
{
	struct mem_proof *proof;

	HASH_FIND(hh, all->proofs, &buffer->name, size, proof);
	return proof;
}

/* Adds a proof of this name without holdings, which counts for `uid`. Returns 0, -ENOMEM, or the error of the quota. */
static int add_proof(struct mem_shared *all, struct quota *quota, uid_t uid, const union name_buffer *buffer, size_t size,
                     struct mem_proof **ret)
{
	struct mem_proof *proof;
	void *memory;
	int err = tree_allocate(quota, uid, offsetof(struct mem_proof, name) + size, &memory);

	if (err < 0)
		return err;
	proof = memory;
	proof->uid = uid;
	proof->size = offsetof(struct mem_proof, name) + size;
	memcpy(&proof->name, buffer->bytes, size);
	HASH_ADD_KEYPTR(hh, all->proofs, &proof->name, size, proof);
	if (!proof->hh.tbl) {
		tree_discard(quota, uid, proof->size, proof);
		return -ENOMEM;
	}
	*ret = proof;
	return 0;
}

static void remove_link(struct mem_shared *all, struct quota *quota, struct mem_proof_link *link)
{
	struct mem_proof *proof = link->proof;

	if (!proof)
		return;
	DL_DELETE(proof->links, link);
	if (proof->links)
		return;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the table has the proof, so it exists */
	HASH_DELETE(hh, all->proofs, proof);
	tree_discard(quota, proof->uid, proof->size, proof);
}

/* Adds a holding to those that `text` proves; NULL adds nothing. Returns 0, -ENOMEM, -EINVAL, or the error of the quota. */
static int add_link(struct mem_shared *all, struct quota *quota, struct mem_proof_link *link, struct mem_holding *holding,
                    bool is_identity, const char *text)
{
	union name_buffer buffer;
	size_t size;
	int err = 0;

	if (!text)
		return 0;
	size = name_of(&buffer, holding->lock, is_identity, text);
	if (size == 0)
		return -EINVAL;
	link->proof = find_proof(all, &buffer, size);
	if (!link->proof)
		err = add_proof(all, quota, holding->holder->holder.uid, &buffer, size, &link->proof);
	if (err < 0)
		return err;
	link->holding = holding;
	DL_APPEND(link->proof->links, link);
	return 0;
}

static void discard(struct mem_shared *all, struct quota *quota, uid_t uid, struct mem_shared_holding *shared)
{
	remove_link(all, quota, &shared->by_identity);
	remove_link(all, quota, &shared->by_id);
	tree_discard(quota, uid, sizeof(*shared), shared);
}

static int add_to_tables(struct mem_shared *all, struct quota *quota, struct mem_shared_holding *shared)
{
	struct lock_holder holder = mem_holder_of(shared->holding);
	int err = add_link(all, quota, &shared->by_id, shared->holding, false, holder.claim.id);

	if (err == 0)
		err = add_link(all, quota, &shared->by_identity, shared->holding, true, holder.claim.identity);
	if (err < 0)
		return err;
	HASH_ADD(hh, all->by_token, token, sizeof(shared->token), shared);
	return shared->hh.tbl ? 0 : -ENOMEM;
}

int shared_add(struct mem_shared *all, struct quota *quota, struct mem_holding *holding)
{
	uid_t uid = holding->holder->holder.uid;
	struct mem_shared_holding *shared;
	void *memory;
	int err = tree_allocate(quota, uid, sizeof(*shared), &memory);

	if (err < 0)
		return err;
	shared = memory;
	shared->holding = holding;
	shared->token = holding->token;
	err = add_to_tables(all, quota, shared);
	if (err < 0)
		discard(all, quota, uid, shared);
	else
		holding->shared = shared;
	return err;
}

void shared_remove(struct mem_shared *all, struct quota *quota, struct mem_holding *holding)
{
	HASH_DELETE(hh, all->by_token, holding->shared);
	discard(all, quota, holding->holder->holder.uid, holding->shared);
	holding->shared = NULL;
}

struct mem_holding *shared_find(const struct mem_shared *all, uint64_t token)
{
	struct mem_shared_holding *shared;

	HASH_FIND(hh, all->by_token, &token, sizeof(token), shared);
	return shared ? shared->holding : NULL;
}

struct mem_holding *shared_find_own(const struct mem_shared *all, const struct mem_lock *lock, const struct lock_claim *claim)
{
	const char *text = claim->identity ? claim->identity : claim->id;
	union name_buffer buffer;
	const struct mem_proof *proof;
	size_t size = text ? name_of(&buffer, lock, claim->identity != NULL, text) : 0;

	proof = size > 0 ? find_proof(all, &buffer, size) : NULL;
	return proof ? proof->links->holding : NULL;
}
