-- Writes to the content of a lock.
--
-- ARGV: 4 token, 5 offset (-1: at the end), 6 data, 7 largest size of a content
-- Answers: 'OK'; 'ESTALE': the holding has ended; 'EBUSY': it is shared; 'EFBIG'

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/holding.lua"
--- @include "include/message.lua"

local token, offset, data, largest = ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])

local held = holding(path, meant_by(token))
if not held or held.token ~= token or held.foreign then return { 'ESTALE' } end
if is_shared(held) then return { 'EBUSY' } end
if data == '' then return { 'OK' } end
local content = held.content or ''
if offset < 0 then offset = #content end
if offset + #data > largest then return { 'EFBIG' } end
if offset > #content then content = content .. string.rep('\0', offset - #content) end
content = string.sub(content, 1, offset) .. data .. string.sub(content, offset + #data + 1)
-- Clearing `undoable` in the same command does what make_permanent() does: both happen or neither.
call('HSET', details_key(path), 'content', content, 'undoable', '')
notify_holder('TOUCH', path, held)
return { 'OK', trouble }
