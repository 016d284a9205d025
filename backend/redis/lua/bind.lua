-- Binds a holding to an open file of the calling instance, which renews it from now on.
--
-- ARGV: 4 id, 5 identity, 6 token, 7 grace in ms
-- Answers: 'OK' and the lock as describe() has it; 'ENOENT': no such holding, see also answer_revoked(); 'EPERM': another's

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

local held = holding(path, meant_by(ARGV[6], ARGV[4], ARGV[5]))
if not held or held.token ~= ARGV[6] or held.foreign then return { 'ENOENT' } end
if held.revoked then return answer_revoked(held) end
if not proves(ARGV[4], ARGV[5], held) then return { 'EPERM' } end
call('PTTL', KEYS[1]) -- describe() needs it; if it is refused, nothing has changed yet
allow_when_full()
make_permanent(path, held)
set_details(path, held, 'bound', '1', 'mount', mount, 'grace', ARGV[7])
local ttl = lease(held.ttl)
if ttl and ttl > 0 then
  follow_up(set_details, path, held, 'refreshed', integer(now_ms))
  if held.mtime then follow_up(clear_details, path, held, 'mtime') end
  follow_up(set_lease_end, path, held, now_ms + ttl)
  publish('REFRESHED', path, held)
end
return describe_again(path, held)
