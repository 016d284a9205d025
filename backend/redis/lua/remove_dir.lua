-- 'EAGAIN': what stood in the index first was names without locks, which another client has
-- deleted by force. They are forgotten as in list.lua, so many at a time, and where there may be
-- more it is to be asked again, until a lock is found or the index is empty.

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/message.lua"
--- @include "include/forget.lua"

local DEAD_MAX = 200

if path == '' then return { 'EBUSY' } end
if call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end
if call('EXISTS', subdirs_key(path)) == 1 then return { 'ENOTEMPTY' } end
local names = call('ZRANGEBYSCORE', index_key(path), integer(now_ms), 'inf', 'LIMIT', 0, DEAD_MAX)
for _, lock in ipairs(names) do
  if call('EXISTS', lock_key(path .. '/' .. lock)) == 1 then return { 'ENOTEMPTY' } end
end
for _, lock in ipairs(names) do
  local refused = forget(path .. '/' .. lock)
  if refused then return refused end
end
-- A name that cannot be taken out of the index would be found again and again.
if trouble then return trouble end
if #names == DEAD_MAX then return { 'EAGAIN' } end
-- A name whose directory has gone could not be removed, so the directory goes last. Of an index of
-- many names whose leases have passed, the server frees the memory by the way.
local named = call('SREM', subdirs_key(parent(path)), name(path))
local removed = redis.pcall('UNLINK', dir_key(path), index_key(path))
if type(removed) == 'number' then return { 'OK' } end
if named == 1 then redis.pcall('SADD', subdirs_key(parent(path)), name(path)) end
return removed
