-- ARGV: 3 nonce. Takes back an acquisition whose answer was lost.
local held = holding(path)
if not held or held.nonce ~= ARGV[3] then return { 'ENOENT' } end
free(path)
publish('RELEASED', path, held.token, held.ttl)
return { 'OK' }
