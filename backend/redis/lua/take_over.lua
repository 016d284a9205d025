-- Acquires the lock at `path` with what another lock has, as link(2) does, or moves that one there, as rename(2) does.
--
-- ARGV[4] is a table of texts as acquire.lua has it, without those about waiting and conversions, and with
--   source, source_token   the key of the other lock, which the claim must hold, and the holding that is meant (absent: any)
--   moves                  as rename(2): the other lock ends
--
-- Answers:
--   'OK' and the new holding as describe() has it; with `moves`, `ended_source` is among the details
--   'EEXIST' and the lock, with `moves`: the claim holds it. It has the content and permissions of the source now, which has ended
--   'EBUSY' and the holding that is in the way; alone: the directory is full, or the source is shared or bound elsewhere
--   'ENOENT': the source is free or another holding, or there is no such directory; 'EPERM': the source is another's;
--   'EXDEV': the source is a directory; 'ENOTDIR' or 'EISDIR': no lock can be made at this path

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
--- @include "include/queue.lua"
--- @include "include/free.lua"
--- @include "include/pass.lua"

local wants = cmsgpack.unpack(ARGV[4])
local source, moves = wants.source, wants.moves
wants.mount = mount
if in_grace then return answer_grace() end

local from = holding(source, { token = wants.source_token, id = wants.id, identity = wants.identity })

-- The answer if the source cannot be taken; nil: it can.
local function source_problem()
  if not from and dir_exists(source) then return { 'EXDEV' } end
  if not from or from.revoked or (wants.source_token and from.token ~= wants.source_token) then return { 'ENOENT' } end
  if from.foreign or not proves(wants.id, wants.identity, from) then return { 'EPERM' } end
  -- Another instance has the open file that the holding is bound to, and cannot go on with it.
  local is_bound_elsewhere = moves and from.bound == '1' and from.mount ~= mount
  if is_shared(from) or is_bound_elsewhere then return { 'EBUSY', trouble } end
end

-- Describes the new lock; if the source has ended, with the token that it had.
local function answer(word, held)
  local text = describe(word, path, held)
  if moves then text[6] = { 'ended_source', from.token, unpack(text[6]) } end
  return text
end

-- Ends the source and serves those who wait for it. Whether the caller holds the new lock has been decided.
local function end_source()
  local before, rest = free(source, from, 'RELEASED')
  if before then follow_up(pass_on, source, rest, before) end
end

-- May the key, which is free, become a lock? The place that a lock leaves in the same directory is taken, unless others wait for it.
local function has_place()
  local keeps_place = moves and parent(source) == parent(path) and call('EXISTS', tickets_key(source)) == 0
  return keeps_place or is_next_in_room(path, 0)
end

-- Fields of the source that the new lock has, and those that a moved holding keeps.
local OF_CONTENT = { 'content', 'form', 'permissions' }
local OF_HOLDER = { 'id', 'identity', 'user', 'host', 'place', 'command', 'pid', 'uid', 'gid', 'ttl' }

-- 0644, as LOCK_PERMISSIONS of lock.h.
local MOST_PERMISSIONS = '420'

local function replace(held)
  call('HSET', details_key(path), 'content', from.content or '', 'permissions', from.permissions or MOST_PERMISSIONS, 'undoable', '')
  if held.linked then follow_up(call, 'HDEL', details_key(path), 'linked', 'linked_key') end
  notify_holder('TOUCH', path, held)
  follow_up(end_source)
  local now = holding(path)
  return answer('EEXIST', now and now.token == held.token and now or held)
end

local function take_over()
  for _, field in ipairs(OF_CONTENT) do wants[field] = from[field] end
  if moves then
    for _, field in ipairs(OF_HOLDER) do wants[field] = from[field] or '' end
    wants.bound = from.bound or ''
    if from.linked and is_linked(source, from) then wants.linked, wants.linked_key = from.linked, from.linked_key end
  else
    wants.linked, wants.linked_key = from.token, source
  end
  make_permanent(source, from)
  local new, problem = hold(path, wants)
  if not new then return problem end
  if new.linked then follow_up(call, 'HSET', details_key(new.linked_key), 'linked', new.token, 'linked_key', path) end
  if moves then follow_up(end_source) else notify_holder('TOUCH', source, from) end
  return answer('OK', new)
end

local problem = source_problem()
if problem then return problem end
local held = holding(path, { id = wants.id, identity = wants.identity })
if not held and dir_exists(path) then return { 'EISDIR' } end
if not held and call('EXISTS', tickets_key(path)) == 1 then
  dead_tickets_left = math.huge
  pass_on(path)
  held = holding(path)
end
if held then
  local is_own = not wants.exclusive_even_for_me and not held.foreign and not held.revoked and
    proves(wants.id, wants.identity, held)
  -- With the content comes the mode, so the owner must be the same.
  if is_own and moves and not is_shared(held) and path ~= source and held.uid == from.uid then return replace(held) end
  publish('UNAVAILABLE', path, held)
  return describe('EBUSY', path, held)
end
local word = check_parent(path)
if word ~= 'OK' then return { word } end
if not has_place() then
  publish('FULL', parent(path))
  return { 'EBUSY', trouble }
end
return take_over()
