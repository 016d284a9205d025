-- What is told to the daemon of one mount.

-- Answers how many heard it; 0 where it cannot be told.
local function tell(to, word, about, key)
  return to and follow_up(call, 'PUBLISH', mount_key(to), word .. ' ' .. about .. ' ' .. key) or 0
end

-- A daemon knows its own locks for a moment without asking; this tells it better.
local function tell_holder(word, key, held)
  if held.mount and held.mount ~= mount then tell(held.mount, word, held.token, key) end
end

-- Tells the daemons that watch a holding of another mount.
local function tell_watchers(word, key, held)
  if not held.watchers then return end
  for to in string.gmatch(held.watchers, '%S+') do tell(to, word, held.token, key) end
end
