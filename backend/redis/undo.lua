-- ARGV: 4 nonce. Takes back an acquisition whose answer was lost, or that waits.
local held = holding(path)
if held and held.nonce == ARGV[4] then
  free(path, held, 'RELEASED')
  return { 'OK' }
end
return { leave(path, ARGV[4]) and 'OK' or 'ENOENT' }
