-- The index of a directory: it is there for as long as a lock in it, and not for ever after.

-- Its end is that of the last lock.
local function keep_index(dir)
  local last = call('ZREVRANGE', index_key(dir), 0, 0, 'WITHSCORES')
  if #last == 0 then return end
  if last[2] == 'inf' then
    call('PERSIST', index_key(dir))
  else
    call('PEXPIREAT', index_key(dir), integer(last[2]))
  end
end

-- Answers whether it was in there already.
local function index_add(key, expires_ms)
  local index = index_key(parent(key))
  local left = call('PTTL', index)
  if left ~= -2 and call('ZREMRANGEBYSCORE', index, '-inf', '(' .. integer(now_ms)) > 0 then
    left = call('PTTL', index)
  end
  local known = call('ZADD', index, expires_ms and integer(expires_ms) or 'inf', name(key)) == 0
  if not expires_ms then
    if left >= 0 then call('PERSIST', index) end
  -- What is left counts from the begin of the script, which is a little before `now_ms`.
  elseif left ~= -1 and now_ms + left < expires_ms + 1000 then
    call('PEXPIREAT', index, integer(math.max(expires_ms, now_ms + left)))
  end
  return known
end

-- `endless`: it had no lease, so that the index has no end.
local function index_remove(key, endless)
  local dir = parent(key)
  if call('ZREM', index_key(dir), name(key)) == 1 and endless then keep_index(dir) end
end
