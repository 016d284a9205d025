-- The names of the server's keys and channels, and the arguments that every script has. Every script
-- includes this first.
--
-- ARGV[1] is the namespace, ARGV[2] the path of a lock or directory, ARGV[3] the instance of the calling
-- daemon, the last one the epoch (epoch.lua); KEYS[1] is the lock at that path. The server may run a script twice with the same arguments.
--
--   NS:KEY         STRING  the id of the holder; its expiry is the lease. Of a shared lock: SHARED (holding.lua), until
--                          its last holding ends
--   NS#d:KEY       HASH    details of the holding, with the same expiry. Of a shared lock: `shared`, and the content
--   NS#h:KEY       ZSET    holdings of a shared lock: tokens by expiry (ms; inf: never). Those that have ended are
--                          removed later, a limited number at a time
--   NS#H:KEY       HASH    details of each of these holdings by token, packed
--   NS#o:KEY       ZSET    finds these holdings, the oldest first; all scores are 0. Members are a letter, a text, NUL and the
--                          token: `n` nonce, `i` id, `I` identity; and `t`, which has no text and no NUL
--   NS#i:DIR       ZSET    index: names of the locks in a directory, by expiry (ms)
--   NS#s:DIR       SET     names of the directories in a directory
--   NS#D:DIR       HASH    settings of a directory; the root has this key only if a setting was made
--   NS#F:DIR       STRING  locks in a directory may have another form than a file; expires with the last of those
--   NS#L:DIR       STRING  the limit of a directory, if it has one
--   NS#W:DIR       ZSET    names of the free keys that wait for room in it, by the order of their first tickets
--   NS#w:KEY       ZSET    queue of a lock: tickets (nonces) by order of arrival (us)
--   NS#t:KEY       HASH    what each ticket wants, packed; exists as long as NS#w:KEY
--   NS#m:INSTANCE  STRING  the instance lives and has tickets; expires soon unless it is renewed
--   NS#r:INSTANCE  STRING  written before each WAIT for replicas, for 1 s (calls/replica_wait.h)
--   NS#g           ZSET    keys to be passed on if they are free, by the time of that (ms): grants that may
--                          stay unconfirmed, and queues with too many tickets of dead instances for one script
--   NS#e           STRING  the epoch of the data (epoch.lua): a nonce. In a cluster it exists always (net/slot.h)
--   NS#server      STRING  whose epoch it is, `RUN_ID/SECOND_REPL_OFFSET`, and up to four epochs before it (hello.lua)
--   NS#grace       STRING  nobody acquires a lock while it exists, as holders write their holdings anew
--   NS#token       STRING  the last fencing token
--   NS#none                never exists (failure.lua, net/slot.h)
--
--   NS#e           channel of new epochs: the epoch
--   NS#ev          channel of events: `KIND TIME TOKEN LEASE OWNER`, NUL, key; TIME in us since the epoch. `shared`
--                  follows if the holding is shared, and its form if it is no file, each after a NUL
--   NS#m:INSTANCE  channel of messages to one daemon: `WORD TOKEN KEY`, or `GRANT NONCE KEY`. Anybody can
--                  publish there, so a message about a holding of another instance changes nothing.
--                    GRANT   the ticket must ask again: the lock was granted to it and must be confirmed,
--                            or the lease that it waits for ends earlier than it was told
--                    TOUCH   another instance changed a holding that this one has or watches
--                    ENDED   another instance released the holding
--                    GONE    another Redis client deleted the lock
--                    REVOKE  another instance releases the holding by force: stop the holder, then release
--                    FREED   the lock that this instance released by force is free
--                    WHO NUMBER INSTANCE   that instance asks where this one is (status.lua); NUMBER is that of its
--                            roll call
--                    HERE NUMBER HOST   the answer: then, each after a NUL, the mount point and the version of lockfs (here.lua)
--                    HELD LEFT EVENT   a lease began earlier, and LEFT ms of it are left (lease_scan.lua)
local ns, path, mount = ARGV[1], ARGV[2], ARGV[3]
local call = redis.call

local function lock_key(key) return ns .. ':' .. key end
local function details_key(key) return ns .. '#d:' .. key end
local function leases_key(key) return ns .. '#h:' .. key end
local function holdings_key(key) return ns .. '#H:' .. key end
local function order_key(key) return ns .. '#o:' .. key end
local function index_key(dir) return ns .. '#i:' .. dir end
local function dir_key(dir) return ns .. '#D:' .. dir end
local function forms_key(dir) return ns .. '#F:' .. dir end
local function limit_key(dir) return ns .. '#L:' .. dir end
local function room_key(dir) return ns .. '#W:' .. dir end
local function tickets_key(key) return ns .. '#w:' .. key end
local function mount_key(of) return ns .. '#m:' .. of end
