-- Acquiring a lock that is free.

-- The lease of an acquisition in ms; -1: never ends. `wants` has the fields of acquire.lua.
local function wanted_ttl(key, wants)
  return lease(wants.ttl) or default_ttl(parent(key)) or lease(wants.fallback) or -1
end

-- A fencing token larger than all before it. The clock keeps it so even if NS#token was lost or damaged.
local function next_token()
  local token = integer(now_us)
  local last = number(call('SET', ns .. '#token', token, 'GET'), 0, LAST_TOKEN)
  if last and last >= now_us then
    token = integer(last + 1)
    call('SET', ns .. '#token', token)
  end
  return token
end

local function problem_of(answer)
  return type(answer) == 'table' and answer.err and answer or nil
end

-- Writes the details, then the lock. The lock decides, because a lock without details would belong to
-- nobody. Returns the error, or nil.
local function write_exclusive(key, id, flat, expires)
  local problem = problem_of(redis.pcall('HSET', details_key(key), unpack(flat)))
  if not problem and expires then
    problem = problem_of(redis.pcall('PEXPIREAT', details_key(key), integer(expires)))
  end
  if problem then return problem end
  if expires then return problem_of(redis.pcall('SET', lock_key(key), id, 'PXAT', integer(expires))) end
  return problem_of(redis.pcall('SET', lock_key(key), id))
end

-- Adds a holding to a shared lock. Its lease decides.
local function add_shared(key, new, expires)
  put_details(key, new)
  put_lease(key, new.token, expires or math.huge)
end

-- Writes the first holding of a shared lock and then the lock, which decides.
local function write_shared(key, new, expires)
  call('DEL', leases_key(key), holdings_key(key), order_key(key))
  call('HSET', details_key(key), 'shared', '1')
  put_details(key, new)
  call('ZADD', leases_key(key), expires and integer(expires) or 'inf', new.token)
  set_companions_end(key, expires)
  if expires then
    call('SET', lock_key(key), SHARED, 'PXAT', integer(expires))
  else
    call('SET', lock_key(key), SHARED)
  end
end

-- The details of a new holding.
local function new_details(wants, token, ttl, granted)
  local now = integer(now_ms)
  local flat = {
    'id', wants.id, 'nonce', wants.nonce, 'token', token, 'ttl', ttl, 'acquired', now, 'refreshed', now,
    'user', wants.user, 'host', wants.host, 'mount', wants.mount, 'place', wants.place, 'command', wants.command,
    'pid', wants.pid, 'uid', wants.uid, 'gid', wants.gid, 'grace', wants.grace, 'undoable', '1',
  }
  if wants.identity ~= '' then put(flat, 'identity', wants.identity) end
  if wants.bound ~= '' then put(flat, 'bound', '1') end
  if granted then put(flat, 'granted', '1') end
  -- A conversion has '' if the replaced holding has none.
  for _, field in ipairs({ 'form', 'permissions' }) do
    if wants[field] and wants[field] ~= '' then put(flat, field, wants[field]) end
  end
  if wants.content then put(flat, 'content', wants.content) end
  if wants.linked then
    put(flat, 'linked', wants.linked)
    put(flat, 'linked_key', wants.linked_key)
  end
  return flat
end

-- The holding with these details, as holding() reads it.
local function holding_of(flat, mode)
  local new = fields_of(flat)
  new.flat, new.mode = flat, mode
  return new
end

-- Removes what an acquisition wrote before it failed.
local function take_back(key, new, rest)
  if rest then return try(remove_details, key, new) end
  -- The right to HSET was there before; the right to DEL may be missing.
  redis.pcall('HSET', details_key(key), 'id', '')
  try(delete_details, key)
end

-- Makes a holding of a key that is free, or one more of a lock that is shared: then `rest` is what is left of the lock.
-- A `granted` one lasts for the grace, until it is confirmed. The
-- first write needs memory, so a full server refuses it before anything has changed. If a later write
-- fails, what was written means nothing: list.lua forgets the index entry, and the details are deleted,
-- because another Redis client may take the lock with the same id. Returns the holding, or nil and the
-- error, or raises the error.
local function hold(key, wants, granted, rest)
  local ttl = wanted_ttl(key, wants)
  local left = granted and tonumber(wants.grace) or ttl
  local expires = left > 0 and now_ms + left or nil
  local before = rest and {} or call('HGETALL', details_key(key))
  local gone = #before > 0 and deleted_holdings(key, holding_of(before)) or {}
  local new = holding_of(new_details(wants, next_token(), integer(ttl), granted), wants.mode)
  local ends = expires
  if rest then ends = time_of(math.max(expires or math.huge, last_end(key) or 0)) end

  index_add(key, ends)
  if #before > 0 then delete_details(key) end
  local problem
  if rest then
    problem = try(add_shared, key, new, expires)
  elseif is_shared(new) then
    problem = try(write_shared, key, new, expires)
  else
    problem = write_exclusive(key, new.id, new.flat, expires)
  end
  if problem then
    take_back(key, new, rest)
    return nil, problem
  end
  notify_gone(key, gone)
  if rest then follow_up(remove_ended, key) end
  if new.form then follow_up(note_form, key, ends) end
  if not granted then publish('ACQUIRED', key, new) end
  new.left, new.lock_ends = left, ends
  return new
end
