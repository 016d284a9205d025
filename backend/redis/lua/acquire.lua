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
--   mode              'shared'; absent: exclusive
--   form, content     how the lock is shown, if not as a file, and the content with which it begins
--   permissions       the permission bits as a decimal number, if they are not those of most locks
--   replaces          token of the holding that this one replaces: a conversion into the other mode
--   waits             wait in the queue if the lock is held
--   exclusive_even_for_me   a holding of the same claim is in the way as any other
--   order             of the ticket of this nonce, as the answer QUEUED gave it; absent: no ticket yet
--
-- Answers:
--   'OK', and the rest as describe() has it, but without the details that the acquirer sent; a conversion keeps those of
--     the replaced holding, so it is described as a whole
--   'QUEUED', order, what is left of the lease in ms, rank in the queue, 1 if another Redis client
--     holds the lock (else 0), 1 if the instance counted as alive (else 0)
--   'EBUSY' or 'EEXIST' (the same claim holds it), and the holding as describe() has it; 'EBUSY' alone: the directory is full
--   'GRACE', see answer_grace()
--   'ENOENT', 'ENOTDIR' or 'EISDIR': no lock can be made at this path
--   of a conversion also 'ENOENT': the holding has ended, see also answer_revoked(); 'EPERM': it has another id; 'EINVAL': it has this mode;
--     'EDEADLK': another holder waits for a conversion too

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/holding.lua"
--- @include "include/lease.lua"
--- @include "include/shared.lua"
--- @include "include/gone.lua"
--- @include "include/hold.lua"
--- @include "include/room.lua"
--- @include "include/forget.lua"

local wants = cmsgpack.unpack(ARGV[4])
wants.mount = mount
if in_grace and (not wants.waits or wants.replaces) then return answer_grace() end

-- The answer if the caller holds the lock now.
local function answer_ok(held, left, waiters)
  local details = { 'ttl', held.ttl, 'acquired', held.acquired, 'refreshed', held.refreshed }
  for _, field in ipairs({ 'content', 'form', 'permissions' }) do
    if held[field] then put(details, field, held[field]) end
  end
  return { 'OK', held.id, left, now_ms, held.token, details, waiters, holders_of(path, held), trouble }
end

-- A ticket that was let into the queue may go on, even if the memory is full by now.
if wants.order then allow_when_full() end

if path ~= '' and not wants.replaces and not in_grace and
  call('EXISTS', KEYS[1], dir_key(path), tickets_key(path), limit_key(parent(path))) == 0 then
  local word = check_parent(path)
  if word ~= 'OK' then return { word } end
  local new, problem = hold(path, wants)
  if not new then return problem end
  return answer_ok(new, new.left, 0)
end

--- @include "include/queue.lua"
--- @include "include/pass.lua"
--- @include "include/convert.lua"

-- These are of this request alone: a ticket does not keep them.
local waits, exclusive_even_for_me = wants.waits, wants.exclusive_even_for_me
local order = tonumber(wants.order or 0)
wants.waits, wants.exclusive_even_for_me, wants.order = nil, nil, nil

local meant = { nonce = wants.nonce, token = wants.replaces }
if not exclusive_even_for_me then meant.id, meant.identity = wants.id, wants.identity end

local function count_waiters() return follow_up(call, 'ZCARD', tickets_key(path)) or 0 end

-- Another shared holding, or the whole lock, may be passed on now that the caller holds it.
local function pass_on_rest(held)
  if is_shared(held) and count_waiters() > 0 then follow_up(pass_on, path, held) end
end

local function answer_held(held)
  if wants.replaces then return describe('OK', path, held) end
  held.content = held.content or is_shared(held) and follow_up(call, 'HGET', details_key(path), 'content') or nil
  return answer_ok(held, left_of(path, held), count_waiters())
end

-- The answer if the holding that is read cannot be converted; nil: it can.
local function conversion_problem(held)
  if not held or held.token ~= wants.replaces then return { 'ENOENT' } end
  if held.revoked then return answer_revoked(held) end
  if held.foreign or held.granted or held.id ~= wants.id then return { 'EPERM' } end
  if is_shared(held) == (wants.mode == 'shared') then return { 'EINVAL' } end
end

-- Does another holder wait for a conversion? Then each would wait for the other to end.
local function is_deadlock()
  local nonce, other = waiting_conversion(path)
  return other and nonce ~= wants.nonce and other.replaces ~= wants.replaces and live_end(path, other.replaces) and
    call('EXISTS', mount_key(other.mount)) == 1
