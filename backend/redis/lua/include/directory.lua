-- Directories, and the parts of a path.

local function subdirs_key(dir) return ns .. '#s:' .. dir end

local function parent(of)
  return string.match(of, '^(.*)/[^/]*$') or ''
end

local function name(of)
  return string.match(of, '[^/]*$')
end

local function dir_exists(dir)
  return dir == '' or call('EXISTS', dir_key(dir)) == 1
end

-- 'OK', or the reason why nothing can be made at `of`.
local function check_parent(of)
  local dir = parent(of)
  if dir_exists(dir) then return 'OK' end
  if call('EXISTS', lock_key(dir)) == 1 then return 'ENOTDIR' end
  return 'ENOENT'
end

-- The lease of locks made in `dir`: its own setting, else that of the nearest directory above, or nil.
-- A damaged setting counts as none.
local function default_ttl(dir)
  while true do
    local ttl = lease(call('HGET', dir_key(dir), 'ttl'))
    if ttl or dir == '' then return ttl end
    dir = parent(dir)
  end
end
