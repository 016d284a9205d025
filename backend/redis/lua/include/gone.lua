-- What is left of a lock that another Redis client deleted: its details are still there.

-- Holders of a shared lock that one script notifies. The others find out at their next renewal.
local GONE_MAX = 100

-- Reads the holdings of a deleted lock from the details `of` it: a list of tables with `mount` and `token`.
local function deleted_holdings(key, of)
  if not of.shared then return { of } end
  local found = {}
  local tokens = call('ZRANGEBYSCORE', leases_key(key), integer(now_ms), 'inf', 'LIMIT', 0, GONE_MAX)
  for i, token in ipairs(tokens) do found[i] = shared_holding(key, token) end
  return found
end

-- Removes the details, those of shared holdings too.
local function delete_details(key)
  call('DEL', details_key(key), leases_key(key), holdings_key(key), order_key(key))
end

-- Sends GONE to the holders.
local function notify_gone(key, holdings)
  for _, held in ipairs(holdings) do
    if number(held.token, 1, LAST_TOKEN) then notify(held.mount, 'GONE', held.token, key) end
  end
end
