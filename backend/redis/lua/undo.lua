-- ARGV: 4 nonce, or token. Takes back an acquisition whose caller was not told of it: one that
-- waits, one whose answer was lost, or one that nobody took the answer of. A holder who was told
-- elsewhere that it has the lock keeps it.

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

-- Others wait for it.
follow_up(pass_on, path, before)
return { 'OK', held.token, trouble }
