-- Who holds a lock, and what is told of it.

-- A lock that another client took by plain SET has no details of its own: its
-- token is made from its id, above all that are counted.
local function foreign_token(id)
  return integer(LAST_TOKEN + tonumber(string.sub(redis.sha1hex(id), 1, 12), 16))
end

-- Who holds `key`: a table with `id` and the details, or nil where it is free. Details that are
-- damaged say as little as those of another holding.
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

-- What was handed over and not confirmed is the ticket's alone: it may never be.
local function proves(id, identity, held)
  if held.granted then return false end
  if identity ~= '' then return held.identity == identity end
  return held.id == id
end

-- Whoever is told that it holds a lock relies on that. An acquisition can be undone, as its answer
-- may be lost (undo.lua), so this ends before anybody but the acquirer is told. The nonce stays: a
-- ticket whose confirmation was not answered finds its lock by it, and shares the holding with
-- those of its id who were told.
local function is_undoable(held) return held.undoable == '1' end

-- Needs no memory.
local function prove(key, held)
  if is_undoable(held) then call('HDEL', details_key(key), 'undoable') end
end

-- An answer with a lock: word, id, what is left of the lease (-1: never, -2: it is over
-- by now), now, token, the details as fields and values, and how many wait.
local function describe(word, key, held)
  return { word, held.id, call('PTTL', lock_key(key)), now_ms, held.token, held.flat,
    follow_up(call, 'ZCARD', tickets_key(key)) or 0, trouble }
end

-- The same of a lock that was changed. A short lease may be over by then: a server may
-- take a while from step to step, as where it was stopped.
local function describe_again(key, held)
  return describe('OK', key, holding(key) or held)
end
