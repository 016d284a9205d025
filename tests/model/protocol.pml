/* A model for spin of how mounts share a lock through Redis: one key, two or three mounts
 * with a caller each (in ROUNDS turns), a caller that acquires the lock by creating a plain
 * file, one that releases by force, and faults. tests/model/run searches all executions
 * within the numbers of faults that it gives by -D, and checks that each variant that is
 * broken on purpose (also by -D) is caught.
 *
 * Where the steps of the model are in the program:
 *
 *   acquire           acquire.lua: the first request, joining the queue again, and
 *                     confirming a grant are one script
 *   undo_script       undo.lua          release_script    release.lua
 *   refresh_script    refresh.lua       force             release.lua, forced
 *   look              heartbeat.lua: the heartbeat and the timers of a mount with tickets
 *   pass_on           pass.lua          set_lock, clear_lock, free_lock  hold.lua, free.lua
 *   Connection        the server's side of a mount's two connections
 *   Mount             the Redis backend of one daemon; got_*: how it handles each
 *                     answer and message; finish: its caller gets an answer, ECANCELED,
 *                     or the loss of a lock
 *   Clock             time, and the conditions that hold whenever nothing is under way
 *
 * Properties, each by the name in its assertion:
 *
 *   exclusion          the lock is granted to nobody while another caller believes to hold
 *                      it. A belief ends at the release, at the mount's own deadline, or
 *                      when loss or revocation is reported; so the holder of a bound lock
 *                      that is released by force is told before the next grant.
 *   frees_own          no request frees the lock of a caller that believes to hold it
 *   tokens_increase    each belief begins with a larger token than all before
 *   first_come         no new acquisition precedes a ticket that can be served
 *   skips_dead         nothing is granted to a mount that the server knows to be gone
 *   no_lost_wakeup     with nothing under way, no free lock has a living ticket
 *   progress_of_queue  without further faults, a waiter waits only while a caller
 *                      believes to hold the lock, and at most BOUND ticks more: the lease
 *                      of a dead holder and the expiry of a grant to a dead waiter
 *   held_by_nobody     with nothing under way, an acquisition that was cancelled or
 *                      whose answer was lost or late holds nothing and has no ticket
 *
 * Also, there is no deadlock: spin checks that by itself.
 *
 * A caller with the id of a holder, on that mount or on another one, may be told that the id holds
 * the lock (TELLS): it believes so until the holding is released or ends by its lease, which
 * includes the exclusion that an undo must respect.
 *
 * Time is in ticks. Messages arrive before the next tick, except in SLOW ticks, which
 * may pass at any moment. So every race and every end of a lease, a grant, an alive key
 * or a deadline is tried, and each run ends. A tick is a heartbeat (ALIVE is 2 and not 3,
 * to keep the model small), and the 500 ms of an unconfirmed grant and of a revoked lock.
 *
 * Left out: shared locks, conversions and limits of directories (holdings.pml has them); ids (all
 * callers have the same given one, the worst case, in which only nonce
 * and token tell them apart), details, the index, events, several keys, and drifting
 * clocks (MARGIN stands for drift). A heartbeat is one step, as a lost one is like none:
 * the next one follows. Mounts are alike.
 *
 * Assumptions, each with a variant that shows what depends on it:
 *
 *   LATE_REQUESTS    Requests that a broken connection still carried are executed before
 *                    the first request on the next one, or never. Otherwise an acquisition
 *                    may come after its undo, and hold the lock for a whole lease.
 *   REVOKE_UNHEARD   REVOKE reaches a living holder within the 500 ms that its revoked
 *                    lock has left, because its mount is subscribed. Otherwise the holder
 *                    learns it at its next renewal, when another may hold the lock.
 *
 * After the server lost its data, nothing is promised about earlier holdings.
 *
 * Broken on purpose:
 *
 *   UNDO_PROVEN       an undo frees also the lock of a caller that was told that it holds it
 *   TOLD_OPEN         a mount tells its callers that they hold by an acquisition that it may undo
 *   CONFIRM_BLIND     a grant is confirmed without a check that it is still ours
 *   CANCEL_KEEPS      a cancelled waiter's grant is taken away, but not passed on
 *   UNDO_BY_ID        undone by the given id, not by the nonce
 *   UNDO_ONCE         an undo that was lost with its connection is not sent again
 *   GRANT_FORGOTTEN   a grant that comes before the answer to the join is not remembered
 *   NO_RELOOK         after it subscribed again, a mount does not ask for its tickets
 *   EARLY_RELOOK      a mount asks for its tickets before it has subscribed again
 *   DROPPED_UNTOLD    a ticket of a mount whose alive key lapsed is dropped without a
 *                     message, so that a mount that was only slow waits for ever
 *   REPEATS_OVERLAP   a join is repeated while the first one is under way; the second is
 *                     executed when the first has been granted and released
 *   NO_TIMER          a mount does not poll the keys that it waits for
 *   KNOWN_END_ONLY    a key is polled only near the lease end that its waiters know,
 *                     also when it has passed to a holder with a shorter lease
 *   DEAD_NOT_SKIPPED  the first ticket gets the lock, whether its mount lives or not
 *   BARGES            a free lock is acquired although tickets wait
 *   OWN_LATER         a mount's own deadline is later than the server's
 *   LATE_ANSWER       a lease counts from the arrival of the answer
 *   REPEATED_FULL     a repeated acquisition counts a whole lease, not the rest of it
 *   RENEWAL_OUTLIVES  a lock is renewed after its release
 *   RELEASE_ANY       a release does not check the token
 *   FORCE_AT_ONCE     a bound lock is freed by force before its holder knows
 *   FORCE_ANY         the final try of a forced release frees also the next holder's lock
 *   REVOKE_FORGOTTEN  a REVOKE that comes before the answer OK is not remembered
 *   TOKENS_AGAIN      tokens start again after the server lost its data
 */

