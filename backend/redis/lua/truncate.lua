-- ARGV: 4 id, 5 identity, 6 token ('': any), 7 size, 8 the largest content.

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/holding.lua"
--- @include "include/message.lua"

local id, identity, token, size = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])

local held = holding(path)
if not held and dir_exists(path) then return { 'EISDIR' } end
if not held or (token ~= '' and token ~= held.token) then return { 'ENOENT' } end
if not proves(id, identity, held) then return { 'EBUSY' } end
if size > tonumber(ARGV[8]) then return { 'EFBIG' } end
if not held.foreign then
  call('PTTL', KEYS[1]) -- as the answer does: where that is refused, nothing has changed
  local content = held.content or ''
  if size <= #content then begin_freely() end
  if size > #content then content = content .. string.rep('\0', size - #content) end
  -- As prove() does, in the same step: both are done, or neither is.
  call('HSET', details_key(path), 'content', string.sub(content, 1, size), 'undoable', '')
  tell_holder('TOUCH', path, held)
end
return describe_again(path, held)
