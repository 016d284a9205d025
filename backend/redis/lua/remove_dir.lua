-- Removes an empty directory. Index entries of locks that another Redis client deleted do not count; they are
-- forgotten, a limited number at a time.
--
-- ARGV: nothing more
-- Answers: 'OK'; 'EAGAIN': entries were forgotten and there may be more, so call again; 'ENOTEMPTY'; 'ENOENT';
--   'ENOTDIR': a lock; 'EBUSY': the root

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/message.lua"
--- @include "include/holding.lua"
--- @include "include/gone.lua"
--- @include "include/forget.lua"

if in_grace then return answer_grace() end
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
-- If a name cannot be removed from the index, calling again would find it again for ever.
if trouble then return trouble end
if #names == DEAD_MAX then return { 'EAGAIN' } end
-- A name in the parent without a directory could not be removed, so the directory goes last. UNLINK frees the
-- memory of a large index of expired names in the background.
local named = call('SREM', subdirs_key(parent(path)), name(path))
local removed = redis.pcall('UNLINK', dir_key(path), index_key(path), limit_key(path), room_key(path), forms_key(path))
if type(removed) == 'number' then return { 'OK' } end
if named == 1 then redis.pcall('SADD', subdirs_key(parent(path)), name(path)) end
return removed
