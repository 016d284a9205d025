-- Events, which go to every instance that listens. If publishing fails, the change stands.

-- The holder as text for people, as lock_owner_print() of backend/util/text/owner.c prints it. The value that
-- another Redis client gave its lock may be anything.
local function owner_of(held)
  if held.identity and held.identity ~= '' then
    return (held.user or '') .. '@' .. (held.host or '') .. ':' .. (held.pid or '') .. ' ' .. (held.command or '')
  end
  return (string.gsub(string.sub(held.id, 1, 511), '%z', '?'))
end

-- The text of an event. `held` is nil if there is no holding; `ttl` is given if it differs from held.ttl.
local function event_text(kind, key, held, ttl)
  local about = held and held.token .. ' ' .. (ttl or held.ttl or 0) .. ' ' .. owner_of(held) or '0 0 '
  local traits = (held and held.mode == 'shared' and '\0shared' or '') .. (held and held.form and '\0' .. held.form or '')
  return kind .. ' ' .. integer(now_us) .. ' ' .. about .. '\0' .. key .. traits
end

local function publish(kind, key, held, ttl)
  follow_up(call, 'PUBLISH', ns .. '#ev', event_text(kind, key, held, ttl))
end
