-- Has the end of a holding of another instance sent to the calling instance, if the server lets it write.
--
-- ARGV: 4 token
-- Answers: 'OK' and the lock as describe() has it; 'ENOENT'

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/holding.lua"

local held = path ~= '' and holding(path, meant_by(ARGV[4])) or nil
if not held then return { 'ENOENT' } end
local watchers = held.watchers or ''
if held.token == ARGV[4] and not held.foreign and held.mount ~= mount and not string.find(watchers, mount, 1, true) then
  pcall(allow_when_full)
  try(set_details, path, held, 'watchers', watchers .. mount .. ' ')
end
return describe('OK', path, held)
