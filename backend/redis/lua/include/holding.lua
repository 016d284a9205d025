-- The holdings of a lock, and how answers describe one of them.
--
-- A lock has one exclusive holding, or any number of shared ones. Both are read as the same kind of table: the details,
-- and `flat`, the details as a list of fields and values. Of a shared holding it also has `ends`, the end of its
-- lease in ms (math.huge: never).

-- The value of a shared lock. No id has a NUL.
local SHARED = '\0shared'

-- Members of NS#o that one lookup reads at a time, and as a whole. Those of holdings that have ended are skipped.
local LOOKUP_PAGE, LOOKUP_MAX = 10, 1000

-- A lock of another Redis client, taken by plain SET, has no details: its token is made from its id, and
-- is larger than all counted tokens.
local function foreign_token(id)
  return integer(LAST_TOKEN + tonumber(string.sub(redis.sha1hex(id), 1, 12), 16))
end

local function is_shared(held) return held.mode == 'shared' end

-- The end of a shared holding, or nil if it has ended.
local function live_end(key, token)
  local ends = tonumber(call('ZSCORE', leases_key(key), token) or nil)
  return ends and ends >= now_ms and ends or nil
end

-- How many holdings a shared lock has.
local function count_shared(key) return call('ZCOUNT', leases_key(key), integer(now_ms), 'inf') end

-- Are these the details of a holding as set_details() packs them: a list of texts in pairs?
local function is_flat(flat)
  if type(flat) ~= 'table' or #flat % 2 == 1 then return false end
  for _, text in ipairs(flat) do
    if type(text) ~= 'string' then return false end
  end
  return true
end

-- A list of fields and values as a table.
local function fields_of(flat)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

-- Reads one shared holding. If its details are damaged, nobody can prove it, as if it were an unconfirmed grant.
local function shared_holding(key, token, ends)
  local done, flat = pcall(cmsgpack.unpack, call('HGET', holdings_key(key), token) or '')
  local held = done and is_flat(flat) and fields_of(flat) or {}
  if held.token ~= token or not held.id then
    flat, held = {}, { id = '?', token = token, foreign = true, granted = '1' }
  end
  held.mode, held.ends, held.flat = 'shared', ends, flat
  return held
end

