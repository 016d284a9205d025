-- Undoes an acquisition whose caller was not told of it: it waits, its answer was lost, or its caller was gone.
-- A holder that was told by another call that it has the lock keeps it.
--
-- ARGV: 4 nonce of the acquisition, or token of the holding
-- Answers: 'OK' and the token, if a lock was released; 'ENOENT': neither ticket nor holding; 'EEXIST': the
--   holder was told

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/lease.lua"
--- @include "include/queue.lua"
--- @include "include/free.lua"

local held, about = holding(path), ARGV[4]
if not held or (held.nonce ~= about and held.token ~= about) then
  return { leave(path, about) and 'OK' or 'ENOENT' }
end
if not is_undoable(held) then return { 'EEXIST' } end
local before = free(path, held, 'RELEASED')
if not before then return { 'OK', held.token, trouble } end

--- @include "include/hold.lua"
--- @include "include/pass.lua"

-- Others wait for the lock.
follow_up(pass_on, path, before)
return { 'OK', held.token, trouble }
