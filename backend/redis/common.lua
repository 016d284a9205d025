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
--   NS#w:KEY    ZSET    tickets (nonces) of those who wait for a lock, by order of arrival (us)
--   NS#t:KEY    HASH    what each of them wants, packed; both go when nobody waits
--   NS#m:MOUNT  STRING  the daemon of this mount lives, and has tickets; with a short expiry
--   NS#g        ZSET    keys that were handed over and not confirmed yet, by the end of that (ms)
--   NS#token    STRING  the last fencing token
--   NS#ev       channel events: `KIND TIME TOKEN LEASE OWNER`, NUL, key; the time in us since the epoch
--   NS#m:MOUNT  channel for the daemon of one mount: `WORD TOKEN-OR-NONCE KEY`
--                 GRANT   this ticket is to ask again: it has the lock, if it confirms that in
--                         time; or the lease that it waits for ends earlier than it knows
--                 TOUCH   another changed something about this holding, of yours or that you watch
--                 ENDED   another released it
--                 GONE    it was deleted past lockfs, and another has it
--                 REVOKE  another releases it by force: stop, then release it
--                 FREED   what you released by force is free
--                 HELD LEFT EVENT   has been so for a while; so much of its lease is left (survey.lua)
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
local function tickets_key(key) return ns .. '#w:' .. key end
local function wants_key(key) return ns .. '#t:' .. key end
local function mount_key(of) return ns .. '#m:' .. of end

-- So long a mount that waits is taken for alive after its last word, and tickets stay
-- behind a lock that nobody passed on, in ms. How long a lock that is handed over
-- waits for its mount, and one that is taken by force for its holder to stop, is that
-- mount's `grace`, as far away as it is.
local ALIVE, LEFTOVER = 1200, 10000

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

-- What was handed over and not confirmed is the ticket's alone: it may never be.
local function proves(id, identity, held)
  if held.granted then return false end
  if identity ~= '' then return held.identity == identity end
  return held.id == id
end

-- An answer with a lock: word, id, what is left of the lease (-1: never, -2: it is over
-- by now), now, token, the details as fields and values, and how many wait.
local function describe(word, key, held)
  return { word, held.id, call('PTTL', lock_key(key)), now_ms, held.token, held.flat,
    call('ZCARD', tickets_key(key)) }
end

-- The same of a lock that was changed. A short lease may be over by then: a server may
-- take a while from step to step, as where it was stopped.
local function describe_again(key, held)
  return describe('OK', key, holding(key) or held)
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

-- Who that is, for people: as lock_owner_print(). A value of another client may be anything.
local function owner_of(held)
  if held.identity and held.identity ~= '' then
    return held.user .. '@' .. held.host .. ':' .. held.pid .. ' ' .. held.command
  end
  return (string.gsub(string.sub(held.id, 1, 511), '%z', '?'))
end

-- What is told of a holding (nil: of none); `ttl` where it is another than before.
local function event_text(kind, key, held, ttl)
  local about = held and held.token .. ' ' .. (ttl or held.ttl or 0) .. ' ' .. owner_of(held) or '0 0 '
  return kind .. ' ' .. integer(now_us) .. ' ' .. about .. '\0' .. key
end

local function publish(kind, key, held, ttl)
  call('PUBLISH', ns .. '#ev', event_text(kind, key, held, ttl))
end

-- Tells the daemon of a mount; how many heard it.
local function tell(to, word, about, key)
  return call('PUBLISH', mount_key(to), word .. ' ' .. about .. ' ' .. key)
end

-- A daemon knows its own locks for a moment without asking; this tells it better.
local function tell_holder(word, key, held)
  if held.mount and held.mount ~= mount then tell(held.mount, word, held.token, key) end
end

