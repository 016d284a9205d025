/*
 * Calls on directories: list, make, remove, configure.
 *
 * A listing is taken a page at a time, and a removal ends only the expired locks in front of the first
 * entry that stays: no call takes long, however large the directory is.
 */
#include <errno.h>

#include "backend/memory/memory_internal.h"
#include "backend/util/clock.h"

static int find_dir(struct memory_backend *memory, const char *path, struct mem_dir **ret)
{
	struct mem_entry *entry = memory_find_entry(memory, path);

	if (!entry)
		return -ENOENT;
	if (entry->kind != ENTRY_DIR)
		return -ENOTDIR;
	*ret = (struct mem_dir *)entry;
	return 0;
}

/* Most names on one page of a listing, which takes some 50 us. */
#define PAGE_MAX 1000

/* Most names on one page of a detailed listing, which takes some 20 us. */
#define DETAILED_PAGE_MAX 200

static int begin_listing(struct memory_backend *memory, struct listing *listing)
{
	struct mem_dir *dir;
	int err = find_dir(memory, listing->path, &dir);

	if (err < 0)
		return err;
	listing->expected = dir->child_count;
	listing->dir = dir->info;
	listing->pending = tree_cursor_new(dir);
	return listing->pending ? 0 : -ENOMEM;
}

void memory_list_end(struct backend *backend, struct listing *listing)
{
	(void)backend;
	if (listing->pending)
		tree_cursor_free(listing->pending);
	listing->pending = NULL;
}

static enum lock_form form_of(const struct mem_entry *entry)
{
	return entry->kind == ENTRY_LOCK ? ((const struct mem_lock *)entry)->holdings->form : FORM_FILE;
}

static bool is_due(const struct mem_entry *entry, int64_t now_ns)
{
	return entry->kind == ENTRY_LOCK && mem_lock_is_due((const struct mem_lock *)entry, now_ns);
}

/* The holding that read() would describe to this caller. The lock is not due, but some of its holdings may be. */
static struct mem_holding *shown_holding(const struct memory_backend *memory, const struct mem_lock *lock,
                                         const struct lock_claim *claim, int64_t now_ns)
{
	struct mem_holding *shown = memory_choose_holding(memory, lock, claim, match_any());

	if (mem_holding_is_due(shown, now_ns))
		for (shown = lock->holdings; mem_holding_is_due(shown, now_ns);)
			shown = shown->next;
	if (claim)
		mem_holding_prove(shown, claim);
	return shown;
}

static struct lock describe(const struct memory_backend *memory, const struct mem_entry *entry,
                            const struct listing *listing, int64_t now_ns)
{
	return mem_holding_describe(shown_holding(memory, (const struct mem_lock *)entry, listing->claim, now_ns), now_ns);
}

/* Lists the next `most` entries. `locks` has room for so many descriptions; NULL: the listing has names only. */
static void list_page(struct memory_backend *memory, struct listing *listing, int64_t now_ns, int most, struct lock *locks)
{
	struct list_item items[PAGE_MAX];
	const struct mem_entry *entry = NULL;
	size_t count = 0;

	for (int taken = 0; taken < most && (entry = tree_cursor_next(listing->pending)); taken++) {
		if (is_due(entry, now_ns))
			continue;
		items[count] = (struct list_item){ .name = entry_name(entry), .kind = entry->kind, .form = form_of(entry) };
		if (locks && entry->kind == ENTRY_LOCK) {
			locks[count] = describe(memory, entry, listing, now_ns);
			items[count].lock = &locks[count];
		}
		count++;
	}
	listing->more = entry != NULL;
	if (!listing->more)
		memory_list_end(&memory->base, listing);
	listing->done(listing, 0, items, count);
}

