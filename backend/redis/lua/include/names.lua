-- The names of the server's keys. Every script includes this first.
--
-- ARGV[1] is the namespace, ARGV[2] the path of a lock or directory, ARGV[3] the instance that
-- asks; KEYS[1] is the lock at that path. The server may run a script twice with the same arguments.
--
--   NS:KEY      STRING  the id of the holder, with the lease as its expiry
--   NS#d:KEY    HASH    details of the holding, with the same expiry
--   NS#i:DIR    ZSET    names of the locks in a directory, by expiry (ms)
--   NS#s:DIR    SET     names of the directories in a directory
--   NS#D:DIR    HASH    settings of a directory; the root has them only when set
--   NS#w:KEY    ZSET    tickets (nonces) of those who wait for a lock, by order of arrival (us)
--   NS#t:KEY    HASH    what each of them wants, packed; both go when nobody waits
--   NS#m:MOUNT  STRING  the daemon of this mount lives, and has tickets; with a short expiry
--   NS#g        ZSET    keys that were handed over and not confirmed yet, by the end of that (ms),
--                       and those with too many tickets of dead mounts for one script
--   NS#token    STRING  the last fencing token
--   NS#none             is never there (failure.lua)
--   NS#ev       channel events: `KIND TIME TOKEN LEASE OWNER`, NUL, key; the time in us since the epoch
--   NS#m:MOUNT  channel for the daemon of one mount: `WORD TOKEN KEY`, and `GRANT NONCE KEY`. Anybody can
--               publish there: a word about a holding that is not that mount's changes nothing
--                 GRANT   this ticket is to ask again: it has the lock, if it confirms that in
--                         time; or the lease that it waits for ends earlier than it knows
--                 TOUCH   another changed something about this holding, of yours or that you watch
--                 ENDED   another released it
--                 GONE    it was deleted past lockfs, and another has it
--                 REVOKE  another releases it by force: stop, then release it
--                 FREED   what you released by force is free
--                 HELD LEFT EVENT   has been so for a while; so much of its lease is left (lease_scan.lua)
local ns, path, mount = ARGV[1], ARGV[2], ARGV[3]
local call = redis.call

local function lock_key(key) return ns .. ':' .. key end
local function details_key(key) return ns .. '#d:' .. key end
local function index_key(dir) return ns .. '#i:' .. dir end
local function dir_key(dir) return ns .. '#D:' .. dir end
local function tickets_key(key) return ns .. '#w:' .. key end
local function mount_key(of) return ns .. '#m:' .. of end
