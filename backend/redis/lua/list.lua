-- Lists a directory, one page at a time: subdirectories first, then locks. A name that exists from the first
-- page to the last is never missed, and may be listed twice while others come and go, as SSCAN and ZSCAN do.
--
-- ARGV: 4 cursor: 'd' and the cursor of SSCAN over subdirectories, or 'l' and that of ZSCAN over locks
-- Answers: 'OK', the next cursor ('' after the last page), subdirectories, locks, about how many names there
--   are on all pages, 1 if some of the locks may be no files (else 0); 'ENOENT'; 'ENOTDIR': a lock

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/message.lua"
--- @include "include/holding.lua"
--- @include "include/gone.lua"
--- @include "include/forget.lua"
--- @include "include/indexed.lua"

local DIRS, LOCKS = 'd', 'l'
local PAGE = 250 -- names; a page takes about 0.7 ms

if path ~= '' and call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end

local phase, at = string.match(ARGV[4], '^(.)(.*)$')
local forms = call('EXISTS', forms_key(path))
local expected = call('SCARD', subdirs_key(path)) + call('ZCARD', index_key(path))
local dirs, locks = {}, {}
if phase == DIRS then
  local step = call('SSCAN', subdirs_key(path), at, 'COUNT', PAGE)
  dirs = step[2]
  if step[1] ~= '0' then return { 'OK', DIRS .. step[1], dirs, {}, expected, forms } end
  phase, at = LOCKS, '0'
  if #dirs > PAGE / 2 then return { 'OK', LOCKS .. '0', dirs, {}, expected, forms } end
end
local step = call('ZSCAN', index_key(path), at, 'COUNT', PAGE)
locks = held_of(leased(step[2]))
return { 'OK', step[1] == '0' and '' or LOCKS .. step[1], dirs, locks, expected, forms, trouble }
