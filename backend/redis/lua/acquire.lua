-- ARGV: 4 id, 5 identity, 6 nonce, 7 ttl, 8 fallback ttl, 9 user, 10 host,
-- 11 place, 12 command, 13 pid, 14 uid, 15 gid, 16 '1': bound, 17 '1': waits,
-- 18 '1': anew, 19 order, 20 grace in ms. Leases in ms; 0: unset, -1: never. `order` is 0, or what
-- the ticket of this nonce was told when it joined. Who is handed a lock confirms it
-- by asking once more. The answer does not tell again what was asked with.

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/hold.lua"

local wants = {
  id = ARGV[4], identity = ARGV[5], nonce = ARGV[6], ttl = ARGV[7], fallback = ARGV[8], user = ARGV[9],
  host = ARGV[10], place = ARGV[11], command = ARGV[12], pid = ARGV[13], uid = ARGV[14], gid = ARGV[15],
  bound = ARGV[16], grace = ARGV[20], mount = mount,
}

-- The answer to whom it is now.
local function mine(held, left, waiters)
  local details = { 'ttl', held.ttl, 'acquired', held.acquired, 'refreshed', held.refreshed }
  if held.content then details[7], details[8] = 'content', held.content end
  return { 'OK', held.id, left, now_ms, held.token, details, waiters, trouble }
end

-- Who was let in to wait is let in, also where the memory is full by now.
if ARGV[19] ~= '0' then begin_freely() end

if path ~= '' and call('EXISTS', KEYS[1], dir_key(path), tickets_key(path)) == 0 then
  local word = check_parent(path)
  if word ~= 'OK' then return { word } end
  local new, problem = hold(path, wants)
  if not new then return problem end
  return mine(new, new.left, 0)
end

--- @include "include/holding.lua"
--- @include "include/lease.lua"
--- @include "include/queue.lua"
--- @include "include/pass.lua"

local waits, anew, order = ARGV[17] == '1', ARGV[18] == '1', tonumber(ARGV[19])

local held = holding(path)
-- Who was handed it and was too late for that, as one far away may be each time, has it still if it is its turn.
if not held and not is_first(path, order) then
  -- Nobody is let in past those who wait. Who waits as well joins them, and one of the next looks
  -- goes on behind the tickets of dead mounts; who does not wait cannot be told anything before that.
  if not waits then dead_left = math.huge end
  pass_on(path)
  held = holding(path)
end
if held then
  if held.nonce == wants.nonce then
    if held.granted then
      say_alive()
      confirm(path, held)
    end
    return mine(held, call('PTTL', KEYS[1]), follow_up(call, 'ZCARD', tickets_key(path)) or 0)
  end
  if not anew and proves(wants.id, wants.identity, held) then
    prove(path, held)
    if waits then leave(path, wants.nonce) end
    return describe('EEXIST', path, held)
  end
  if not waits then
    publish('UNAVAILABLE', path, held)
    return describe('EBUSY', path, held)
  end
end
if waits and (held or not is_first(path, order)) then
  -- First, as it needs memory: so a full server refuses it before anything has changed.
  local at = join(path, wants, order)
  return { 'QUEUED', at, call('PTTL', KEYS[1]), call('ZRANK', tickets_key(path), wants.nonce),
    held and held.foreign and 1 or 0, say_alive(), trouble }
end
if dir_exists(path) then return { 'EISDIR' } end
local word = check_parent(path)
if word ~= 'OK' then return { word } end
local new, problem = hold(path, wants)
if not new then return problem end
if order > 0 then
  follow_up(leave, path, wants.nonce)
  follow_up(keep_tickets, path, new.expires)
end
return mine(new, new.left, follow_up(call, 'ZCARD', tickets_key(path)) or 0)
