-- Acquires the lock at `path`, joins or rejoins its queue, or confirms a grant.
--
-- ARGV[4] is a table of texts, packed by add_fields() of acquire_call.c:
--   id, identity      the claim of the acquirer; identity is '' if the caller gave the id
--   nonce             names this acquisition and its ticket
--   ttl, fallback     lease in ms, and lease if the directory sets none; 0: unset, -1: never ends
--   user, host, place, command, pid, uid, gid   the holder, for people
--   bound             '1': for an open file; else ''
--   grace             time in ms for the instance to confirm a grant, or to stop the holder
-- and these, if they are set:
--   waits             wait in the queue if the lock is held
--   exclusive_even_for_me   a holding of the same claim is in the way as any other
--   order             of the ticket of this nonce, as the answer QUEUED gave it; absent: no ticket yet
--
-- Answers:
--   'OK', and the rest as describe() has it, but without the details that the acquirer sent
--   'QUEUED', order, what is left of the lease in ms, rank in the queue, 1 if another Redis client
--     holds the lock (else 0), 1 if the instance counted as alive (else 0)
--   'EBUSY' or 'EEXIST' (the same claim holds it), and the holding as describe() has it
--   'ENOENT', 'ENOTDIR' or 'EISDIR': no lock can be made at this path

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/hold.lua"

local wants = cmsgpack.unpack(ARGV[4])
wants.mount = mount

-- The answer if the caller holds the lock now.
local function answer_ok(held, left, waiters)
  local details = { 'ttl', held.ttl, 'acquired', held.acquired, 'refreshed', held.refreshed }
  if held.content then details[7], details[8] = 'content', held.content end
  return { 'OK', held.id, left, now_ms, held.token, details, waiters, trouble }
end

-- A ticket that was let into the queue may go on, even if the memory is full by now.
if wants.order then allow_when_full() end

if path ~= '' and call('EXISTS', KEYS[1], dir_key(path), tickets_key(path)) == 0 then
  local word = check_parent(path)
  if word ~= 'OK' then return { word } end
  local new, problem = hold(path, wants)
  if not new then return problem end
  return answer_ok(new, new.left, 0)
end

--- @include "include/holding.lua"
--- @include "include/lease.lua"
--- @include "include/queue.lua"
--- @include "include/pass.lua"

-- These are of this request alone: a ticket does not keep them.
local waits, exclusive_even_for_me = wants.waits, wants.exclusive_even_for_me
local order = tonumber(wants.order or 0)
wants.waits, wants.exclusive_even_for_me, wants.order = nil, nil, nil

local held = holding(path)
-- A ticket that was granted the lock and confirmed too late, as a distant one may do each time, still gets it
-- if it is first.
if not held and not is_first(path, order) then
  -- Nobody passes the queue. A caller that waits joins it, and a later heartbeat drops more tickets of dead
  -- instances. A caller that does not wait needs its answer now, so all of them are dropped.
  if not waits then dead_tickets_left = math.huge end
  pass_on(path)
  held = holding(path)
end
if held then
  if held.nonce == wants.nonce then
    if held.granted then
      renew_alive()
      confirm(path, held)
    end
    return answer_ok(held, call('PTTL', KEYS[1]), follow_up(call, 'ZCARD', tickets_key(path)) or 0)
  end
  if not exclusive_even_for_me and proves(wants.id, wants.identity, held) then
    make_permanent(path, held)
    if waits then leave(path, wants.nonce) end
    return describe('EEXIST', path, held)
  end
  if not waits then
    publish('UNAVAILABLE', path, held)
    return describe('EBUSY', path, held)
  end
end
if waits and (held or not is_first(path, order)) then
  -- The first write needs memory, so a full server refuses it before anything has changed.
  local at = join(path, wants, order)
  return { 'QUEUED', at, call('PTTL', KEYS[1]), call('ZRANK', tickets_key(path), wants.nonce),
    held and held.foreign and 1 or 0, renew_alive(), trouble }
end
if dir_exists(path) then return { 'EISDIR' } end
local word = check_parent(path)
if word ~= 'OK' then return { word } end
local new, problem = hold(path, wants)
if not new then return problem end
if order > 0 then
  follow_up(leave, path, wants.nonce)
  follow_up(keep_tickets, path, new.expires)
end
return answer_ok(new, new.left, follow_up(call, 'ZCARD', tickets_key(path)) or 0)
