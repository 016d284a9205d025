-- Ends a holding and a ticket that the calling instance knows to have ended, as a server with older data may have them still.
--
-- ARGV: 4 token (0: there was only a ticket), 5 '1': the holding was shared, so that only this one has ended; '': exclusive, so that
--   all up to it have, 6 nonce of the acquisition ('': not known)
-- Answers: 'OK'

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
--- @include "include/gone.lua"
--- @include "include/hold.lua"
--- @include "include/room.lua"
--- @include "include/forget.lua"
--- @include "include/queue.lua"
--- @include "include/free.lua"
--- @include "include/pass.lua"

local token, was_shared, nonce = ARGV[4], ARGV[5] == '1', ARGV[6]
local held = holding(path, { token = token, nonce = nonce })

local function has_ended()
  if not held or held.foreign then return false end
  if nonce ~= '' and held.nonce == nonce then return true end
  if is_shared(held) ~= was_shared then return false end
  return held.token == token or not was_shared and tonumber(held.token) <= tonumber(token)
end

if nonce ~= '' then leave(path, nonce) end
if has_ended() then
  local before, rest = free(path, held, 'RELEASED')
  if before then follow_up(pass_on, path, rest, before) end
end
return { 'OK', trouble }
