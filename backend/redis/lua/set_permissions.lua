-- Sets the permission bits of a holding.
--
-- ARGV: 4 id, 5 identity, 6 token ('': any holding), 7 the bits as a decimal number
-- Answers: 'OK' and the lock as describe() has it; 'ENOENT': no such holding; 'EPERM': another's; 'EISDIR';
--   of a holding that is being revoked as answer_revoked() has it

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/holding.lua"
--- @include "include/message.lua"

local id, identity, token, permissions = ARGV[4], ARGV[5], ARGV[6], ARGV[7]

local held = holding(path, meant_by(token, id, identity))
if not held and dir_exists(path) then return { 'EISDIR' } end
if not held or (token ~= '' and token ~= held.token) then return { 'ENOENT' } end
if held.revoked then return answer_revoked(held) end
if held.foreign or not proves(id, identity, held) then return { 'EPERM' } end
call('PTTL', KEYS[1]) -- describe() needs it; if it is refused, nothing has changed yet
-- Clearing `undoable` in the same command does what make_permanent() does: both happen or neither.
set_details(path, held, 'permissions', permissions, 'undoable', '')
notify_holder('TOUCH', path, held)
return describe_again(path, held)
