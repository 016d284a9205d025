-- What is told to all who listen. Where it cannot be told, the change that it is about stands.

-- Who that is, for people: as lock_owner_print(). A value of another client may be anything.
local function owner_of(held)
  if held.identity and held.identity ~= '' then
    return (held.user or '') .. '@' .. (held.host or '') .. ':' .. (held.pid or '') .. ' ' .. (held.command or '')
  end
  return (string.gsub(string.sub(held.id, 1, 511), '%z', '?'))
end

-- What is told of a holding (nil: of none); `ttl` where it is another than before.
local function event_text(kind, key, held, ttl)
  local about = held and held.token .. ' ' .. (ttl or held.ttl or 0) .. ' ' .. owner_of(held) or '0 0 '
  return kind .. ' ' .. integer(now_us) .. ' ' .. about .. '\0' .. key
end

local function publish(kind, key, held, ttl)
  follow_up(call, 'PUBLISH', ns .. '#ev', event_text(kind, key, held, ttl))
end
