-- In front of every script: the names of keys, and the steps that several share.
-- ARGV[1] is the namespace, ARGV[2] the path of a lock or directory, ARGV[3] the
-- daemon that asks; KEYS[1] is the lock at that path. Every script may run twice
-- with the same arguments.
--
--   NS:KEY      STRING  the id of the holder, with the lease as its expiry
--   NS#d:KEY    HASH    details of the holding, with the same expiry
--   NS#i:DIR    ZSET    names of the locks in a directory, by expiry (ms)
--   NS#s:DIR    SET     names of the directories in a directory
--   NS#D:DIR    HASH    settings of a directory; the root has them only when set
--   NS#token    STRING  the last fencing token
--   NS#ev       channel events
--   NS#m:MOUNT  channel for the daemon of one mount: keys of its locks that another touched
local ns, path, mount = ARGV[1], ARGV[2], ARGV[3]
local call = redis.call

local time = call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

local function integer(number)
  return string.format('%.0f', number)
end

local function lock_key(key) return ns .. ':' .. key end
local function details_key(key) return ns .. '#d:' .. key end
local function index_key(dir) return ns .. '#i:' .. dir end
local function subdirs_key(dir) return ns .. '#s:' .. dir end
local function dir_key(dir) return ns .. '#D:' .. dir end

local function parent(of)
  return string.match(of, '^(.*)/[^/]*$') or ''
end

local function name(of)
  return string.match(of, '[^/]*$')
end

local function dir_exists(dir)
  return dir == '' or call('EXISTS', dir_key(dir)) == 1
end

-- 'OK', or why nothing can be made at `of`.
local function check_parent(of)
  local dir = parent(of)
  if dir_exists(dir) then return 'OK' end
  if call('EXISTS', lock_key(dir)) == 1 then return 'ENOTDIR' end
  return 'ENOENT'
end

-- The lease of locks made in `dir`: its own setting, else the nearest above; 0: none.
local function default_ttl(dir)
  while true do
    local ttl = call('HGET', dir_key(dir), 'ttl')
    if ttl then return tonumber(ttl) end
    if dir == '' then return 0 end
    dir = parent(dir)
  end
end

-- A lock that another client took by plain SET has no details of its own: its
-- token is made from its id, above all that are counted.
local function foreign_token(id)
  return integer(2 ^ 52 + tonumber(string.sub(redis.sha1hex(id), 1, 12), 16))
end

-- Who holds `key`: a table with `id` and the details, or nil where it is free.
local function holding(key)
  local id = call('GET', lock_key(key))
  if not id then return nil end
  local flat = call('HGETALL', details_key(key))
  local held = {}
  for i = 1, #flat, 2 do held[flat[i]] = flat[i + 1] end
  if held.id ~= id then
    flat = {}
    held = { id = id, token = foreign_token(id), foreign = true }
  end
  held.flat = flat
  return held
end

local function proves(id, identity, held)
  if identity ~= '' then return held.identity == identity end
  return held.id == id
end

-- An answer with a lock: word, id, what is left of the lease (-1: never), now,
-- token, and the details as fields and values.
local function describe(word, key, held)
  return { word, held.id, call('PTTL', lock_key(key)), now_ms, held.token, held.flat }
end

-- The index of a directory goes with the last lock in it.
local function keep_index(dir)
  local last = call('ZREVRANGE', index_key(dir), 0, 0, 'WITHSCORES')
  if #last == 0 then return end
  if last[2] == 'inf' then
    call('PERSIST', index_key(dir))
  else
    call('PEXPIREAT', index_key(dir), integer(last[2]))
  end
end

local function index_add(key, expires_ms)
  local dir = parent(key)
  call('ZREMRANGEBYSCORE', index_key(dir), '-inf', '(' .. integer(now_ms))
  call('ZADD', index_key(dir), expires_ms and integer(expires_ms) or 'inf', name(key))
  keep_index(dir)
end

local function index_remove(key)
  local dir = parent(key)
  if call('ZREM', index_key(dir), name(key)) == 1 then keep_index(dir) end
end

local function publish(kind, key, token, ttl)
  call('PUBLISH', ns .. '#ev', kind .. ' ' .. (token or 0) .. ' ' .. (ttl or 0) .. ' ' .. key)
end

-- A daemon knows its own locks for a moment without asking; this tells it better.
local function tell_holder(held)
  if held.mount and held.mount ~= mount then call('PUBLISH', ns .. '#m:' .. held.mount, path) end
end

-- Ends a holding.
local function free(key, held)
  tell_holder(held)
  call('DEL', lock_key(key), details_key(key))
  index_remove(key)
end
