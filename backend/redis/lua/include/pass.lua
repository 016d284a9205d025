-- Passing a lock on to waiters: the first one, or shared ones next to each other; and room in a directory to those who wait for it.

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
local function pass_on_key(key, rest, before)
  -- A holder that is not back yet may have the lock.
  if in_grace then return end
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

-- Index entries that one script checks when a directory is full.
local CHECKED_MAX = 50

-- Forgets some locks of a full directory that another Redis client deleted; which entries are checked varies, so that all
-- are in time. Returns whether there were any.
local function forget_deleted(dir, count)
  local at = count > CHECKED_MAX and now_us % (count - CHECKED_MAX + 1) or 0
  local names = call('ZRANGEBYSCORE', index_key(dir), integer(now_ms), 'inf', 'LIMIT', integer(at), CHECKED_MAX)
  local keys, deleted = {}, false
  for i, each in ipairs(names) do keys[i] = lock_key(key_in(dir, each)) end
  if #keys == 0 or call('EXISTS', unpack(keys)) == #keys then return false end
  for i, each in ipairs(names) do
    if call('EXISTS', keys[i]) == 0 then
      forget(key_in(dir, each))
      deleted = true
    end
  end
  return deleted
end

-- Has the directory room for a lock of `key`, which is free?
local function has_room(key)
  local dir = parent(key)
  local limit = limit_of(dir)
  if not limit then return true end
  local count = count_others(dir, key)
  if count >= limit and forget_deleted(dir, count) then count = count_others(dir, key) end
  return count < limit
end

-- Keys that get room by one script at most. Each grant that is confirmed goes on.
local ROOMS_MAX = 50

-- Directories that this script has found full.
local full_dirs = {}

-- Gives room to a key that waits for it. Returns false if there is none.
local function serve_key(dir, key)
  if call('EXISTS', lock_key(key)) == 0 then
    if full_dirs[dir] or not has_room(key) then
      full_dirs[dir] = true
      return false
    end
    pass_on_key(key, nil, math.huge)
  end
  -- Whoever waits for a key that is held needs no room.
  if call('EXISTS', lock_key(key)) == 1 then
    call('ZREM', room_key(dir), name(key))
  else
    enter_room(key)
  end
  return true
end

-- Gives the room of a directory to those who wait for it in front of `order` (nil: all), the first one first.
local function serve_room(dir, order)
  if in_grace then return end
  for served = 0, ROOMS_MAX do
    local first = call('ZRANGEBYSCORE', room_key(dir), '-inf', 'inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if #first == 0 or (order and tonumber(first[2]) >= order) or dead_tickets_left <= 0 then return end
    local key = key_in(dir, first[1])
    if served == ROOMS_MAX then return pass_on_later(key, now_ms) end
    if not serve_key(dir, key) then return end
  end
end

-- Is a key that is free the next one to get room, and is there some? `order` is that of its ticket; 0: none yet.
local function is_next_in_room(key, order)
  local dir = parent(key)
  if not limit_of(dir) then return true end
  -- By its own order, so that this ticket is not granted the lock as one in front of itself.
  if order > 0 then enter_room(key) end
  serve_room(dir, order > 0 and order or nil)
  local first = call('ZRANGEBYSCORE', room_key(dir), '-inf', 'inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if #first > 0 and (order == 0 or tonumber(first[2]) < order) then return false end
  return not holding(key) and has_room(key)
end

-- Passes a lock on. `rest` and `before` are those of pass_on_key(). A key whose lease has ended before this script has lost its
-- room; one that is passed on by the script that ends it (`before`) has not.
local function pass_on(key, rest, before)
  local dir = parent(key)
  if rest or before or not limit_of(dir) then
    pass_on_key(key, rest, before)
    if rest or call('EXISTS', lock_key(key)) == 1 then return end
    call('ZREM', room_key(dir), name(key))
  else
    enter_room(key)
  end
  serve_room(dir)
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
