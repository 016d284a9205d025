-- Publishes an event of a call that changed nothing, if the holding is there. FAILED_REFRESH is also
-- published if the lock is free. If the lock is free and its directory is full, UNAVAILABLE becomes FULL.
--
-- ARGV: 4 kind of event, 5 token ('': any holding)
-- Answers: 'OK'

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"
--- @include "include/directory.lua"
--- @include "include/room.lua"

local held = holding(path, meant_by(ARGV[5]))
local is_meant = held and (ARGV[5] == '' or ARGV[5] == held.token)
if is_meant or (not held and ARGV[4] == 'FAILED_REFRESH') then publish(ARGV[4], path, held) end
if not held and ARGV[4] == 'UNAVAILABLE' and ARGV[5] == '' and path ~= '' then
  local dir = parent(path)
  local limit = limit_of(dir)
  if limit and (call('EXISTS', room_key(dir)) == 1 or count_others(dir, path) >= limit) then publish('FULL', dir) end
end
return { 'OK', trouble }
