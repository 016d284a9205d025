-- ARGV: 3 token, 4 offset (-1: at the end), 5 data, 6 the largest content.
local token, offset, data, largest = ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])

local held = holding(path)
if not held or held.token ~= token or held.foreign then return { 'ESTALE' } end
if data == '' then return { 'OK' } end
local content = held.content or ''
if offset < 0 then offset = #content end
if offset + #data > largest then return { 'EFBIG' } end
if offset > #content then content = content .. string.rep('\0', offset - #content) end
content = string.sub(content, 1, offset) .. data .. string.sub(content, offset + #data + 1)
call('HSET', details_key(path), 'content', content)
return { 'OK' }
