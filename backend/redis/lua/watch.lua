-- ARGV: 4 token. Has the end of this holding of another mount told to the mount that
-- asks, where that may write; answers as read.lua.

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/holding.lua"

local held = path ~= '' and holding(path) or nil
if not held then return { 'ENOENT' } end
local watchers = held.watchers or ''
if held.token == ARGV[4] and not held.foreign and held.mount ~= mount and not string.find(watchers, mount, 1, true) then
  pcall(begin_freely)
  redis.pcall('HSET', details_key(path), 'watchers', watchers .. mount .. ' ')
end
return describe('OK', path, held)
