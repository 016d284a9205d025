-- Messages to the daemon of one instance; names.lua lists them.

-- Publishes a message; returns how many received it, 0 if publishing failed.
local function notify(to, word, about, key)
  return to and follow_up(call, 'PUBLISH', mount_key(to), word .. ' ' .. about .. ' ' .. key) or 0
end

-- Notifies the daemon of the holder unless it is the caller: it caches its own locks (lock_cache.c).
local function notify_holder(word, key, held)
  if held.mount and held.mount ~= mount then notify(held.mount, word, held.token, key) end
end

-- Notifies the daemons that watch the holding of another instance (watch.lua).
local function notify_watchers(word, key, held)
  if not held.watchers then return end
  for to in string.gmatch(held.watchers, '%S+') do notify(to, word, held.token, key) end
end
