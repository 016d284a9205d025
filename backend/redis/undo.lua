-- ARGV: 4 nonce. Takes back an acquisition whose answer was lost.
local held = holding(path)
if not held or held.nonce ~= ARGV[4] then return { 'ENOENT' } end
free(path, held)
publish('RELEASED', path, held.token, held.ttl)
return { 'OK' }
