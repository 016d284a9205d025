-- The index of a directory: the names of its locks by expiry. It expires with its last lock, and so does the note that locks
-- may have another form than a file.

local function keep_index(dir)
  local last = call('ZREVRANGE', index_key(dir), 0, 0, 'WITHSCORES')
  if #last == 0 then
    call('DEL', forms_key(dir))
  elseif last[2] == 'inf' then
    call('PERSIST', index_key(dir))
  else
    call('PEXPIREAT', index_key(dir), integer(last[2]))
    -- The lock of another form that never ended may have been released, or have a lease now.
    if call('PTTL', forms_key(dir)) == -1 then call('PEXPIREAT', forms_key(dir), integer(last[2])) end
  end
end

-- Index entries of expired leases that one script removes at most: there may be many of them.
local EXPIRED_MAX = 100

local function index_add(key, expires_ms)
  local dir = parent(key)
  local expired = call('ZRANGEBYSCORE', index_key(dir), '-inf', '(' .. integer(now_ms), 'LIMIT', 0, EXPIRED_MAX)
  if #expired > 0 then call('ZREM', index_key(dir), unpack(expired)) end
  call('ZADD', index_key(dir), expires_ms and integer(expires_ms) or 'inf', name(key))
  keep_index(dir)
end

local function index_remove(key)
  local dir = parent(key)
  if call('ZREM', index_key(dir), name(key)) == 1 then keep_index(dir) end
end

-- Notes that a lock has another form than a file until `expires_ms` (nil: for ever), for listings.
local function note_form(key, expires_ms)
  local noted = forms_key(parent(key))
  local left = call('PTTL', noted)
  if not expires_ms then
    call('SET', noted, '1')
  elseif left ~= -1 and now_ms + left < expires_ms then
    call('SET', noted, '1', 'PXAT', integer(expires_ms))
  end
end
