-- The holding of a lock, and how answers describe it.

-- A lock of another Redis client, taken by plain SET, has no details: its token is made from its id, and
-- is larger than all counted tokens.
local function foreign_token(id)
  return integer(LAST_TOKEN + tonumber(string.sub(redis.sha1hex(id), 1, 12), 16))
end

-- Reads the holding of `key`: a table with `id` and the details, or nil if the lock is free. Details that
-- are damaged, or belong to another id, are ignored, and the lock counts as that of another Redis client.
local function holding(key)
  local id = call('GET', lock_key(key))
  if not id then return nil end
  local flat = call('HGETALL', details_key(key))
  local held = {}
  for i = 1, #flat, 2 do held[flat[i]] = flat[i + 1] end
  if held.id ~= id or not number(held.token, 1, LAST_TOKEN) then
    flat = {}
    held = { id = id, token = foreign_token(id), foreign = true }
  end
  held.flat = flat
  return held
end

-- Does the claim prove that it has this holding? Nobody can prove an unconfirmed grant, as it may never be
-- confirmed.
local function proves(id, identity, held)
  if held.granted then return false end
  if identity ~= '' then return held.identity == identity end
  return held.id == id
end

-- Can the acquisition still be undone, because its answer may have been lost (undo.lua)? A holder that was
-- told that it holds the lock relies on that, so this ends before anybody but the acquirer is told. The
-- nonce stays: a ticket whose confirmation was not answered finds its lock by the nonce, and shares the
-- holding with callers of the same id.
local function is_undoable(held) return held.undoable == '1' end

-- Makes the acquisition permanent. This needs no memory.
local function make_permanent(key, held)
  if is_undoable(held) then call('HDEL', details_key(key), 'undoable') end
end

-- An answer that describes a lock: the word, id, what is left of the lease in ms (-1: never ends, -2: it
-- has ended), the time, token, details as fields and values, number of waiters. reply_lock.c reads it.
local function describe(word, key, held)
  return { word, held.id, call('PTTL', lock_key(key)), now_ms, held.token, held.flat,
    follow_up(call, 'ZCARD', tickets_key(key)) or 0, trouble }
end

-- An answer that describes a lock after a change. A short lease may have ended since, for instance if the
-- server was stopped within the script; then the holding before the change is described.
local function describe_again(key, held)
  return describe('OK', key, holding(key) or held)
end