-- Tickets last as long as the lock that they wait for, whoever of the waiting lives.
local function keep_tickets(key, expires_ms)
  for _, companion in ipairs({ tickets_key(key), wants_key(key) }) do
    if expires_ms then
      call('PEXPIREAT', companion, integer(expires_ms + LEFTOVER))
    else
      call('PERSIST', companion)
    end
  end
end

-- Who waits looks when the lease that it knows of ends. This one ends earlier, so the
-- first who can be told is.
local function hasten(key)
  for _, nonce in ipairs(call('ZRANGEBYSCORE', tickets_key(key), '-inf', 'inf', 'LIMIT', 0, 10)) do
    local packed = call('HGET', wants_key(key), nonce)
    if packed and tell(cmsgpack.unpack(packed).mount, 'GRANT', nonce, key) > 0 then return end
  end
end

-- When a lease ends, in ms.
local function end_of(key)
  local left = call('PTTL', lock_key(key))
  return left < 0 and math.huge or now_ms + left
end

-- Gives a lock another end (nil: none), and whatever lies beside it. `early`: it is
-- earlier than some know, as it is where it is moved to the front.
local function set_end(key, expires_ms, early)
  early = expires_ms and (early or expires_ms < end_of(key))
  for _, part in ipairs({ lock_key(key), details_key(key) }) do
    if expires_ms then call('PEXPIREAT', part, integer(expires_ms)) else call('PERSIST', part) end
  end
  index_add(key, expires_ms)
  if call('EXISTS', tickets_key(key)) == 1 then
    keep_tickets(key, expires_ms)
    if early then hasten(key) end
  end
end

-- What an acquisition wants: the fields that acquire.lua makes. Its lease, in ms; -1: never.
local function wanted_ttl(key, wants)
  local ttl = tonumber(wants.ttl)
  if ttl == 0 then ttl = default_ttl(parent(key)) end
  if ttl == 0 then ttl = tonumber(wants.fallback) end
  return ttl
end

