-- Lists a directory with what its locks are like, one page at a time: subdirectories first, then locks, then with the
-- mount option `scan` those that are in no index. A name that exists from the first page to the last is never
-- missed, and may be listed twice, as by list.lua. Pages are small, because nobody can acquire a lock while a script runs.
--
-- ARGV: 4 cursor: 'd' and the cursor of SSCAN over subdirectories, 'l' and that of ZSCAN over locks, or 'a' and that
--   of SCAN over the whole database; 5 id, 6 identity of the caller; both '': it does not matter who holds the locks
-- Answers: 'OK', the next cursor ('' after the last page), subdirectories, locks, about how many names there
--   are on all pages, mode, uid and gid of the directory, the time in ms; 'ENOENT'; 'ENOTDIR': a lock. A lock is a list:
--   name, what is left of the lease in ms (-1: never ends), number of waiters, number of holdings if they are shared (else 0), '1' if
--   no claim proves it, the nonce if its instance may still undo the acquisition, else '' (of both, if the caller's claim does not
--   prove the lock), and a list of the details that FIELDS names; of a lock of another Redis client, only the first two of these

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

local DIRS, LOCKS, ALL = 'd', 'l', 'a'
local PAGE = 100 -- names; a page takes about 2 ms
local ID, IDENTITY = ARGV[5], ARGV[6]

-- Details in the order in which reply_locks.c reads them. A page takes the longer the more there are. The form is left out if all
-- locks are files; what matters to the holder alone is read once a lock is found that the claim proves, as others follow.
local FIELDS = { 'id', 'token', 'identity', 'user', 'host', 'place', 'command', 'pid', 'uid', 'acquired', 'refreshed', 'ttl', 'form' }
local HOLDER_FIELDS = { unpack(FIELDS) }
for _, field in ipairs({ 'granted', 'undoable', 'mount', 'nonce' }) do HOLDER_FIELDS[#HOLDER_FIELDS + 1] = field end
local ID_AT, TOKEN_AT, IDENTITY_AT, GRANTED_AT, UNDOABLE_AT, MOUNT_AT, NONCE_AT = 1, 2, 3, 14, 15, 16, 17
local fields_read = FIELDS

if path ~= '' and call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end

local prefix = path == '' and '' or path .. '/'

-- The details of a lock that another Redis client took, or whose details are damaged.
local function foreign_values(id) return { id, foreign_token(id) } end

-- What the answer says of a holding that the claim may prove: is it a grant, and its nonce if this instance may undo it.
local function claim_on(key, held)
  if not held.granted and not may_name_holder(key, held, ARGV[5], ARGV[6]) then held.granted = '1' end
  return held.granted and '1' or '', is_undoable(held) and held.mount == mount and held.nonce or ''
end

-- The holding of a shared lock that read.lua would describe: what is left of it, their number, what claim_on() says, and its
-- details; nil if all have ended.
local function shared_parts(key)
  local done, held = pcall(holding, key, meant_by('', ARGV[5], ARGV[6]))
  if not done then return call('PTTL', lock_key(key)), 1, '1', '', foreign_values('?') end
  if not held then return nil end
  if held.foreign then return left_of(key, held), holders_of(key, held), '1', '', { held.id, held.token } end
  local values = {}
  for i, field in ipairs(FIELDS) do values[i] = held[field] or false end
  local granted, nonce = claim_on(key, held)
  return left_of(key, held), holders_of(key, held), granted, nonce, values
end

-- What claim_on() says of an exclusive lock that the claim proves, from the values of HOLDER_FIELDS.
local function claim_on_values(key, values)
  if values[GRANTED_AT] then return '1', '' end
  if values[UNDOABLE_AT] ~= '1' then return '', '' end
  if values[MOUNT_AT] == mount then return '', values[NONCE_AT] or '' end
  return claim_on(key, { id = values[ID_AT], identity = values[IDENTITY_AT] or nil, undoable = '1', mount = values[MOUNT_AT] })
end

-- What shared_parts() returns, of an exclusive lock whose value is `id`. The content is not read.
local function exclusive_parts(key, id)
  local left, values = call('PTTL', lock_key(key)), redis.pcall('HMGET', details_key(key), unpack(fields_read))
  if values[ID_AT] ~= id or not number(values[TOKEN_AT], 1, LAST_TOKEN) then return left, 0, '', '', foreign_values(id) end
  if not proves(ARGV[5], ARGV[6], { id = id, identity = values[IDENTITY_AT] or nil }) then return left, 0, '', '', values end
  if fields_read ~= HOLDER_FIELDS then
    fields_read = HOLDER_FIELDS
    values = call('HMGET', details_key(key), unpack(fields_read))
  end
  local granted, nonce = claim_on_values(key, values)
  return left, 0, granted, nonce, values
end

-- A lock for the answer; nil if it has ended. `is_awaited`: it may have waiters.
local function answer_of(each, id, is_awaited)
  local key = prefix .. each
  local left, holders, granted, nonce, values
  if id == SHARED then
    left, holders, granted, nonce, values = shared_parts(key)
  else
    left, holders, granted, nonce, values = exclusive_parts(key, id)
  end
  if not left or left == -2 then return nil end
  return { each, left, is_awaited and follow_up(call, 'ZCARD', tickets_key(key)) or 0, holders, granted, nonce, values }
end

-- Has any of these locks waiters?
local function are_awaited(names)
  local keys = {}
  for i, each in ipairs(names) do keys[i] = tickets_key(prefix .. each) end
  return #keys > 0 and (#keys > UNPACK_MAX or call('EXISTS', unpack(keys)) > 0)
end

local function answers_of(names, ids)
  local awaited, answers = are_awaited(names), {}
  for i, each in ipairs(names) do answers[#answers + 1] = answer_of(each, ids[i], awaited) end
  return answers
end

if call('EXISTS', forms_key(path)) == 0 then FIELDS[#FIELDS] = nil end
local dir = call('HMGET', dir_key(path), 'mode', 'uid', 'gid')
local phase, at = string.match(ARGV[4], '^(.)(.*)$')
local expected = call('SCARD', subdirs_key(path)) + call('ZCARD', index_key(path))

local function answer(cursor, dirs, locks)
  return { 'OK', cursor, dirs, locks, expected, dir[1] or '0', dir[2] or '0', dir[3] or '0', now_ms, trouble }
end

if phase == ALL then
  local start = lock_key(prefix)
  local pattern = string.gsub(start, '[%*%?%[%]\\]', '\\%0') .. '*'
  local step = call('SCAN', at, 'MATCH', pattern, 'COUNT', 1000, 'TYPE', 'string')
  local names, ids = {}, {}
  for _, key in ipairs(step[2]) do
    local found = string.sub(key, #start + 1)
    local id = found ~= '' and not string.find(found, '/', 1, true) and call('GET', key)
    if id then names[#names + 1], ids[#ids + 1] = found, id end
  end
  return answer(step[1] == '0' and '' or ALL .. step[1], {}, answers_of(names, ids))
end

local dirs = {}
if phase == DIRS then
  local step = call('SSCAN', subdirs_key(path), at, 'COUNT', PAGE)
  dirs = step[2]
  if step[1] ~= '0' then return answer(DIRS .. step[1], dirs, {}) end
  at = '0'
  if #dirs > PAGE / 2 then return answer(LOCKS .. '0', dirs, {}) end
end
local step = call('ZSCAN', index_key(path), at, 'COUNT', PAGE)
return answer(step[1] == '0' and '' or LOCKS .. step[1], dirs, answers_of(held_of(leased(step[2]))))