/* Limits of a run: callers, renewals, faults. */
#ifndef MOUNTS
#define MOUNTS   2
#endif
#ifndef ROUNDS
#define ROUNDS   1
#endif
#ifndef WAITS
#define WAITS    1
#endif
#ifndef PLAINS
#define PLAINS   0
#endif
#ifndef REFRESHES
#define REFRESHES 0
#endif
#ifndef FORCES
#define FORCES   0
#endif
#ifndef TELLS
#define TELLS    0
#endif
#ifndef SLOW
#define SLOW     0
#endif
#ifndef BREAKS
#define BREAKS   0
#endif
#ifndef DEATHS
#define DEATHS   0
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
#ifndef BOUND
#define BOUND    5
#endif

/* Spans of time, in ticks. */
#define TTL        3
#define MARGIN     1
#define GRANT_TTL  1
#define REVOKE_TTL 1
#define ALIVE      2
#define NEVER      255
#define DEPTH      3

#define NONCES   (MOUNTS * ROUNDS)
#define PLAIN    (NONCES + 1)
#define NONCE(m) (1 + (m) * ROUNDS + round[m])
#define MOUNT(n) (((n) - 1) / ROUNDS)

mtype = { ACQUIRE, CONFIRM, REFRESH, RELEASE, UNDO };
mtype = { OK, QUEUED, BUSY, REFRESHED, REFUSED, UNDONE };
mtype = { GRANT, REVOKE };
mtype = { IDLE, WAITING, HOLDING };

/* The server: the lock, the queue, n#g, n#m:MOUNT, who is subscribed, n#token. */
byte holder, left, token;
bool provisional, revoked, granted, undoable;
byte queue[NONCES + 1];
byte alive[MOUNTS];
bool reach[MOUNTS];
byte last_token, last_order;

/* In transit: requests and answers of the command connection, messages of the subscription. */
chan request[MOUNTS] = [DEPTH] of { mtype, byte, byte };
chan answer[MOUNTS] = [DEPTH] of { mtype, byte, byte, byte };
chan message[MOUNTS] = [DEPTH] of { mtype, byte };
#ifdef LATE_REQUESTS
byte late;
#endif

/* The mounts. */
bool dead[MOUNTS], up[MOUNTS], subscribed[MOUNTS];
mtype phase[MOUNTS];
byte round[MOUNTS], order[MOUNTS];
#ifdef KNOWN_END_ONLY
byte known_end[MOUNTS];
#endif
byte own[MOUNTS], held_token[MOUNTS];
byte asked[MOUNTS], age[MOUNTS];
bool refreshing[MOUNTS];
byte refresh_age[MOUNTS];
bool look_due[MOUNTS], again[MOUNTS];
byte revoke_came[MOUNTS];
byte undo[NONCES + 1];
#define NO_UNDO 0
#define UNSENT  1
#define SENT    2

