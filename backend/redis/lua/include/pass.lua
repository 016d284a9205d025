-- Passing a lock on to waiters: the first one, or shared ones next to each other.

-- Has heartbeat.lua pass a key on if it is free at this time.
local function pass_on_later(key, when_ms)
  call('ZADD', ns .. '#g', integer(when_ms), key)
  call('PEXPIRE', ns .. '#g', 60000)
end

-- Tickets of dead instances that one script may still drop.
local dead_tickets_left = 500

-- Grants that one script makes at most. Each grant that is confirmed makes more.
local GRANTS_MAX = 50

-- Notes what follows from a grant.
local function note_grant(key, wants, new, before)
  local ttl = tonumber(new.ttl)
  if before and ttl > 0 and before > now_ms + ttl then set_details(key, new, 'early', '1') end
  keep_tickets(key, new.lock_ends)
  -- An instance that does not confirm within its grace counts as dead: no second grant waits for it.
  call('PEXPIRE', mount_key(wants.mount), wants.grace)
  pass_on_later(key, now_ms + new.left)
end

-- Makes a holding for a waiter. Returns whether that was done.
local function grant(key, wants, rest, before)
  -- The directory may have been removed: the waiter finds that out when it asks again.
  if check_parent(key) ~= 'OK' then return false end
  local new, problem = hold(key, wants, true, rest)
  if new then follow_up(note_grant, key, wants, new, before) end
  trouble = trouble or problem
  return new ~= nil
end

-- Grants a lock to the first ticket whose instance lives, and to the shared ones behind a shared one. `rest` is what is left
-- of the lock: nil if it is free, else one of its holdings. A conversion keeps its ticket: its instance is told to ask again.
-- Tickets of dead instances and damaged ones are
-- dropped; an instance that was only out of reach joins again in its old order. If there are very many of
-- them, the next heartbeat continues. `before` is the time at which the ended lease would have ended.
local function pass_on(key, rest, before)
  local grants_left = GRANTS_MAX
  while true do
    local nonce = call('ZRANGEBYSCORE', tickets_key(key), '-inf', 'inf', 'LIMIT', 0, 1)[1]
    if not nonce then return end
    local wants = follow_up(wants_of, key, nonce)
    local lives = wants and call('EXISTS', mount_key(wants.mount)) == 1
    local converts = lives and wants.replaces and live_end(key, wants.replaces)
    if lives and (converts or not wants.replaces) and not may_have(key, rest, wants) then return end
    if converts and notify(wants.mount, 'GRANT', nonce, key) > 0 then return end
    if grants_left == 0 then return pass_on_later(key, now_ms) end
    leave(key, nonce)
    if lives and notify(wants.mount, 'GRANT', nonce, key) > 0 and not wants.replaces then
      if not grant(key, wants, rest, before) or wants.mode ~= 'shared' then return end
      rest, grants_left = { mode = 'shared' }, grants_left - 1
    else
      dead_tickets_left = dead_tickets_left - 1
      if dead_tickets_left <= 0 then
        follow_up(pass_on_later, key, now_ms)
        return
      end
    end
  end
end

-- Confirms a grant: the lease begins. Until the expiry is set, which decides, the holding lasts for the
-- grace, whatever fails.
local function confirm(key, held)
  local ttl, early = lease(held.ttl), held.early
  held.acquired, held.refreshed = integer(now_ms), integer(now_ms)
  clear_details(key, held, 'granted', 'early')
  set_details(key, held, 'acquired', held.acquired, 'refreshed', held.refreshed)
  if is_shared(held) then
    held.granted = nil
    add_members(key, held)
  end
  -- If the stored lease is damaged, the holding keeps the end that it has.
  if ttl then set_lease_end(key, held, ttl > 0 and now_ms + ttl or nil, early) end
  -- Another shared grant may be unconfirmed.
  if not is_shared(held) then follow_up(call, 'ZREM', ns .. '#g', key) end
  publish('ACQUIRED', key, held)
end
