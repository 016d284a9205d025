-- ARGV: 4 id, 5 identity of a caller that wants to know whether it holds the lock; both empty: no such caller.
-- What stands at a path: a lock as describe() has it, or a directory: 'OK', 'D',
-- mode, uid, gid, changed, and the lease of locks made in it (0: unset).
if path ~= '' and call('EXISTS', KEYS[1], dir_key(path)) == 0 then return { 'ENOENT' } end