/* A caller that neither waits nor binds, and one that releases by force. */
bool plain_holds;
byte forced_token;

/* A caller that was told, and believes, that the id of the holder holds the lock. */
bool told;

/* Faults so far, and what the properties remember. */
byte slow, breaks, deaths, restarts, forces, plains, tells;
byte highest_seen, starved;
bool unpromised[MOUNTS];
#ifdef RENEWAL_OUTLIVES
byte zombie[MOUNTS];
#endif

/* Scratch variables of a step. */
hidden byte h, i, j, n, x, l;
hidden byte flag, heard;
hidden mtype word;

/* Names of the properties, which spin prints if one fails; always 0. */
hidden byte exclusion, frees_own, tokens_increase, first_come, skips_dead, no_lost_wakeup, progress_of_queue, held_by_nobody;

#define believes(m) (phase[m] == HOLDING && !unpromised[m])

/* ---- The scripts ---------------------------------------------------------- */

inline see_tickets() {
	flag = false;
	for (i : 1 .. NONCES) {
		if
		:: queue[i] -> flag = true
		:: else
		fi
	}
}

inline first_ticket() {
	h = 0;
	for (i : 1 .. NONCES) {
		if
		:: queue[i] && (h == 0 || queue[i] < queue[h]) -> h = i
		:: else
		fi
	}
}

inline set_lock(nonce, lease) {
	/* exclusion: no other caller believes to hold the lock that is granted */
	assert(exclusion || !plain_holds && !told);
	for (i : 0 .. MOUNTS - 1) { assert(exclusion || !believes(i)) }
	holder = nonce;
	left = lease;
	last_token++;
	token = last_token;
	revoked = false;
	provisional = false;
	undoable = true
}

inline clear_lock() {
	holder = 0;
	left = 0;
	token = 0;
	revoked = false;
	provisional = false;
	undoable = false
}

inline pass_on() {
	do
	:: true ->
		first_ticket();
		if
		:: h == 0 -> break
		:: else
		fi;
		j = MOUNT(h);
		queue[h] = 0;
		heard = reach[j];
		if
#ifdef DROPPED_UNTOLD
		:: !alive[j] -> skip
		:: alive[j] && subscribed[j] ->
#else
		:: subscribed[j] ->
#endif
			assert(len(message[j]) < DEPTH); message[j]!GRANT,h
		:: else
		fi;
		if
#ifndef DEAD_NOT_SKIPPED
		:: !alive[j] || !heard -> printf("server: skips nonce %d\n", h)
		:: else ->
#else
		:: true ->
#endif
			/* a mount that is known to be dead is skipped */
			assert(skips_dead || alive[j] && heard);
			set_lock(h, GRANT_TTL);
			provisional = true;
			printf("server: grant to nonce %d\n", h);
			granted = true;
			break
		fi
	od;
	h = 0
}

inline free_lock() {
	/* no lock is freed whose caller believes to hold it */
	if
	:: holder == PLAIN -> assert(frees_own || !plain_holds)
	:: else -> assert(frees_own || !(believes(MOUNT(holder)) && held_token[MOUNT(holder)] == token))
	fi;
	clear_lock();
	pass_on()
}

/* Leaves its answer in word, x and l. */
inline acquire(m, nonce, place) {
	see_tickets();
	if
#ifndef BARGES
	:: holder == 0 && flag -> pass_on()
#endif
	:: else
	fi;
	if
	:: holder == nonce ->
		if
		:: provisional -> provisional = false; left = TTL
		:: else
		fi;
		queue[nonce] = 0;
		word = OK; x = token; l = left
	:: else ->
		if
		:: holder == 0 ->
			/* no other caller gets it in between */
			for (i : 1 .. NONCES) {
				assert(first_come || i == nonce || !queue[i] || !alive[MOUNT(i)] || !reach[MOUNT(i)])
			}
			set_lock(nonce, TTL);
			queue[nonce] = 0;
			word = OK; x = token; l = left
		:: else ->
			if
			:: WAITS ->
				if
				:: queue[nonce] -> skip
				:: !queue[nonce] && place -> queue[nonce] = place
				:: else -> last_order++; queue[nonce] = last_order
				fi;
				alive[m] = ALIVE;
				word = QUEUED; x = queue[nonce]; l = left
			:: else -> word = BUSY; x = 0; l = 0
			fi
		fi
	fi
}

