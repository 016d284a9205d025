-- Renews the sign of life of an instance that waits, and passes on what nobody else passes on: locks whose
-- lease has ended, and grants that were never confirmed.
--
-- ARGV: 4 for each key to be checked: the key, NUL, the nonce of this instance's first ticket, NUL
-- Answers: 'OK', 1 if the instance counted as alive (else 0), and a list with three numbers for each key:
--   what is left of the lease in ms, as PTTL; the rank of the ticket, -1 if it is not in the queue;
--   1 if another Redis client holds the lock, else 0
--   A key that causes an error is answered as -2, -1, 0, so that its ticket asks again and gets the error.

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
--- @include "include/pass.lua"

local was_alive = renew_alive()

local function pass_on_unconfirmed(key)
  call('ZREM', ns .. '#g', key)
  local held = holding(key)
  if not held or is_shared(held) then pass_on(key, held) end
end

local function answer_about(key, nonce)
  local held = holding(key)
  if held and is_shared(held) then follow_up(remove_ended, key) end
  if not held or is_shared(held) then
    pass_on(key, held)
    held = holding(key)
  end
  -- Another Redis client may have extended its lock.
  keep_tickets(key, end_of_tickets(key))
  return { state_for_waiters(key, held, nonce) }
end

local late = not in_grace and follow_up(call, 'ZRANGEBYSCORE', ns .. '#g', '-inf', '(' .. integer(now_ms), 'LIMIT', 0, 100)
for _, key in ipairs(late or {}) do follow_up(pass_on_unconfirmed, key) end

local answers = {}
for key, nonce in string.gmatch(ARGV[4], '([^%z]+)%z([^%z]+)%z') do
  for _, part in ipairs(follow_up(answer_about, key, nonce) or { -2, -1, 0 }) do answers[#answers + 1] = part end
end
return { 'OK', was_alive, answers, trouble }
