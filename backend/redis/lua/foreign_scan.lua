-- Lists locks in the directory `path` that are not in its index, as other Redis clients take them: one page
-- of a SCAN over the whole database.
--
-- ARGV: 4 cursor: 'a' and the cursor of SCAN
-- Answers: as list.lua, whose pages come before these

--- @include "include/names.lua"

local ALL = 'a'
local prefix = lock_key(path == '' and '' or path .. '/')
local pattern = string.gsub(prefix, '[%*%?%[%]\\]', '\\%0') .. '*'
local step = call('SCAN', string.sub(ARGV[4], #ALL + 1), 'MATCH', pattern, 'COUNT', 1000, 'TYPE', 'string')
local names = {}
for _, key in ipairs(step[2]) do
  local found = string.sub(key, #prefix + 1)
  if found ~= '' and not string.find(found, '/', 1, true) then names[#names + 1] = found end
end
return { 'OK', step[1] == '0' and '' or ALL .. step[1], {}, names, 0, call('EXISTS', forms_key(path)) }
