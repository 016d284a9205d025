/* Copies what lives in the tree to a new journal, some records at a time. */
#include "backend/memory/journal/rewrite.h"

#include "backend/memory/journal/describe.h"

/* What one turn of the loop copies, which takes less than 1 ms. */
#define RECORDS_A_TURN 1000
#define BYTES_A_TURN (256 * 1024)

static int copy_dir(struct journal_rewrite *rewrite, struct mem_dir *dir)
{
	struct record record = describe_dir(dir);

	dir->entry.mark = rewrite->mark;
	return describe_in(&rewrite->file, &record);
}

int rewrite_begin(struct journal_rewrite *rewrite, const struct mem_tree *tree, uint64_t last_token)
{
	struct record token = describe_token(last_token);
	int err = describe_in(&rewrite->file, &token);

	rewrite->mark++;
	rewrite->entry = tree->by_path;
	rewrite->holding = NULL;
	return err < 0 ? err : copy_dir(rewrite, tree->root);
}

/* The content of a lock comes with its oldest holding. If only that one is copied when it ends, its successor brings it. */
static int copy_content(struct journal_rewrite *rewrite, const struct mem_holding *holding)
{
	const struct mem_lock *lock = holding->lock;
	struct record record;

	if (holding != lock->holdings || lock->content_size == 0)
		return 0;
	record = describe_content(holding, 0, lock->content_size);
	return describe_in(&rewrite->file, &record);
}

/* Notes a link if the other holding has been copied already, else that one will note it. */
static int copy_link(struct journal_rewrite *rewrite, const struct mem_holding *holding)
{
	struct record record;

	if (!holding->linked || holding->linked->mark != rewrite->mark)
		return 0;
	record = describe_link(holding);
	return describe_in(&rewrite->file, &record);
}

static int copy_holding(struct journal_rewrite *rewrite, struct mem_holding *holding)
{
	struct record record = describe_holding(holding);
	int err = describe_in(&rewrite->file, &record);

	holding->mark = rewrite->mark;
	if (err == 0)
		err = copy_content(rewrite, holding);
	return err < 0 ? err : copy_link(rewrite, holding);
}

static void pass_entry(struct journal_rewrite *rewrite)
{
	rewrite->entry = rewrite->entry->hh.next;
	rewrite->holding = NULL;
}

/* Goes on with the holding behind this one. If there is none, all of the lock is copied: a new holding is noted at once. */
static void pass_holding(struct journal_rewrite *rewrite, const struct mem_holding *holding)
{
	rewrite->holding = holding->next;
	if (rewrite->holding)
		return;
	rewrite->entry->mark = rewrite->mark;
	pass_entry(rewrite);
}

/* Copies the next holding or directory. */
static int copy_next(struct journal_rewrite *rewrite)
{
	struct mem_entry *entry = rewrite->entry;
	struct mem_holding *holding = rewrite->holding;
	int err;

	if (entry->mark == rewrite->mark) {
		pass_entry(rewrite);
		return 0;
	}
	if (entry->kind == ENTRY_DIR) {
		err = copy_dir(rewrite, (struct mem_dir *)entry);
		pass_entry(rewrite);
		return err;
	}
	if (!holding)
		holding = ((struct mem_lock *)entry)->holdings;
	err = copy_holding(rewrite, holding);
	pass_holding(rewrite, holding);
	return err;
}

int rewrite_some(struct journal_rewrite *rewrite)
{
	uint64_t most = rewrite->file.end + BYTES_A_TURN;

	for (int i = 0; i < RECORDS_A_TURN && rewrite->entry && rewrite->file.end < most; i++) {
		int err = copy_next(rewrite);

		if (err < 0)
			return err;
	}
	return rewrite->entry != NULL;
}

bool rewrite_takes_holding(struct journal_rewrite *rewrite, struct mem_holding *holding)
{
	struct mem_entry *lock = &holding->lock->entry;
	bool is_new = holding->lock->holding_count == 1;

	if (!rewrite_has(rewrite, lock->mark) && !(is_new && rewrite_has(rewrite, lock->parent->entry.mark)))
		return false;
	lock->mark = rewrite->mark;
	holding->mark = rewrite->mark;
	return true;
}

bool rewrite_takes_dir(struct journal_rewrite *rewrite, struct mem_dir *dir)
{
	if (!rewrite_has(rewrite, dir->entry.mark) && !(dir->entry.parent && rewrite_has(rewrite, dir->entry.parent->entry.mark)))
		return false;
	dir->entry.mark = rewrite->mark;
	return true;
}

void rewrite_skip_holding(struct journal_rewrite *rewrite, const struct mem_holding *holding)
{
	if (rewrite_is_active(rewrite) && rewrite->holding == holding)
		pass_holding(rewrite, holding);
}

void rewrite_skip_entry(struct journal_rewrite *rewrite, const struct mem_entry *entry)
{
	if (rewrite_is_active(rewrite) && rewrite->entry == entry)
		pass_entry(rewrite);
}