inline undo_script(nonce) {
	queue[nonce] = 0;
	if
#ifdef UNDO_BY_ID
	:: holder != 0 -> free_lock()
#else
#ifdef UNDO_PROVEN
	:: holder == nonce ->
#else
	:: holder == nonce && undoable ->
#endif
#ifdef CANCEL_KEEPS
		clear_lock()
#else
		free_lock()
#endif
#endif
	:: else
	fi
}

inline release_script(which) {
	if
#ifdef RELEASE_ANY
	:: holder != 0 -> free_lock()
#else
	:: holder != 0 && token == which -> told = false; free_lock()
#endif
	:: else
	fi
}

inline refresh_script(which) {
	if
	:: holder != 0 && token == which && !revoked ->
		left = TTL;
		word = REFRESHED
	:: else -> word = REFUSED
	fi
}

inline know_end(m) {
#ifdef KNOWN_END_ONLY
	known_end[m] = left
#else
	skip
#endif
}

inline look(m) {
	alive[m] = ALIVE;
	if
	:: granted && !provisional ->
		granted = false;
		if
		:: holder == 0 -> pass_on()
		:: else
		fi
	:: else
	fi;
#ifndef NO_TIMER
	if
#ifdef KNOWN_END_ONLY
	:: known_end[m] > 1 -> skip
#endif
	:: else ->
		see_tickets();
		if
		:: holder == 0 && flag -> pass_on()
		:: else
		fi;
		know_end(m)
	fi
#endif
}

/* ---- The connections ------------------------------------------------------- */

inline drop_commands(m) {
	do
	:: len(request[m]) > 0 -> request[m]?_,_,_
	:: else -> break
	od;
	do
	:: len(answer[m]) > 0 -> answer[m]?_,_,_,_
	:: else -> break
	od;
	for (i : 1 .. NONCES) {
		if
#ifdef UNDO_ONCE
		:: MOUNT(i) == m && undo[i] == SENT -> undo[i] = NO_UNDO
#else
		:: MOUNT(i) == m && undo[i] == SENT -> undo[i] = UNSENT
#endif
		:: else
		fi
	};
	up[m] = false;
	asked[m] = 0;
	age[m] = 0;
	refreshing[m] = false;
	refresh_age[m] = 0
}

inline drop_messages(m) {
	do
	:: len(message[m]) > 0 -> message[m]?_,_
	:: else -> break
	od;
	subscribed[m] = false
}

#define revoke_under_way(m) message[m]??[REVOKE,_]
#ifdef REVOKE_UNHEARD
#define can_lose(m) true
#else
#define can_lose(m) (!revoke_under_way(m))
#endif

/* One request of an acquisition is under way at a time; a reason to ask again
   that comes meanwhile is remembered. */
inline ask(m) {
	if
#ifdef REPEATS_OVERLAP
	:: true ->
#else
	:: asked[m] -> again[m] = true
	:: else ->
#endif
		age[m] = (asked[m] -> age[m] : 0);
		asked[m]++;
		request[m]!ACQUIRE,NONCE(m),order[m]
	fi
}

#define may_send(m) (up[m] && len(request[m]) < DEPTH)

/* Faults that cannot matter would only make the search longer. */
#define over(m) (phase[m] == IDLE && round[m] == ROUNDS)
#define busy(m) (phase[m] != IDLE || len(request[m]) > 0 || len(answer[m]) > 0)

/* The server takes the next request of a mount; connections break. */
proctype Connection(byte m) {
end:
	do
	:: d_step { len(request[m]) > 0 && len(answer[m]) < DEPTH ->
		request[m]?word,n,x;
		printf("server: %e of nonce %d, %d, from mount %d\n", word, n, x, m);
		if
		:: word == ACQUIRE -> acquire(m, n, x); answer[m]!word,n,x,l
		:: word == CONFIRM ->
			/* broken: does not check */
			set_lock(n, TTL); answer[m]!OK,n,token,left
		:: word == REFRESH -> refresh_script(x); answer[m]!word,n,x,0
		:: word == RELEASE -> release_script(x)
		:: word == UNDO -> undo_script(n); answer[m]!UNDONE,n,0,0
		fi }
	:: d_step { breaks < BREAKS && up[m] && busy(m) ->
		breaks++; starved = 0;
		printf("mount %d loses its command connection\n", m);
#ifdef LATE_REQUESTS
		if
		:: request[m]?[ACQUIRE,_,_] && !late -> request[m]?_,late,_
		:: else
		fi;
#endif
		drop_commands(m) }
	/* the server does not know yet, and publishes to nobody; or it knows */
	:: d_step { breaks < BREAKS && subscribed[m] && can_lose(m) && !over(m) ->
		breaks++; starved = 0;
		printf("mount %d loses its subscription\n", m);
#ifdef EARLY_RELOOK
		if
		:: phase[m] == WAITING && may_send(m) -> ask(m)
		:: else
		fi;
#endif
		drop_messages(m) }
	:: d_step { reach[m] && !subscribed[m] ->
		printf("server: mount %d is not subscribed any more\n", m);
		reach[m] = false }
#ifdef LATE_REQUESTS
	:: d_step { late && MOUNT(late) == m -> n = late; late = 0;
		printf("server: a late ACQUIRE of nonce %d\n", n);
		acquire(m, n, 0) }
#endif
	od
}

