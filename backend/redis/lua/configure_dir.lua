-- Changes settings of a directory.
--
-- ARGV: 4 mode, 5 uid, 6 gid, 7 ttl in ms, 8 limit, 9 mtime in ms. '' leaves a setting as it is; ttl or limit 0 removes it.
-- Answers: 'OK'; 'ENOENT'; 'ENOTDIR': a lock

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"

if path ~= '' and call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end

local removes_ttl, limit, flat = ARGV[7] == '0', ARGV[8], {}
for i, setting in ipairs({ 'mode', 'uid', 'gid', 'ttl' }) do
  local value = ARGV[3 + i]
  if value ~= '' and not (setting == 'ttl' and removes_ttl) then
    flat[#flat + 1], flat[#flat + 2] = setting, value
  end
end
if ARGV[9] ~= '' then flat[#flat + 1], flat[#flat + 2] = 'mtime', ARGV[9] end
if path ~= '' then flat[#flat + 1], flat[#flat + 2] = 'changed', integer(now_ms) end

-- The first write decides.
local write = call
local function write_next(...)
  write(...)
  write = function(...) return follow_up(call, ...) end
end

-- HDEL and DEL come first because they need no memory, so a full server allows them. No call removes one setting and
-- changes another.
if removes_ttl then write_next('HDEL', dir_key(path), 'ttl') end
if limit == '0' then write_next('DEL', limit_key(path)) end
if limit ~= '' and limit ~= '0' then write_next('SET', limit_key(path), limit) end
if #flat > 0 then write_next('HSET', dir_key(path), unpack(flat)) end
if limit == '' then return { 'OK', trouble } end

--- @include "include/index.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/lease.lua"
--- @include "include/shared.lua"
--- @include "include/gone.lua"
--- @include "include/hold.lua"
--- @include "include/room.lua"
--- @include "include/forget.lua"
--- @include "include/queue.lua"
--- @include "include/pass.lua"

-- There may be more room.
follow_up(serve_room, path)
return { 'OK', trouble }
