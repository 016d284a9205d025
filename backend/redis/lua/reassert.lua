-- Writes a holding of the calling instance anew, with its token, as the server may have lost it.
--
-- ARGV[4] is a table of texts as acquire.lua has it, without those about waiting and conversions, and with
--   token                the token of the holding
--   left                 what is left of its lease in ms (-1: never ends), and never less than its holder relies on
--   acquired, refreshed, mtime   times in ms; mtime only if it was given
--
-- Answers: 'OK': the holding is there; 'LOST': another holding is in its place, or a directory

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/restore.lua"
--- @include "include/index.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/holding.lua"
--- @include "include/lease.lua"
--- @include "include/shared.lua"
--- @include "include/gone.lua"
--- @include "include/hold.lua"

local wants = cmsgpack.unpack(ARGV[4])
wants.mount = mount

local token, left = wants.token, tonumber(wants.left)
local expires = left >= 0 and now_ms + left or nil
local new = holding_of(new_details(wants, token, wants.ttl), wants.mode)
for _, field in ipairs({ 'acquired', 'refreshed', 'mtime' }) do
  if wants[field] then
    put(new.flat, field, wants[field])
    new[field] = wants[field]
  end
end

-- Has a holding that is found ended before this one began? A server with older data may have it. After the grace it is
-- that of somebody who has acquired since.
local function is_older(held)
  return in_grace and not held.foreign and tonumber(held.token) < tonumber(token)
end

-- The holdings that are in the way, as a list; nil: one of them is no older one.
local function older_in_the_way(held)
  if not is_shared(held) then return is_older(held) and { held } or nil end
  local found = {}
  for i, each in ipairs(call('ZRANGEBYSCORE', leases_key(path), integer(now_ms), 'inf', 'LIMIT', 0, ENDED_MAX)) do
    found[i] = shared_holding(path, each)
    if not is_older(found[i]) then return nil end
  end
  return #found < ENDED_MAX and found or nil
end

-- An end that the server knows and this instance does not is not moved forward, as the holder may rely on it.
local function not_before(ends)
  expires = expires and ends ~= math.huge and math.max(expires, ends) or nil
end

local function write_new()
  -- Details of a lock that another Redis client deleted may be left.
  delete_details(path)
  index_add(path, expires)
  if is_shared(new) then
    write_shared(path, new, expires)
  else
    local problem = write_exclusive(path, new.id, new.flat, expires)
    if problem then error(problem.err) end
  end
end

local function join_shared()
  index_add(path, time_of(math.max(expires or math.huge, last_end(path) or 0)))
  add_shared(path, new, expires)
end

-- Fields that other instances have written since.
local OF_OTHERS = { 'revoked', 'newest', 'watchers' }

-- The holding is there, as this instance or one with older data has written it.
local function write_over(held)
  -- Another instance renews it now.
  if held.bound == '1' and held.mount ~= mount and wants.bound ~= '1' then return end
  for _, field in ipairs(OF_OTHERS) do put(new.flat, field, held[field]) end
  not_before(is_shared(held) and held.ends or end_of(path))
  if is_shared(held) then
    remove_details(path, held)
    join_shared()
  else
    write_new()
  end
end

-- The acquisition has ended with this holding, so its ticket in older data means nothing.
call('ZREM', tickets_key(path), wants.nonce)
call('HDEL', wants_key(path), wants.nonce)
if dir_exists(path) then return { 'LOST' } end
local held = holding(path, { token = token })
local in_the_way = {}
if held and held.token ~= token and not (is_shared(held) and is_shared(new)) then
  in_the_way = older_in_the_way(held)
  if not in_the_way then return { 'LOST' } end
end
restore_parents(path, wants.uid, wants.gid)
if held and held.token == token and is_shared(held) == is_shared(new) then
  write_over(held)
elseif held and #in_the_way == 0 and held.token ~= token then
  join_shared()
else
  call('DEL', lock_key(path))
  write_new()
end
if new.form then follow_up(note_form, path, expires) end
follow_up(set_end_of_tickets, path, expires)
notify_gone(path, in_the_way)
publish('REFRESHED', path, new, wants.left)
return { 'OK', trouble }