/* ---- A mount ---------------------------------------------------------------- */

/* The caller is answered; a ticket or holding may be left on the server. */
inline finish(m) {
	printf("mount %d: the caller of nonce %d is told or gone\n", m, NONCE(m));
	phase[m] = IDLE;
	round[m]++;
	order[m] = 0;
	own[m] = 0;
	held_token[m] = 0;
	again[m] = false;
	revoke_came[m] = 0;
	look_due[m] = false;
	unpromised[m] = false
}

inline believe(m, which, lease) {
	assert(exclusion || !plain_holds && (!told || which == token));
	for (i : 0 .. MOUNTS - 1) { assert(exclusion || !believes(i)) }
	/* tokens increase */
	assert(tokens_increase || which > highest_seen);
	highest_seen = which;
	starved = 0;
	phase[m] = HOLDING;
	own[m] = lease;
	held_token[m] = which;
	printf("mount %d believes to hold with token %d for %d\n", m, which, lease);
	order[m] = 0;
	again[m] = false;
	revoke_came[m] = 0;
	look_due[m] = false
}

/* The lease of an answer OK, counted from before its request was sent. */
#ifdef OWN_LATER
#define WORTH(left, age) (left + MARGIN > age -> left + MARGIN - age : 0)
#elif defined REPEATED_FULL
#define WORTH(left, age) (TTL > MARGIN + age -> TTL - MARGIN - age : 0)
#elif defined LATE_ANSWER
#define WORTH(left, age) (left - MARGIN)
#else
#define WORTH(left, age) (left > MARGIN + age -> left - MARGIN - age : 0)
#endif

inline got_ok(m, nonce, which, lease) {
	asked[m]--;
	printf("mount %d: answer OK to nonce %d, token %d, left %d\n", m, nonce, which, lease);
	if
	:: phase[m] == WAITING && nonce == NONCE(m) ->
		l = WORTH(lease, age[m]);
		if
#ifdef REVOKE_FORGOTTEN
		:: l > 0 -> believe(m, which, l)
#else
		:: l > 0 && revoke_came[m] != which -> believe(m, which, l)
#endif
		:: else -> undo[nonce] = UNSENT; finish(m)
		fi
	:: else
	fi
}

inline got_queued(m, nonce, place, lease) {
	asked[m]--;
	printf("mount %d: answer QUEUED to nonce %d, order %d, left %d\n", m, nonce, place, lease);
	if
	:: phase[m] == WAITING && nonce == NONCE(m) ->
		order[m] = place;
#ifdef KNOWN_END_ONLY
		known_end[m] = lease;
#endif
		if
		:: again[m] -> again[m] = false; ask(m)
		:: else
		fi
	:: else
	fi
}

inline got_grant(m, nonce) {
	if
	:: phase[m] == WAITING && nonce == NONCE(m) ->
		if
#ifdef CONFIRM_BLIND
		:: up[m] && !asked[m] -> request[m]!CONFIRM,nonce,0; asked[m]++; age[m] = 0
		:: up[m] && asked[m] -> ask(m)
#elif defined GRANT_FORGOTTEN
		:: up[m] && !asked[m] -> ask(m)
#else
		:: up[m] -> ask(m)
#endif
		:: else
		fi
	:: else
	fi
}

inline got_revoke(m, which) {
	if
	:: phase[m] == HOLDING && held_token[m] == which ->
		finish(m);
		if
		:: up[m] && len(request[m]) < DEPTH -> request[m]!RELEASE,0,which
		:: else
		fi
	:: phase[m] == WAITING -> revoke_came[m] = which
	:: else
	fi
}