end

-- What a conversion keeps of the replaced holding.
local OF_HOLDER = { 'form', 'permissions', 'id', 'identity', 'user', 'host', 'place', 'command', 'pid', 'uid', 'gid' }

local function convert_now(held)
  local ttl = wanted_ttl(path, wants)
  for _, field in ipairs(OF_HOLDER) do wants[field] = held[field] or '' end
  local new = holding_of(new_details(wants, next_token(), integer(ttl)), wants.mode)
  local expires = ttl > 0 and now_ms + ttl or nil
  put(new.flat, 'replaced', held.token)
  new.ends = expires or math.huge
  local problem = convert(path, held, new, expires)
  if problem then return problem end
  if order > 0 then follow_up(leave, path, wants.nonce) end
  pass_on_rest(new)
  local content = follow_up(call, 'HGET', details_key(path), 'content')
  if content then put(new.flat, 'content', content) end
  return { 'OK', new.id, ttl, now_ms, new.token, new.flat, count_waiters(), holders_of(path, new), trouble }
end

-- A ticket of a key that is free waits for room.
local function answer_queued(at, held)
  if not held then enter_room(path) end
  local left, rank, foreign = state_for_waiters(path, held, wants.nonce)
  return { 'QUEUED', at, left, rank, foreign, renew_alive(), trouble }
end

-- In the grace, a ticket takes its place in the queue again. One that has the lock by what a server with older data says asks
-- again after the grace, when all holders are back.
local function queue_in_grace(held)
  local at = integer(order)
  if not held or held.nonce ~= wants.nonce then at = join(path, wants, order) end
  local left, rank, foreign = state_for_waiters(path, held, wants.nonce)
  return { 'QUEUED', at, math.max(left, left_of_grace()), math.max(rank, 0), foreign, renew_alive(), trouble }
end

local held = holding(path, meant)
if in_grace then return queue_in_grace(held) end
-- A ticket that was granted the lock and confirmed too late, as a distant one may do each time, still gets it
-- if it is first.
if not wants.replaces and not excludes(path, held, wants) and not is_first(path, order) then
  -- Nobody passes the queue. A caller that waits joins it, and a later heartbeat drops more tickets of dead
  -- instances. A caller that does not wait needs its answer now, so all of them are dropped.
  if not waits then dead_tickets_left = math.huge end
  pass_on(path, held)
  held = holding(path, meant)
end
if held and held.nonce == wants.nonce then
  if held.granted then
    renew_alive()
    confirm(path, held)
    pass_on_rest(held)
    follow_up(serve_room, parent(path))
  end
  return answer_held(held)
end
if wants.replaces then
  local problem = conversion_problem(held)
  if problem then return problem end
elseif held and not exclusive_even_for_me and proves(wants.id, wants.identity, held) then
  make_permanent(path, held)
  if waits and leave(path, wants.nonce) then pass_on_rest(held) end
  return describe('EEXIST', path, held)
end
if (held or waits) and not may_have(path, held, wants, order) then
  if not waits then
    -- Of a conversion, `held` is the holding to be replaced, which is not in its way.
    local in_the_way = wants.replaces and holding(path) or held
    publish('UNAVAILABLE', path, in_the_way)
    return describe('EBUSY', path, in_the_way)
  end
  if wants.replaces and is_deadlock() then return { 'EDEADLK' } end
  -- The first write needs memory, so a full server refuses it before anything has changed.
  local at = join(path, wants, wants.replaces and CONVERSION or order)
  return answer_queued(at, held)
end
if wants.replaces then return convert_now(held) end
if not held then
  if dir_exists(path) then return { 'EISDIR' } end
  local word = check_parent(path)
  if word ~= 'OK' then return { word } end
  if not is_next_in_room(path, order) then
    if waits then return answer_queued(join(path, wants, order, true)) end
    publish('FULL', parent(path))
    return { 'EBUSY', trouble }
  end
end
local new, problem = hold(path, wants, false, held)
if not new then return problem end
new.content = held and follow_up(call, 'HGET', details_key(path), 'content') or nil
if not held then follow_up(call, 'ZREM', room_key(parent(path)), name(path)) end
if order > 0 then
  follow_up(leave, path, wants.nonce)
  follow_up(keep_tickets, path, new.lock_ends)
  pass_on_rest(new)
end
return answer_ok(new, new.left, count_waiters())
