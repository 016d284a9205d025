-- Undoes an acquisition whose caller was not told of it: it waits, its answer was lost, or its caller was gone.
-- A holder that was told by another call that it has the lock keeps it.
--
-- ARGV: 4 nonce of the acquisition, or token of the holding
-- Answers: 'OK' and the token, if a lock was released; 'ENOENT': neither ticket nor holding; 'EEXIST': the
--   holder was told

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/lease.lua"
--- @include "include/shared.lua"
--- @include "include/room.lua"
--- @include "include/queue.lua"
--- @include "include/free.lua"

local about = ARGV[4]
local held = holding(path, { nonce = about, token = about })
local is_meant = held and (held.nonce == about or held.token == about)
if is_meant and not is_undoable(held) then return { 'EEXIST' } end
local left_queue = not is_meant and leave(path, about)
local may_serve = held and is_shared(held) or not held and call('EXISTS', room_key(parent(path))) == 1
if not is_meant and not (left_queue and may_serve) then return { left_queue and 'OK' or 'ENOENT' } end

--- @include "include/gone.lua"
--- @include "include/hold.lua"
--- @include "include/forget.lua"
--- @include "include/pass.lua"
--- @include "include/convert.lua"

-- Those who waited behind the ticket may go on.
if left_queue then
  follow_up(pass_on, path, held)
  return { 'OK', trouble }
end

-- Puts back the holding that a conversion replaced, as its caller was not answered and knows that holding. Returns false if
-- others share the lock since.
local function restore(of)
  if is_shared(of) and count_shared(path) > 1 then return false end
  allow_when_full()
  local flat = { unpack(of.flat) }
  for _, field in ipairs({ 'replaced', 'undoable', 'content' }) do put(flat, field) end
  put(flat, 'token', of.replaced)
  local left = left_of(path, of)
  local old = holding_of(flat, not is_shared(of) and 'shared' or nil)
  local problem = convert(path, of, old, left >= 0 and now_ms + left or nil)
  if problem then error(problem.err) end
  if is_shared(old) then follow_up(pass_on, path, old) end
  return true
end

local replaced = number(held.replaced, 1, LAST_TOKEN) and held.nonce == about
if replaced and restore(held) then return { 'OK', held.token, trouble } end
local before, rest = free(path, held, 'RELEASED')
if replaced then notify(held.mount, 'GONE', held.replaced, path) end
if before then follow_up(pass_on, path, rest, before) end
return { 'OK', held.token, trouble }