inline got_refreshed(m, which) {
	refreshing[m] = false;
	if
	:: phase[m] == HOLDING && held_token[m] == which ->
		l = (TTL > MARGIN + refresh_age[m] -> TTL - MARGIN - refresh_age[m] : 0);
		if
		:: l > own[m] -> own[m] = l
		:: else
		fi
	:: else ->
#ifndef RENEWAL_OUTLIVES
		request[m]!RELEASE,0,which
#endif
	fi;
	refresh_age[m] = 0
}

inline got_refused(m, which) {
	refreshing[m] = false;
	refresh_age[m] = 0;
	if
	:: phase[m] == HOLDING && held_token[m] == which -> finish(m)
	:: else
	fi
}

#define has_undo(m) (undo[1 + (m) * ROUNDS] == UNSENT || undo[(m) * ROUNDS + ROUNDS] == UNSENT)

inline send_undo(m) {
	n = (undo[1 + m * ROUNDS] == UNSENT -> 1 + m * ROUNDS : m * ROUNDS + ROUNDS);
	undo[n] = SENT;
	request[m]!UNDO,n,0
}

/* Mounts are alike: the one that asks first is called 0, the second 1. */
#define begun(m) (phase[m] != IDLE || round[m] > 0)
#define in_turn(m) (m == 0 || begun(m - 1))

proctype Mount(byte m) {
end:
	do
	/* a caller comes, is answered, goes */
	:: d_step { phase[m] == IDLE && round[m] < ROUNDS && !asked[m] && may_send(m) && in_turn(m) ->
		phase[m] = WAITING;
		printf("mount %d: a caller asks, nonce %d\n", m, NONCE(m));
		ask(m) }
	:: d_step { phase[m] == WAITING ->
		printf("mount %d: cancelled\n", m);
		undo[NONCE(m)] = UNSENT; finish(m) }
	:: d_step { phase[m] == HOLDING && may_send(m) ->
		printf("mount %d: its caller releases\n", m);
		request[m]!RELEASE,0,held_token[m];
#ifdef RENEWAL_OUTLIVES
		zombie[m] = held_token[m];
#endif
		finish(m) }
	/* the command connection */
	:: d_step { answer[m]?[OK,_,_,_] && len(request[m]) < DEPTH -> answer[m]?_,n,x,l; got_ok(m, n, x, l) }
	:: d_step { answer[m]?[QUEUED,_,_,_] && len(request[m]) < DEPTH -> answer[m]?_,n,x,l; got_queued(m, n, x, l) }
	:: d_step { answer[m]?[BUSY,_,_,_] -> answer[m]?_,n,_,_;
		asked[m]--;
		if
		:: phase[m] == WAITING && n == NONCE(m) -> finish(m)
		:: else
		fi }
	:: d_step { answer[m]?[REFRESHED,_,_,_] && len(request[m]) < DEPTH -> answer[m]?_,n,x,_; got_refreshed(m, x) }
	:: d_step { answer[m]?[REFUSED,_,_,_] -> answer[m]?_,n,x,_; got_refused(m, x) }
	:: d_step { answer[m]?[UNDONE,_,_,_] -> answer[m]?_,n,_,_; undo[n] = NO_UNDO }
	:: d_step { !up[m] && !dead[m] ->
		up[m] = true;
		printf("mount %d: command connection is back\n", m);
		if
		:: phase[m] == WAITING && WAITS -> again[m] = false; ask(m)
		:: phase[m] == WAITING && !WAITS -> undo[NONCE(m)] = UNSENT; finish(m)
		:: else
		fi }
	/* the subscription */
	:: d_step { message[m]?[GRANT,_] && len(request[m]) < DEPTH -> message[m]?_,n;
		printf("mount %d: message GRANT %d\n", m, n);
		got_grant(m, n) }
	:: d_step { message[m]?[REVOKE,_] -> message[m]?_,x;
		printf("mount %d: message REVOKE %d\n", m, x);
		got_revoke(m, x) }
	:: d_step { !subscribed[m] && !dead[m] && len(request[m]) < DEPTH ->
		subscribed[m] = true; reach[m] = true;
		printf("mount %d: subscribed again\n", m);
#if !defined NO_RELOOK && !defined EARLY_RELOOK
		if
		:: phase[m] == WAITING && up[m] && WAITS -> ask(m)
		:: else
		fi
#endif
		}
	/* what the mount does by itself */
	:: d_step { look_due[m] && up[m] && len(request[m]) == 0 -> look_due[m] = false;
		printf("mount %d looks\n", m);
		look(m) }
	:: d_step { up[m] && len(request[m]) < DEPTH && has_undo(m) -> send_undo(m) }
	:: d_step { REFRESHES && phase[m] == HOLDING && !refreshing[m] && own[m] < TTL - MARGIN && may_send(m) ->
		refreshing[m] = true; refresh_age[m] = 0;
		request[m]!REFRESH,0,held_token[m] }
#ifdef RENEWAL_OUTLIVES
	:: d_step { zombie[m] && !refreshing[m] && may_send(m) ->
		refreshing[m] = true;
		request[m]!REFRESH,0,zombie[m] }
#endif
	od
}
/* ---- Other callers, and faults ------------------------------------------------ */

