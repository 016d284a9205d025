-- The names in a directory: 'OK', a table of directories, a table of locks.
local chunk = 1000

if path ~= '' and call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end

-- What another client has deleted by force is still in the index, but not held: it goes
-- now, where whoever asks may write, and its holder is told, as hold() would.
local function forget(key)
  local before = call('HMGET', details_key(key), 'mount', 'token')
  if type(redis.pcall('DEL', details_key(key))) ~= 'number' then return end
  index_remove(key)
  if before[1] then tell(before[1], 'GONE', before[2], key) end
end

local names = call('ZRANGEBYSCORE', index_key(path), integer(now_ms), 'inf')
local prefix = path == '' and '' or path .. '/'
local locks = {}
for first = 1, #names, chunk do
  local keys = {}
  for i = first, math.min(first + chunk - 1, #names) do keys[#keys + 1] = lock_key(prefix .. names[i]) end
  for i, id in ipairs(call('MGET', unpack(keys))) do
    local found = names[first + i - 1]
    if id then
      locks[#locks + 1] = found
    else
      forget(prefix .. found)
    end
  end
end
return { 'OK', call('SMEMBERS', subdirs_key(path)), locks }
