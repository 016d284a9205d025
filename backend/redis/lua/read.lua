-- Reads the lock or directory at a path.
--
-- ARGV: 4 id, 5 identity of a caller that wants to know whether it holds the lock; both '': no such caller;
--   6 token of the holding that is meant ('': any), 7 '1' if a caller is told what the lock is like, else ''
-- Answers: 'OK' and a lock as describe() has it; 'DIR', mode, uid, gid, time of the last change in ms, and the
--   lease of locks made in the directory (0: unset), its limit (0: none), and how many wait for room; 'ENOENT'

--- @include "include/names.lua"
--- @include "include/epoch.lua"

local found = path == '' and 2 or call('EXISTS', KEYS[1], dir_key(path), limit_key(path))
if found == 0 then return { 'ENOENT' } end

--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/holding.lua"
--- @include "include/message.lua"
--- @include "include/room.lua"

shows_links = ARGV[7] == '1'
local held = path ~= '' and holding(path, meant_by(ARGV[6], ARGV[4], ARGV[5])) or nil
if held then
  -- The instance of the holder has missed REVOKE.
  if held.revoked and held.mount == mount then notify(mount, 'REVOKE', held.token, path) end
  if not may_name_holder(path, held, ARGV[4], ARGV[5]) then
    held.flat[#held.flat + 1] = 'granted'
    held.flat[#held.flat + 1] = '1'
  end
  return describe('OK', path, held)
end
if not dir_exists(path) then return { 'ENOENT' } end
local limit = found > 1 and limit_of(path) or nil
local dir = call('HMGET', dir_key(path), 'mode', 'uid', 'gid', 'changed', 'mtime')
return { 'DIR', dir[1] or '0', dir[2] or '0', dir[3] or '0', dir[4] or '0', integer(default_ttl(path) or 0),
  integer(limit or 0), limit and count_room_waiters(path) or 0, dir[5] or '' }
