-- Tells an instance the epoch of the data. It is the first script on each connection, and comes again after the answer EPOCH.
--
-- An epoch begins if this server process has not told one yet, or has lost it; or if the instance comes from other data, as after
-- a switch to another server and back: what this server has may be older than what the instance holds. A server process is named
-- by its run_id, which a restart changes, and by second_repl_offset, which a promotion changes.
--
-- ARGV: 4 a nonce for a new epoch, 5 the grace in ms, 6 the largest token that the instance has seen, 7 the epoch that it was
--   told last ('': none)
-- Answers: 'OK', the epoch, what is left of the grace in ms

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"

local BEFORE_MAX = 4 -- earlier epochs that are remembered

local grace, last = ARGV[5], ARGV[7]

local function info(section, field)
  return string.match(call('INFO', section), '\n' .. field .. ':([^\r\n]*)') or ''
end

local server = info('server', 'run_id') .. '/' .. info('replication', 'second_repl_offset')
local epoch, about = call('GET', ns .. '#e'), call('GET', ns .. '#server')

-- The epochs before the present one that its instances came from, the latest first.
local before = {}
for each in string.gmatch(string.match(about or '', '^%S+(.*)') or '', '%S+') do before[#before + 1] = each end

local function is_known(name)
  if name == '' or name == epoch then return true end
  for _, each in ipairs(before) do
    if each == name then return true end
  end
  return false
end

local function begin()
  allow_when_full()
  -- The grace comes first: without it, others would acquire in the new epoch at once.
  if grace ~= '0' and call('PTTL', ns .. '#grace') < tonumber(grace) then call('SET', ns .. '#grace', '1', 'PX', grace) end
  local words = { server }
  if epoch then words[2] = epoch end
  if not is_known(last) then words[#words + 1] = last end
  for _, each in ipairs(before) do
    if #words <= BEFORE_MAX then words[#words + 1] = each end
  end
  call('SET', ns .. '#server', table.concat(words, ' '))
  epoch = ARGV[4]
  call('SET', ns .. '#e', epoch)
  call('PUBLISH', ns .. '#e', epoch)
end

if not epoch or not about or string.match(about, '^%S*') ~= server or not is_known(last) then begin() end

-- A token that was given before must not be given again, though the clock of this server may be behind.
local seen, given = tonumber(ARGV[6]), tonumber(call('GET', ns .. '#token') or nil) or 0
if seen > given and seen < LAST_TOKEN then
  allow_when_full()
  call('SET', ns .. '#token', ARGV[6])
end
return { 'OK', epoch, math.max(0, call('PTTL', ns .. '#grace')) }