-- Makes a holding of a key that is free, and answers with what describe() wants. One
-- that is only `granted` lasts for the grace, until confirm().
local function hold(key, wants, granted)
  local ttl = wanted_ttl(key, wants)
  local lease = granted and tonumber(wants.grace) or ttl
  local expires = lease > 0 and now_ms + lease or nil
  local token = integer(math.max(tonumber(call('GET', ns .. '#token') or 0) + 1, now_us))

  call('SET', ns .. '#token', token)
  if expires then
    call('SET', lock_key(key), wants.id, 'PXAT', integer(expires))
  else
    call('SET', lock_key(key), wants.id)
  end
  local flat = {
    'id', wants.id, 'nonce', wants.nonce, 'token', token, 'ttl', integer(ttl), 'acquired', integer(now_ms),
    'refreshed', integer(now_ms), 'user', wants.user, 'host', wants.host, 'mount', wants.mount, 'place', wants.place,
    'command', wants.command, 'pid', wants.pid, 'uid', wants.uid, 'gid', wants.gid, 'grace', wants.grace,
  }
  local function add(field, value)
    flat[#flat + 1], flat[#flat + 2] = field, value
  end
  if wants.identity ~= '' then add('identity', wants.identity) end
  if wants.bound ~= '' then add('bound', '1') end
  if granted then add('granted', '1') end
  local before = call('HMGET', details_key(key), 'mount', 'token')
  if before[1] then call('DEL', details_key(key)) end
  call('HSET', details_key(key), unpack(flat))
  if expires then call('PEXPIREAT', details_key(key), integer(expires)) end
  index_add(key, expires)
  -- Whoever deleted it past lockfs told nobody, and left what stands beside it.
  if before[1] then tell(before[1], 'GONE', before[2], key) end
  wants.token = token
  if not granted then publish('ACQUIRED', key, wants, integer(ttl)) end
  return { id = wants.id, token = token, ttl = ttl, expires = expires, flat = flat }
end

-- The mount that a lock was handed to has taken it: its lease begins.
local function confirm(key, held)
  local ttl = tonumber(held.ttl)
  call('HDEL', details_key(key), 'granted', 'early')
  call('HSET', details_key(key), 'acquired', integer(now_ms), 'refreshed', integer(now_ms))
  call('ZREM', ns .. '#g', key)
  set_end(key, ttl > 0 and now_ms + ttl or nil, held.early)
  publish('ACQUIRED', key, held)
end

-- Answers 1 where the mount was taken for alive before, else 0: then it lost tickets.
local function say_alive()
  local was_alive = call('EXISTS', mount_key(mount))
  call('SET', mount_key(mount), '1', 'PX', ALIVE)
  return was_alive
end

-- Puts a ticket where its order says (0: behind all others). Returns its order.
local function join(key, wants, order)
  local known = call('ZSCORE', tickets_key(key), wants.nonce)
  if known then
    order = tonumber(known)
  else
    if order == 0 then
      local last = call('ZREVRANGE', tickets_key(key), 0, 0, 'WITHSCORES')
      order = math.max(now_us, last[2] and tonumber(last[2]) + 1 or 0)
    end
    call('ZADD', tickets_key(key), integer(order), wants.nonce)
    call('HSET', wants_key(key), wants.nonce, cmsgpack.pack(wants))
  end
  local left = call('PTTL', lock_key(key))
  keep_tickets(key, left >= 0 and now_ms + left or nil)
  return integer(order)
end

local function leave(key, nonce)
  call('HDEL', wants_key(key), nonce)
  return call('ZREM', tickets_key(key), nonce) == 1
end

-- Does nobody wait in front of this place in the queue? 0 is behind all.
local function is_first(key, order)
  local first = call('ZRANGEBYSCORE', tickets_key(key), '-inf', 'inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return #first == 0 or (order > 0 and order <= tonumber(first[2]))
end

-- Hands a key that is free to the first who waits for it and lives. Who does not is
-- dropped: it comes back by itself, in its old order, if it was only out of reach.
-- `before`: when the lease that was there would have ended.
local function pass_on(key, before)
  while true do
    local first = call('ZPOPMIN', tickets_key(key))
    if #first == 0 then return end
    local nonce = first[1]
    local packed = call('HGET', wants_key(key), nonce)
    local wants = packed and cmsgpack.unpack(packed)
    call('HDEL', wants_key(key), nonce)
    if wants and call('EXISTS', mount_key(wants.mount)) == 1 and tell(wants.mount, 'GRANT', nonce, key) > 0 then
      -- Its directory may be gone since: then it finds so by itself.
      if check_parent(key) ~= 'OK' then return end
      local new = hold(key, wants, true)
      if before and new.ttl > 0 and before > now_ms + new.ttl then call('HSET', details_key(key), 'early', '1') end
      keep_tickets(key, new.expires)
      -- It says something before that, or it is taken for dead: no second one need wait for it.
      call('PEXPIRE', mount_key(wants.mount), wants.grace)
      call('ZADD', ns .. '#g', integer(new.expires), key)
      call('PEXPIRE', ns .. '#g', 60000)
      return
    end
  end
end

-- Tells the daemons that watch a holding of another mount.
local function tell_watchers(word, key, held)
  for to in string.gmatch(held.watchers or '', '%S+') do tell(to, word, held.token, key) end
end

-- Ends a holding, tells so as an event of this kind, and hands the key on. A server
-- that takes no writes, as its disk is full for instance, refuses the first of them,
-- and must not have told anybody then.
local function free(key, held, kind)
  local before = end_of(key)
  call('DEL', lock_key(key), details_key(key))
  publish(kind, key, held)
  tell_holder('ENDED', key, held)
  if held.watchers then tell_watchers('ENDED', key, held) end
  index_remove(key)
  if held.granted then call('ZREM', ns .. '#g', key) end
  if held.revoked then tell(held.revoked, 'FREED', held.token, key) end
  pass_on(key, before)
end
