-- ARGV: 4 id, 5 identity of a caller that wants to know whether it holds the lock; both empty: no such caller.
-- What stands at a path: a lock as describe() has it, or a directory: 'OK', 'D',
-- mode, uid, gid, changed, and the lease of locks made in it (0: unset).

--- @include "include/names.lua"

if path ~= '' and call('EXISTS', KEYS[1], dir_key(path)) == 0 then return { 'ENOENT' } end

--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/holding.lua"
--- @include "include/message.lua"

-- A holder who is told by its own mount is not lied to: that mount knows whether it may still undo
-- the acquisition (on_read() in lock_reads.c). Another mount does not, so the acquisition is proved
-- first. Where the server refuses that, the lock is shown as one that is handed over: nobody's yet.
local function may_tell(held)
  return not is_undoable(held) or held.mount == mount or (proves(ARGV[4], ARGV[5], held) and
    type(redis.pcall('HDEL', details_key(path), 'undoable')) == 'number')
end

local held = path ~= '' and holding(path) or nil
if held then
  -- Its mount did not hear it.
  if held.revoked and held.mount == mount then tell(mount, 'REVOKE', held.token, path) end
  if not may_tell(held) then
    held.flat[#held.flat + 1] = 'granted'
    held.flat[#held.flat + 1] = '1'
  end
  return describe('OK', path, held)
end
if not dir_exists(path) then return { 'ENOENT' } end
local dir = call('HMGET', dir_key(path), 'mode', 'uid', 'gid', 'changed')
return { 'DIR', dir[1] or '0', dir[2] or '0', dir[3] or '0', dir[4] or '0', integer(default_ttl(path) or 0) }
