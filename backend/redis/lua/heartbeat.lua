-- ARGV: 4 keys that this mount waits for, each with the nonce of its first ticket there,
-- all with a NUL behind. Says that the mount lives, and passes on what nobody has
-- passed on: a key whose lease is over, or that was handed over and never confirmed.
-- Answers: 'OK', whether the mount was taken for alive, and for each key what is left
-- of its lease, where the ticket stands (-1: nowhere), and 1 where the lock was taken past lockfs.
-- A key at which something fails says nothing of the others: its ticket stands nowhere, so that
-- its mount asks for it, and is told why it cannot have it.

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/lease.lua"
--- @include "include/hold.lua"
--- @include "include/queue.lua"
--- @include "include/pass.lua"

local was_alive = say_alive()

local function pass_on_unconfirmed(key)
  call('ZREM', ns .. '#g', key)
  if call('EXISTS', lock_key(key)) == 0 then pass_on(key) end
end

local function answer_about(key, nonce)
  local held = holding(key)
  if not held then
    pass_on(key)
    held = holding(key)
  end
  local left = call('PTTL', lock_key(key))
  -- Another client may have given its lock more time past lockfs.
  keep_tickets(key, left >= 0 and now_ms + left or nil)
  return { left, call('ZRANK', tickets_key(key), nonce) or -1, held and held.foreign and 1 or 0 }
end

local late = follow_up(call, 'ZRANGEBYSCORE', ns .. '#g', '-inf', '(' .. integer(now_ms), 'LIMIT', 0, 100)
for _, key in ipairs(late or {}) do follow_up(pass_on_unconfirmed, key) end

local answers = {}
for key, nonce in string.gmatch(ARGV[4], '([^%z]+)%z([^%z]+)%z') do
  for _, part in ipairs(follow_up(answer_about, key, nonce) or { -2, -1, 0 }) do answers[#answers + 1] = part end
end
return { 'OK', was_alive, answers, trouble }