inline force() {
	if
#ifndef FORCE_AT_ONCE
	:: holder != PLAIN && !provisional && reach[MOUNT(holder)] ->
		revoked = true;
		left = (left > REVOKE_TTL -> REVOKE_TTL : left);
		forced_token = token;
		j = MOUNT(holder);
		if
		:: subscribed[j] -> assert(len(message[j]) < DEPTH); message[j]!REVOKE,token
		:: else
		fi
#endif
	:: else ->
		if
		:: holder == PLAIN -> plain_holds = false
		:: else
		fi;
		told = false;
		free_lock()
	fi
}

#ifdef REVOKE_UNHEARD
#define can_be_told true
#else
#define can_be_told (holder == PLAIN || provisional || dead[MOUNT(holder)] || (subscribed[MOUNT(holder)] && reach[MOUNT(holder)]))
#endif

inline die(m) {
	printf("mount %d dies\n", m);
	drop_commands(m);
	drop_messages(m);
	finish(m);
	round[m] = ROUNDS;
	for (i : 1 .. NONCES) {
		if
		:: MOUNT(i) == m -> undo[i] = NO_UNDO
		:: else
		fi
	};
	dead[m] = true;
	deaths++;
	starved = 0
}

inline restart() {
	printf("the server restarts, empty\n");
	clear_lock();
	granted = false;
	for (i : 1 .. NONCES) { queue[i] = 0 }
#ifdef TOKENS_AGAIN
	last_token = 0;
#endif
	plain_holds = false;
	told = false;
	for (j : 0 .. MOUNTS - 1) {
		alive[j] = 0;
		reach[j] = false;
		drop_commands(j);
		drop_messages(j);
		unpromised[j] = (phase[j] == HOLDING)
	};
	restarts++;
	starved = 0
}

/* Is it known at the mount of the holder that the acquisition will not be undone? */
#ifdef TOLD_OPEN
#define is_settled true
#else
#define is_settled (undo[holder] == NO_UNDO && !(phase[MOUNT(holder)] == WAITING && NONCE(MOUNT(holder)) == holder))
#endif

#define can_tell (tells < TELLS && holder && holder != PLAIN && !provisional && !told)

proctype World() {
end:
	do
	:: d_step { plains < PLAINS && !plain_holds ->
		plains++;
		printf("the plain caller asks\n");
		see_tickets();
		if
		:: holder == 0 && flag -> pass_on()
		:: else
		fi;
		if
		:: holder == 0 ->
			set_lock(PLAIN, NEVER);
			plain_holds = true;
			assert(tokens_increase || token > highest_seen);
			highest_seen = token
		:: else
		fi }
	:: d_step { plain_holds ->
		plain_holds = false;
		printf("the plain caller releases\n");
		if
		:: holder == PLAIN -> free_lock()
		:: else
		fi }
	:: d_step { can_tell ->
		tells++; starved = 0;
		printf("server: the id of nonce %d is told on another mount that it holds\n", holder);
		undoable = false;
		told = true }
	:: d_step { can_tell && !dead[MOUNT(holder)] && up[MOUNT(holder)] && is_settled ->
		tells++; starved = 0;
		printf("mount %d tells another caller with the id of nonce %d that it holds\n", MOUNT(holder), holder);
		told = true }
	/* on another mount the caller of the acquisition may believe that it holds, or soon will */
	:: d_step { told && holder && phase[MOUNT(holder)] == IDLE ->
		told = false;
		printf("who was told releases\n");
		free_lock() }
	:: d_step { forces < FORCES && holder && can_be_told -> forces++;
		printf("somebody releases by force\n");
		force() }
	:: d_step { forced_token && !revoked ->
		printf("the force tries finally\n");
		if
#ifdef FORCE_ANY
		:: holder && holder != PLAIN -> free_lock()
#else
		:: holder && token == forced_token -> told = false; free_lock()
#endif
		:: else
		fi;
		see_tickets();
		if
		:: holder == 0 && flag -> pass_on()
		:: else
		fi;
		forced_token = 0 }
	:: d_step { deaths < DEATHS && !dead[0] && busy(0) -> die(0) }
	:: d_step { deaths < DEATHS && !dead[1] && busy(1) -> die(1) }
#if MOUNTS > 2
	:: d_step { deaths < DEATHS && !dead[2] && busy(2) -> die(2) }
#endif
	:: d_step { restarts < RESTARTS -> restart() }
	od
}

