-- Starts the lease of a holding again.
--
-- ARGV: 4 id, 5 identity, 6 token ('': any holding), 7 ttl in ms (0: as long as before), 8 the time that is shown until the
--   next refresh, in ms ('': that of this refresh)
-- Answers: 'OK' and the lock as describe() has it; 'ENOENT': no such holding; 'EPERM': another's; 'EISDIR';
--   of a holding that is being revoked as answer_revoked() has it; 'ENOTSUP': the lease never ends; 'EINVAL': a ttl below 0

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/lease.lua"

local id, identity, token, ttl, modified = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8]

local function refuse(word, held)
  publish('FAILED_REFRESH', path, held)
  return { word, trouble }
end

local held = holding(path, meant_by(token, id, identity))
if not held and dir_exists(path) then return { 'EISDIR' } end
local is_meant = held and (token == '' or token == held.token)
if is_meant and held.revoked then
  publish('FAILED_REFRESH', path, held)
  return answer_revoked(held)
end
if not is_meant then return refuse('ENOENT', held) end
if not proves(id, identity, held) then return refuse('EPERM', held) end
make_permanent(path, held)
local left = left_of(path, held)
if left < 0 then return refuse('ENOTSUP', held) end
if ttl < 0 then return refuse('EINVAL', held) end
-- If the lease is not known, because it is damaged or another Redis client's, what is left of it counts.
if ttl == 0 then ttl = lease(held.ttl) or left end
if ttl < 0 then ttl = left end

-- The expiry is written first: it decides, and needs no memory.
if held.foreign then
  set_expiry(KEYS[1], now_ms + ttl)
else
  set_lease_end(path, held, now_ms + ttl, false, function()
    if modified ~= '' then
      set_details(path, held, 'ttl', integer(ttl), 'refreshed', integer(now_ms), 'mtime', modified)
    else
      set_details(path, held, 'ttl', integer(ttl), 'refreshed', integer(now_ms))
      if held.mtime then clear_details(path, held, 'mtime') end
    end
  end)
end
notify_holder('TOUCH', path, held)
if ttl < left then notify_watchers('TOUCH', path, held) end
publish('REFRESHED', path, held, integer(ttl))
return describe_again(path, held)