-- The oldest shared holding whose member of NS#o has this prefix: its token and end; nil if there is none.
local function oldest(key, prefix)
  for at = 0, LOOKUP_MAX - LOOKUP_PAGE, LOOKUP_PAGE do
    local members = call('ZRANGEBYLEX', order_key(key), '[' .. prefix, '(' .. prefix .. ':', 'LIMIT', at, LOOKUP_PAGE)
    for _, member in ipairs(members) do
      local token = string.sub(member, #prefix + 1)
      local ends = live_end(key, token)
      if ends then return token, ends end
    end
    if #members < LOOKUP_PAGE then return nil end
  end
end

-- The holding of a shared lock that is meant (holding()): its token and end; nil if all have ended.
local function find_shared(key, meant)
  local token, ends
  if meant.nonce then token, ends = oldest(key, 'n' .. meant.nonce .. '\0') end
  if not token and meant.token then token, ends = meant.token, live_end(key, meant.token) end
  if not ends and meant.identity and meant.identity ~= '' then
    token, ends = oldest(key, 'I' .. meant.identity .. '\0')
  elseif not ends and meant.id and meant.id ~= '' then
    token, ends = oldest(key, 'i' .. meant.id .. '\0')
  end
  if not ends then token, ends = oldest(key, 't') end
  if ends then return token, ends end
  -- Very many holdings have ended and are not removed yet, so another one stands for the oldest.
  local any = call('ZRANGEBYSCORE', leases_key(key), integer(now_ms), 'inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return any[1], tonumber(any[2])
end

-- Reads a holding of `key`: a table with `id` and the details, or nil if the lock is free. Details that
-- are damaged, or belong to another id, are ignored, and the lock counts as that of another Redis client.
-- Of a shared lock `meant` chooses the holding: by `nonce`; else by `token`; else the oldest that the claim
-- `identity` and `id` proves; else, or without `meant`, the oldest.
local function holding(key, meant)
  local id = call('GET', lock_key(key))
  if not id then return nil end
  if id == SHARED then
    local token, ends = find_shared(key, meant or {})
    if token then return shared_holding(key, token, ends) end
    if call('EXISTS', leases_key(key)) == 1 then return nil end
  end
  local flat = call('HGETALL', details_key(key))
  local held = fields_of(flat)
  if held.id ~= id or not number(held.token, 1, LAST_TOKEN) then
    flat = {}
    held = { id = id, token = foreign_token(id), foreign = true }
  end
  held.flat, held.mode = flat, nil
  return held
end

-- The holding that a call means: `token` ('': any, so the oldest that the claim proves), `id` and `identity` as text.
local function meant_by(token, id, identity)
  return { token = token ~= '' and token or nil, id = id, identity = identity }
end

-- Does the claim prove that it has this holding? Nobody can prove an unconfirmed grant, as it may never be
-- confirmed.
local function proves(id, identity, held)
  if held.granted then return false end
  if identity ~= '' then return held.identity == identity end
  return held.id == id
end

-- What is left of the lease in ms, as PTTL answers it.
local function left_of(key, held)
  if not is_shared(held) then return call('PTTL', lock_key(key)) end
  if held.ends == math.huge then return -1 end
  return held.ends >= now_ms and held.ends - now_ms or -2
end

-- Sets a field in a list of fields and values, or removes it if `value` is nil.
local function put(flat, field, value)
  for i = 1, #flat, 2 do
    if flat[i] == field then
      if value then
        flat[i + 1] = value
      else
        table.remove(flat, i)
        table.remove(flat, i)
      end
      return
    end
  end
  if value then flat[#flat + 1], flat[#flat + 2] = field, value end
end

local function store_shared(key, held)
  call('HSET', holdings_key(key), held.token, cmsgpack.pack(held.flat))
end

-- Sets details of a holding: fields and values. It needs memory.
local function set_details(key, held, ...)
  if not is_shared(held) then return call('HSET', details_key(key), ...) end
  local changes = { ... }
  for i = 1, #changes, 2 do put(held.flat, changes[i], changes[i + 1]) end
  store_shared(key, held)
end

-- Removes details of a holding. This needs no memory.
local function clear_details(key, held, ...)
  if not is_shared(held) then return call('HDEL', details_key(key), ...) end
  for _, field in ipairs({ ... }) do put(held.flat, field) end
  allow_when_full()
  store_shared(key, held)
end

-- Can the acquisition still be undone, because its answer may have been lost (undo.lua)? A holder that was
-- told that it holds the lock relies on that, so this ends before anybody but the acquirer is told. The
-- nonce stays: a ticket whose confirmation was not answered finds its lock by the nonce, and shares the
-- holding with callers of the same id.
local function is_undoable(held) return held.undoable == '1' end

-- Makes the acquisition permanent. This needs no memory.
local function make_permanent(key, held)
  if is_undoable(held) then clear_details(key, held, 'undoable') end
end

-- May the caller with this claim be told who holds the lock? The instance of the holder knows whether it may still undo the
-- acquisition (redis_may_undo() in lock_reads.c). For another instance the acquisition is made permanent first; if
-- the server refuses that, the lock is shown as a grant, which is nobody's yet.
local function may_name_holder(key, held, id, identity)
  return not is_undoable(held) or held.mount == mount or (proves(id, identity, held) and
    not try(make_permanent, key, held))
end

-- The answer to a change of a holding that is being revoked: it has ended for its holder. Its own instance learns the token,
-- stops the holder and confirms, as if it had received REVOKE, which may be late or lost.
local function answer_revoked(held)
  return held.mount == mount and { 'ENOENT', held.token, trouble } or { 'ENOENT', trouble }
end

-- The number of holdings for answers; 0: the holding is exclusive.
local function holders_of(key, held)
  return is_shared(held) and math.max(1, follow_up(count_shared, key) or 1) or 0
end

-- Does the answer go to a caller who is shown the number of links? Only read.lua sets it.
local shows_links = false

-- Are this lock and the one that link(2) made from it, or from which it was made, both held? Whoever is told so may take that
-- as the proof that link(2) has succeeded, so the new one is made permanent first; its own instance, which knows whether it may
-- still undo link(2), gets its nonce instead (redis_hide_link() of lock_reads.c). Returns also that nonce, or nil.
local function is_linked(key, held)
  local other = call('HMGET', details_key(held.linked_key), 'token', 'linked', 'undoable', 'mount', 'nonce')
  if other[1] ~= held.linked or other[2] ~= held.token then return false end
  if other[3] ~= '1' then return true end
  if other[4] == mount then return true, other[5] end
  return shows_links and not try(call, 'HDEL', details_key(held.linked_key), 'undoable')
end

-- Adds `first` to the details of a linked lock: the key of the one that was there first.
local function with_first_key(key, held)
  if not held.linked then return held.flat end
  local done, linked, nonce = pcall(is_linked, key, held)
  if not done or not linked then return held.flat end
  local first = tonumber(held.linked) < tonumber(held.token) and held.linked_key or key
  return { 'first', first, 'linked_nonce', nonce or '', unpack(held.flat) }
end

-- The details for answers, with the content, which belongs to the lock.
local function details_of(key, held)
  if not is_shared(held) then return with_first_key(key, held) end
  local content = follow_up(call, 'HGET', details_key(key), 'content')
  if not content then return held.flat end
  local flat = { 'content', content }
  for i, text in ipairs(held.flat) do flat[i + 2] = text end
  return flat
end

-- An answer that describes a holding: the word, id, what is left of the lease in ms (-1: never ends, -2: it
-- has ended), the time, token, details as fields and values, number of waiters, number of holdings if they are shared
-- (else 0). reply_lock.c reads it.
local function describe(word, key, held)
  return { word, held.id, left_of(key, held), now_ms, held.token, details_of(key, held),
    follow_up(call, 'ZCARD', tickets_key(key)) or 0, holders_of(key, held), trouble }
end

-- An answer that describes a holding after a change. A short lease may have ended since, for instance if the
-- server was stopped within the script; then the holding before the change is described.
local function describe_again(key, held)
  local now = holding(key, held)
  return describe('OK', key, now and now.token == held.token and now or held)
end