/* ---- Time --------------------------------------------------------------------- */

#define quiet(m) (dead[m] || up[m] && subscribed[m] && len(request[m]) == 0 && len(answer[m]) == 0 && len(message[m]) == 0 \
	&& !look_due[m] && undo[1 + (m) * ROUNDS] == NO_UNDO && undo[(m) * ROUNDS + ROUNDS] == NO_UNDO)
#if MOUNTS > 2
#define all_quiet (quiet(0) && quiet(1) && quiet(2))
#define some_revoke (revoke_under_way(0) || revoke_under_way(1) || revoke_under_way(2))
#else
#define all_quiet (quiet(0) && quiet(1))
#define some_revoke (revoke_under_way(0) || revoke_under_way(1))
#endif
#ifdef REVOKE_UNHEARD
#undef some_revoke
#define some_revoke false
#endif

/* What holds whenever all messages in transit have arrived. */
inline check() {
	flag = false;
	for (i : 1 .. NONCES) {
		j = MOUNT(i);
		/* no lost wake-up */
		assert(no_lost_wakeup || holder != 0 || !queue[i] || dead[j] || !alive[j] || !reach[j]);
		if
		:: dead[j] -> skip
		:: else ->
			/* an acquisition that is not waited for any more holds nothing and has no ticket */
			if
			:: phase[j] == WAITING && NONCE(j) == i -> flag = true
			:: else -> assert(held_by_nobody || !queue[i] && (holder != i || token == highest_seen || !undoable))
			fi
		fi
	}
	/* progress */
	for (i : 0 .. MOUNTS - 1) {
		if
		:: phase[i] == HOLDING -> flag = false
		:: else
		fi
	}
	if
	:: flag && !plain_holds && !told -> starved++
	:: else -> starved = 0
	fi;
	assert(progress_of_queue || starved <= BOUND)
}

inline tick() {
	printf("--- tick\n");
	for (j : 0 .. MOUNTS - 1) {
		if
		:: own[j] -> own[j]--;
			if
			:: own[j] == 0 -> finish(j)
			:: else
			fi
		:: else
		fi;
		if
		:: asked[j] && age[j] < TTL -> age[j]++
		:: else
		fi;
		if
		:: refreshing[j] && refresh_age[j] < TTL -> refresh_age[j]++
		:: else
		fi;
		if
		:: alive[j] -> alive[j]--
		:: else
		fi;
#ifdef KNOWN_END_ONLY
		if
		:: known_end[j] && known_end[j] != NEVER -> known_end[j]--
		:: else
		fi;
#endif
		look_due[j] = (phase[j] == WAITING)
	}
	if
	:: left && left != NEVER -> left--;
		if
		:: left == 0 -> printf("server: the lock of nonce %d expires\n", holder); told = false; clear_lock()
		:: else
		fi
	:: else
	fi
}

proctype Clock() {
end:
	do
	:: d_step { all_quiet && !some_revoke -> check(); tick() }
	:: d_step { !all_quiet && !some_revoke && slow < SLOW -> slow++; starved = 0; tick() }
	od
}

init {
	atomic {
		for (j : 0 .. MOUNTS - 1) {
			up[j] = true;
			subscribed[j] = true;
			reach[j] = true;
			phase[j] = IDLE;
			run Connection(j);
			run Mount(j)
		}
		run World();
		run Clock()
	}
}