void memory_list(struct backend *backend, struct listing *listing)
{
	struct memory_backend *memory = memory_of(backend);
	struct lock locks[DETAILED_PAGE_MAX];
	int64_t now_ns = memory_expire_due(memory);
	int err = 0;

	if (!listing->pending)
		err = begin_listing(memory, listing);
	if (err < 0)
		listing->done(listing, err, NULL, 0);
	else if (listing->detailed)
		list_page(memory, listing, now_ns, DETAILED_PAGE_MAX, locks);
	else
		list_page(memory, listing, now_ns, PAGE_MAX, NULL);
}

static int try_make_dir(struct memory_backend *memory, const char *path, const struct dir_info *info)
{
	struct dir_info own = *info;
	struct mem_dir *parent;
	int err;

	if (memory_find_entry(memory, path))
		return -EEXIST;
	err = tree_find_parent(&memory->tree, path, &parent);
	if (err < 0)
		return err;
	own.changed_ms = epoch_ns() / NS_PER_MS;
	own.modified_ms = TIME_UNSET;
	own.default_ttl_ms = LEASE_UNSET;
	own.limit = 0;
	err = tree_add_dir(&memory->tree, parent, path, &own);
	if (err == 0)
		journal_note_dir(memory->journal, (struct mem_dir *)tree_find(&memory->tree, path));
	return err;
}

void memory_make_dir(struct backend *backend, const char *path, const struct dir_info *info,
                     backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	memory_expire_due(memory);
	memory_answer(memory, try_make_dir(memory, path, info), done, ctx);
}

/* Ends the expired locks before the first entry that is not one. The entries that are left make the removal fail. */
static void end_due_in(struct memory_backend *memory, const struct mem_dir *dir)
{
	int64_t now_ns = boot_ns();

	while (dir->children && dir->children->kind == ENTRY_LOCK &&
		mem_lock_is_due((const struct mem_lock *)dir->children, now_ns))
		memory_end_lock(memory, (struct mem_lock *)dir->children, EVENT_EXPIRED);
}

static int try_remove_dir(struct memory_backend *memory, const char *path)
{
	struct mem_dir *dir;
	int err = find_dir(memory, path, &dir);

	if (err < 0)
		return err;
	if (dir == memory->tree.root)
		return -EBUSY;
	end_due_in(memory, dir);
	if (dir->children)
		return -ENOTEMPTY;
	journal_note_dir_end(memory->journal, dir);
	journal_forget_entry(memory->journal, &dir->entry);
	tree_remove(&memory->tree, &dir->entry);
	memory_dismiss_room(memory);
	return 0;
}

void memory_remove_dir(struct backend *backend, const char *path, backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	memory_expire_due(memory);
	memory_answer(memory, try_remove_dir(memory, path), done, ctx);
}

static int try_configure_dir(struct memory_backend *memory, const char *path, unsigned int which,
                             const struct dir_info *info)
{
	struct mem_dir *dir;
	int err = find_dir(memory, path, &dir);

	if (err < 0)
		return err;
	if (dir == memory->tree.root && (which & (DIR_MODE | DIR_UID | DIR_GID)))
		return -EPERM;
	if (which & DIR_MODE)
		dir->info.mode = info->mode;
	if (which & DIR_UID)
		dir->info.uid = info->uid;
	if (which & DIR_GID)
		dir->info.gid = info->gid;
	if (which & DIR_DEFAULT_TTL)
		dir->info.default_ttl_ms = info->default_ttl_ms;
	if (which & DIR_LIMIT)
		dir->info.limit = info->limit;
	if (which & DIR_MODIFIED)
		dir->info.modified_ms = info->modified_ms;
	dir->info.changed_ms = epoch_ns() / NS_PER_MS;
	journal_note_dir(memory->journal, dir);
	memory_serve_room(memory, path);
	return 0;
}

void memory_configure_dir(struct backend *backend, const char *path, unsigned int which,
                          const struct dir_info *info, backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	memory_expire_due(memory);
	memory_answer(memory, try_configure_dir(memory, path, which, info), done, ctx);
}
