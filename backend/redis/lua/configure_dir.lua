-- Changes settings of a directory.
--
-- ARGV: 4 mode, 5 uid, 6 gid, 7 ttl in ms. '' leaves a setting as it is, ttl 0 removes it.
-- Answers: 'OK'; 'ENOENT'; 'ENOTDIR': a lock

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"

if path ~= '' and call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end

local removes_ttl, flat = ARGV[7] == '0', {}
for i, setting in ipairs({ 'mode', 'uid', 'gid', 'ttl' }) do
  local value = ARGV[3 + i]
  if value ~= '' and not (setting == 'ttl' and removes_ttl) then
    flat[#flat + 1], flat[#flat + 2] = setting, value
  end
end
if path ~= '' then flat[#flat + 1], flat[#flat + 2] = 'changed', integer(now_ms) end

-- HDEL comes first because it needs no memory, so a full server allows it. No call removes one setting and
-- changes another.
if removes_ttl then
  call('HDEL', dir_key(path), 'ttl')
  if #flat > 0 then follow_up(call, 'HSET', dir_key(path), unpack(flat)) end
elseif #flat > 0 then
  call('HSET', dir_key(path), unpack(flat))
end
return { 'OK', trouble }
