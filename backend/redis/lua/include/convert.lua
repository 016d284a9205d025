-- Conversions: a holding is replaced by one in the other mode.

-- Fields of the details that belong to the lock and not to its exclusive holding.
local OF_LOCK = { content = true, shared = true }

local function remove_exclusive_details(key, held)
  local fields = {}
  for i = 1, #held.flat, 2 do
    if not OF_LOCK[held.flat[i]] then fields[#fields + 1] = held.flat[i] end
  end
  call('HDEL', details_key(key), unpack(fields))
end

local function remove_shared_details(key)
  call('DEL', leases_key(key), holdings_key(key), order_key(key))
  call('HDEL', details_key(key), 'shared')
end

-- Replaces a holding by `new`, which has the other mode, and publishes that. The write of the lock itself
-- decides. Returns the error, or nil. If there is an error, what was written means nothing.
local function convert(key, held, new, expires)
  local before = end_of(key)

  index_add(key, expires)
  if is_shared(new) then
    local problem = try(write_shared, key, new, expires)
    if problem then
      try(remove_shared_details, key)
      return problem
    end
    follow_up(remove_exclusive_details, key, held)
  else
    local problem = write_exclusive(key, new.id, new.flat, expires)
    if problem then
      try(remove_exclusive_details, key, new)
      return problem
    end
    follow_up(remove_shared_details, key)
  end
  publish('RELEASED', key, held)
  notify_holder('ENDED', key, held)
  notify_watchers('ENDED', key, held)
  publish('ACQUIRED', key, new)
  follow_up(set_end_of_tickets, key, expires, expires and expires < before)
end
