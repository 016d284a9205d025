-- Sets the size of the content of a lock. The content of another Redis client's lock stays empty.
--
-- ARGV: 4 id, 5 identity, 6 token ('': any holding), 7 size, 8 largest size of a content
-- Answers: 'OK' and the lock as describe() has it; 'ENOENT': no such holding; 'EBUSY': another's, or shared; 'EFBIG'; 'EISDIR'

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/holding.lua"
--- @include "include/message.lua"

local id, identity, token, size = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])

local held = holding(path, meant_by(token, id, identity))
if not held and dir_exists(path) then return { 'EISDIR' } end
if not held or (token ~= '' and token ~= held.token) then return { 'ENOENT' } end
if is_shared(held) or not proves(id, identity, held) then return { 'EBUSY' } end
if size > tonumber(ARGV[8]) then return { 'EFBIG' } end
if not held.foreign then
  call('PTTL', KEYS[1]) -- describe() needs it; if it is refused, nothing has changed yet
  local content = held.content or ''
  if size <= #content then allow_when_full() end
  if size > #content then content = content .. string.rep('\0', size - #content) end
  -- Clearing `undoable` in the same command does what make_permanent() does: both happen or neither.
  call('HSET', details_key(path), 'content', string.sub(content, 1, size), 'undoable', '')
  notify_holder('TOUCH', path, held)
end
return describe_again(path, held)
