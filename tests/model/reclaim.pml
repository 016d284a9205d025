/* A model for spin of the reclaim: mounts put back what they have at a server that changed below them. protocol.pml has the
 * queue, renewals and connections in detail, and promises nothing once the server lost its data; this has a coarser
 * queue and every way in which a server loses data. tests/model/run searches all executions within the numbers that it
 * gives by -D, and checks that each variant that is broken on purpose is caught.
 *
 * One key, exclusive. Each of MOUNTS mounts has a caller that waits, holds and releases, ROUNDS times. A mount that has
 * nothing when the server changes is the fresh one that may connect first.
 *
 * The server changes CHANGES times, at any step, so also again within a grace; each change is one of those that are defined:
 *
 *   EMPTY   it restarts without data: another run_id, all connections are closed
 *   OLD     it restarts with data that was copied before, or a replica that lags is promoted: the same to a mount
 *   BACK    it is demoted, and promoted again without restart, with data from before: the same run_id, another second_repl_offset
 *   FLUSH   FLUSHALL: the same server, no data, and all connections go on
 *
 * Where the steps of the model are in the protocol:
 *
 *   hello            compares the identity of the server with n#e, begins an epoch and its grace, raises n#token
 *   ended            what this mount ended, on every new connection, before reassert
 *   reassert         puts a holding back, with its old token       join   puts a ticket back, in its old place
 *   acquire, refresh_script, release_script, undo_script, look      as in protocol.pml, with the epoch of their mount
 *   Server           what the server does for a mount              Mount  the Redis backend of one daemon
 *
 * Properties, each by the name in its assertion:
 *
 *   exclusion        the lock is acquired or granted only while no caller believes to hold it. A belief lasts from the answer
 *                    to the release, to the mount's own deadline, or until the mount is told of a loss
 *   kept             a caller that believes to hold is not told of a loss; and with nothing under way, its lock is at the server
 *   tokens_increase  each belief begins with a larger token than all before
 *   first_come       no acquisition precedes a ticket that its mount was told of before
 *   told_at_once     with nothing under way, nobody believes to hold what another Redis client (FOREIGN) took in the grace
 *   no_lost_wakeup   with nothing under way and no grace, no free lock has a ticket
 *   held_by_nobody   with nothing under way and no grace, no holding or ticket is left of a caller that has gone
 *   progress         a caller waits only while another believes to hold the lock, and at most BOUND ticks more
 *
 * Time is in ticks, as in protocol.pml: messages arrive before the next tick, except in SLOW ticks. A mount connects again
 * within PAUSE ticks. GRACE is longer than that and SLOW together; SHORT, after FLUSH, is longer than SLOW. A mount that
 * comes LATE is the exception: nothing is promised to its holding, but all is to others. Tokens grow with the server's clock.
 * With CLOCK_BEHIND they come from n#token alone, which hello raises; this is enough if no mount is late or dead, and for one
 * change: after two, a token that nobody was told may be in older data and be given again.
 *
 * Each script that may pass on compares the epoch, also the one that puts tickets back: a server that is emptied between
 * hello and the tickets has no n#grace either. What is put back takes the ticket of its own out of older data.
 *
 * Left out: what another Redis client holds before the change; deaths that the server does not see at once; the message to
 * the mount whose holding was replaced; the two connections of a mount, which here are one; and two servers at a time,
 * which the protocol does not close.
 *
 * An assumption, with a variant that shows what depends on it:
 *
 *   SHORT_IN_BREAK     The short grace after FLUSHALL is for mounts that are connected then, or that a grace before waits for.
 *                      One that connects again at that moment for another reason comes too late. So with BREAKS it is
 *                      not short.
 *
 * Broken on purpose:
 *
 *   PASSES_IN_GRACE    the lock is passed on to tickets that are back before its holder is
 *   ACQUIRES_IN_GRACE  mounts acquire as soon as they are connected
 *   GRACE_TOO_SHORT    the grace is as long as a mount needs to connect again
 *   HELD_IS_LOST       a holding is lost if the server has another one, though its token is smaller
 *   SMALLER_WINS       a holding replaces another one, whichever has the larger token
 *   NO_EPOCH           acquisitions and looks do not compare the epoch
 *   JOINS_BLIND        tickets are put back without a comparison of the epoch
 *   ABSENT_UNCHECKED   a renewal that finds no lock does not compare the epoch
 *   EPOCH_UNPUBLISHED  a new epoch is not published
 *   RUN_ID_ALONE       the identity of a server is its run_id
 *   SHORT_ALWAYS       the grace after FLUSHALL is short although the one before has not ended
 *   NOTHING_ENDED      what has ended is not told again
 *   SHORTER_END        the lease at the server ends before the mount's own deadline
 *   TOKENS_OF_HOLDERS  n#token is raised by what is put back, not by hello
 *   RENEWED_FIRST      a renewal is sent between the answer to hello and what is put back
 *   NEW_PLACES         tickets are put back in the order in which their mounts connect
 *   TICKETS_LOST       tickets are not put back
 *   TICKET_KEPT        what is put back leaves a ticket of its own in older data
 */

#ifndef MOUNTS
#define MOUNTS  2
#endif
#ifndef ROUNDS
#define ROUNDS  1
#endif
#ifndef CHANGES
#define CHANGES 1
#endif
#ifndef REFRESHES
#define REFRESHES 0
#endif
#ifndef BREAKS
#define BREAKS  0
#endif
#ifndef DEATHS
#define DEATHS  0
#endif
#ifndef LATE
#define LATE    0
#endif
#ifndef SLOW
#define SLOW    0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef FOREIGN
#define FOREIGN 0
#endif
#if defined OLD || defined BACK
#define COPIES  1
#endif

/* Spans of time, in ticks. */
#define PAUSE     1
#ifdef GRACE_TOO_SHORT
#define GRACE     PAUSE
#else
#define GRACE     (1 + PAUSE * (1 + BREAKS) + SLOW)
#endif
#if BREAKS && !defined SHORT_IN_BREAK
#define SHORT     GRACE
#else
#define SHORT     (1 + SLOW)
#endif
#ifndef TTL
#define TTL       (GRACE + 2)
#endif
#define MARGIN    1
#define GRANT_TTL 1
#define BOUND     (TTL + GRACE + 2)
#define DEPTH     4

#define N        (MOUNTS * ROUNDS + 1)
#define OTHER    N  /* another Redis client */
#define NONCE(m) (1 + (m) * ROUNDS + round[m])
#define MOUNT(n) (((n) - 1) / ROUNDS)

mtype = { HELLO, ENDED, REASSERT, JOIN, ACQUIRE, REFRESH, RELEASE, UNDO };
mtype = { WELCOME, EPOCH, REASSERTED, LOST, QUEUED, OK, REFRESHED, GONE, GRANT };
mtype = { IDLE, WAITING, HOLDING };

/* The server's data: the lock, the queue, n#e, n#grace, n#token; and its copy from before. */
typedef Data {
	byte holder, left, token;
	bool provisional;
	byte queue[N];
	byte epoch, epoch_of;
	byte grace;
	byte last_token
}
Data s;
#ifdef COPIES
Data copy;
bool copied;
#endif
/* What it is, and its clock, by which tickets are ordered and, with CLOCK, tokens given. */
byte server, last_epoch, last_order;
#ifndef CLOCK_BEHIND
byte clock_token;
#endif

chan request[MOUNTS] = [DEPTH] of { mtype, byte, byte };
chan answer[MOUNTS] = [DEPTH] of { mtype, byte, byte, byte };
chan message[MOUNTS] = [DEPTH] of { mtype, byte };

/* The mounts. */
mtype phase[MOUNTS];
bool dead[MOUNTS], up[MOUNTS];
bool asking[MOUNTS];                /* hello is under way: nothing else is sent */
bool known[MOUNTS];                 /* hello was answered on this connection */
byte epoch[MOUNTS], epoch_of[MOUNTS], heard[MOUNTS], seen[MOUNTS];
byte wait[MOUNTS];                  /* the grace, by its own clock */
byte round[MOUNTS], order[MOUNTS], own[MOUNTS], held_token[MOUNTS];
bool asked[MOUNTS], ask_due[MOUNTS], look_due[MOUNTS];
byte age[MOUNTS], lease_age[MOUNTS];
byte renewing[MOUNTS];              /* 1: a renewal is under way, 2: reassert */
bool ended[N];
byte away[MOUNTS];                  /* ticks since it lost its connection */

/* Faults so far, and what the properties remember. */
byte changes, breaks, deaths, slow, late, cancels, foreign;
byte highest_seen, starved;
bool unpromised[MOUNTS];
bool by_deadline[N];                /* the lease at the server ends it */
byte place[MOUNTS];                 /* the first one that it was told, unless its ticket or grant has ended since */

/* Scratch variables of a step. */
hidden byte h, i, j, n, x, l, flag;
hidden mtype word;

/* Names of the properties, which spin prints if one fails; always 0. */
hidden byte exclusion, kept, tokens_increase, first_come, told_at_once, no_lost_wakeup, held_by_nobody, progress;

#define believes(m) (phase[m] == HOLDING && !unpromised[m])
#define waits(m)    (phase[m] == WAITING)

/* ---- The scripts ---------------------------------------------------------- */

inline see_tickets() {
	flag = false;
	for (i : 1 .. N - 1) { flag = flag || s.queue[i] }
}

inline first_ticket() {
	h = 0;
	for (i : 1 .. N - 1) {
		if
		:: s.queue[i] && (h == 0 || s.queue[i] < s.queue[h]) -> h = i
		:: else
		fi
	}
}

inline check_exclusion(nonce) {
	for (i : 0 .. MOUNTS - 1) {
		assert(exclusion || !believes(i) || NONCE(i) == nonce)
	}
}

inline set_lock(nonce, lease) {
	check_exclusion(nonce);
	j = (place[MOUNT(nonce)] -> place[MOUNT(nonce)] : s.queue[nonce]);
	for (i : 0 .. MOUNTS - 1) {
		assert(first_come || !waits(i) || !place[i] || NONCE(i) == nonce || j && j < place[i])
	};
	s.holder = nonce;
	s.left = lease;
#ifndef CLOCK_BEHIND
	s.last_token = (s.last_token > clock_token -> s.last_token : clock_token);
#endif
	s.last_token++;
	s.token = s.last_token;
#ifndef CLOCK_BEHIND
	clock_token = s.last_token;
#endif
	s.provisional = false;
	s.queue[nonce] = 0
}

inline clear_lock() {
	s.holder = 0; s.left = 0; s.token = 0; s.provisional = false
}

#ifdef PASSES_IN_GRACE
#define in_grace false
#else
#define in_grace s.grace
#endif

/* From the first ticket; that of a mount that is out of reach is dropped, and joins again. */
inline pass_on() {
	do
	:: in_grace || s.holder -> break
	:: else ->
		first_ticket();
		if
		:: h == 0 -> break
		:: h && up[MOUNT(h)] ->
			set_lock(h, GRANT_TTL);
			s.provisional = true;
			printf("server: grant to nonce %d\n", h);
			assert(nfull(message[MOUNT(h)]));
			message[MOUNT(h)]!GRANT,h
		:: else -> s.queue[h] = 0; place[MOUNT(h)] = 0
		fi
	od;
	h = 0
}

#define has_changed (s.epoch == 0 || s.epoch_of != server)

/* Leaves the length of the grace in x. */
inline hello(m, largest) {
	if
	:: has_changed ->
		x = GRACE;
		if
		:: s.epoch == 0 && known[m] && epoch_of[m] == server ->
			/* emptied below living connections, all of which hear of it; but what was not over yet goes on */
			x = SHORT;
#ifndef SHORT_ALWAYS
			x = (wait[m] > x -> wait[m] : x)
#endif
		:: else
		fi;
		last_epoch++;
		s.epoch = last_epoch; s.epoch_of = server; s.grace = x;
		printf("server: epoch %d, with a grace of %d\n", last_epoch, x);
#ifndef EPOCH_UNPUBLISHED
		for (i : 0 .. MOUNTS - 1) {
			if
			:: up[i] && i != m -> assert(nfull(message[i])); message[i]!EPOCH,last_epoch
			:: else
			fi
		}
#endif
	:: else
	fi;
#ifndef TOKENS_OF_HOLDERS
	s.last_token = (largest > s.last_token -> largest : s.last_token);
#endif
}

inline ended_script(m) {
	for (i : 1 .. N - 1) {
		if
		:: MOUNT(i) == m && ended[i] ->
			s.queue[i] = 0;
			if
			:: s.holder == i -> clear_lock()
			:: else
			fi
		:: else
		fi
	};
	pass_on()
}

#ifdef SHORTER_END
#define LEASE(m) (own[m] > 1 -> own[m] - 1 : 1)
#elif REFRESHES
#define LEASE(m) TTL
#else
#define LEASE(m) (own[m] + MARGIN)
#endif

#ifdef SMALLER_WINS
#define may_replace(which) s.grace
#else
#define may_replace(which) (s.grace && s.token < which)
#endif

/* Leaves its answer in word. */
inline reassert(m, nonce, which) {
	unpromised[m] = unpromised[m] || s.holder == OTHER;
#ifndef TICKET_KEPT
	s.queue[nonce] = 0;
#endif
	if
#ifdef HELD_IS_LOST
	:: s.holder && (s.holder != nonce || s.token != which) -> word = LOST
#else
	:: s.holder == OTHER || s.holder && (s.holder != nonce || s.token != which) && !may_replace(which) -> word = LOST
#endif
	:: else ->
		l = LEASE(m);
		s.left = (s.holder == nonce && s.token == which && s.left > l -> s.left : l);
		s.holder = nonce; s.token = which; s.provisional = false;
		s.last_token = (which > s.last_token -> which : s.last_token);
		word = REASSERTED
	fi;
	printf("server: reassert of nonce %d, token %d: %e\n", nonce, which, word)
}

inline enqueue(nonce, old_order) {
	if
	:: s.queue[nonce] -> skip
#ifndef NEW_PLACES
	:: !s.queue[nonce] && old_order -> s.queue[nonce] = old_order
#endif
	:: else -> last_order++; s.queue[nonce] = last_order
	fi;
	word = QUEUED; x = s.queue[nonce]
}

#ifdef NO_EPOCH
#define is_of_epoch(m) true
#else
#define is_of_epoch(m) (s.epoch == epoch[m])
#endif

#ifdef JOINS_BLIND
#define may_join(m) true
#else
#define may_join(m) is_of_epoch(m)
#endif

/* Leaves its answer in word and x. */
inline join(m, nonce) {
	if
	:: !may_join(m) -> word = EPOCH; x = 0
	:: else -> enqueue(nonce, order[m]); pass_on()
	fi
}

/* Leaves its answer in word, x and l. */
inline acquire(m, nonce) {
	l = 0;
	if
	:: !is_of_epoch(m) -> word = EPOCH; x = 0
	:: else ->
		pass_on();
		see_tickets();
		if
		:: s.holder == nonce ->
			if
			:: s.provisional -> check_exclusion(nonce); s.provisional = false; s.left = TTL
			:: else
			fi;
			s.queue[nonce] = 0;
			word = OK; x = s.token; l = s.left
		:: s.holder == 0 && !flag -> set_lock(nonce, TTL); word = OK; x = s.token; l = TTL
		:: else -> enqueue(nonce, order[m])
		fi
	fi
}

inline refresh_script(m, which) {
	unpromised[m] = unpromised[m] || s.holder == OTHER;
	if
	:: s.holder && s.token == which -> s.left = TTL; word = REFRESHED
#ifndef ABSENT_UNCHECKED
	:: !(s.holder && s.token == which) && s.epoch != epoch[m] -> word = EPOCH
#endif
	:: else -> word = GONE
	fi
}

/* The answer is EPOCH, or none is needed. */
inline release_script(m, nonce) {
	word = (s.holder != nonce && s.epoch != epoch[m] -> EPOCH : OK);
	if
	:: s.holder == nonce -> clear_lock(); pass_on()
	:: else
	fi
}

inline undo_script(m, nonce) {
	word = (s.epoch != epoch[m] -> EPOCH : OK);
	s.queue[nonce] = 0;
	if
	:: s.holder == nonce -> clear_lock()
	:: else
	fi;
	pass_on()
}

/* ---- The connections ------------------------------------------------------- */

inline drop(m) {
	do
	:: len(request[m]) > 0 -> request[m]?_,_,_
	:: else -> break
	od;
	do
	:: len(answer[m]) > 0 -> answer[m]?_,_,_,_
	:: else -> break
	od;
	do
	:: len(message[m]) > 0 -> message[m]?_,_
	:: else -> break
	od;
	up[m] = false; asking[m] = false; known[m] = false; heard[m] = 0;
	asked[m] = false; age[m] = 0; renewing[m] = 0; lease_age[m] = 0
}

#define may_answer(m) (len(answer[m]) < DEPTH)

proctype Server(byte m) {
end:
	do
	:: d_step { len(request[m]) > 0 && may_answer(m) ->
		request[m]?word,n,x;
		printf("server: %e of mount %d, %d, %d\n", word, m, n, x);
		if
		:: word == HELLO -> hello(m, n); answer[m]!WELCOME,s.epoch,s.grace,s.epoch_of
		:: word == ENDED -> ended_script(m)
		:: word == REASSERT -> reassert(m, n, x); answer[m]!word,n,0,0
		:: word == JOIN -> join(m, n); answer[m]!word,n,x,0
		:: word == ACQUIRE -> acquire(m, n); answer[m]!word,n,x,l
		:: word == REFRESH -> refresh_script(m, x); answer[m]!word,n,0,0
		:: word == RELEASE -> release_script(m, n); answer[m]!word,0,0,0
		:: word == UNDO -> undo_script(m, n); answer[m]!word,0,0,0
		fi;
		i = 0; j = 0; l = 0 }
	:: d_step { breaks < BREAKS && up[m] && (phase[m] != IDLE || asking[m]) ->
		breaks++; starved = 0;
		printf("mount %d loses its connection\n", m);
		drop(m) }
	od
}

/* ---- A mount ---------------------------------------------------------------- */

/* Not between hello and its answer. */
#define may_send(m) (up[m] && known[m] && !asking[m] && len(request[m]) < DEPTH - 1)

inline finish(m) {
	printf("mount %d: nonce %d has ended\n", m, NONCE(m));
	ended[NONCE(m)] = true;
	phase[m] = IDLE; round[m]++;
	order[m] = 0; place[m] = 0; own[m] = 0; held_token[m] = 0; ask_due[m] = false; look_due[m] = false; unpromised[m] = false
}

inline lose(m) {
	assert(kept || unpromised[m]);
	printf("mount %d: its caller is told of a loss\n", m);
	finish(m)
}

inline believe(m, which, lease) {
	for (i : 0 .. MOUNTS - 1) { assert(exclusion || !believes(i)) };
	assert(tokens_increase || which > highest_seen);
	highest_seen = which; seen[m] = which; starved = 0;
	phase[m] = HOLDING; own[m] = lease; held_token[m] = which; order[m] = 0; place[m] = 0; ask_due[m] = false; look_due[m] = false;
	printf("mount %d believes to hold with token %d for %d\n", m, which, lease)
}

inline ask(m) {
	asked[m] = true; age[m] = 0; ask_due[m] = false;
	request[m]!ACQUIRE,NONCE(m),0
}

inline say_hello(m) {
	asking[m] = true;
	request[m]!HELLO,seen[m],0
}

inline tell_ended(m) {
	flag = false;
	for (i : 1 .. N - 1) { flag = flag || MOUNT(i) == m && ended[i] };
	if
#ifndef NOTHING_ENDED
	:: flag -> request[m]!ENDED,0,0
#endif
	:: else
	fi
}

/* Everything that the server has to know, in one go. */
inline batch(m) {
#ifdef RENEWED_FIRST
	if
	:: phase[m] == HOLDING -> request[m]!REFRESH,NONCE(m),held_token[m]
	:: else
	fi;
#endif
	tell_ended(m);
	if
	:: phase[m] == HOLDING -> renewing[m] = 2; lease_age[m] = 0; request[m]!REASSERT,NONCE(m),held_token[m]
#ifndef TICKETS_LOST
	:: waits(m) && wait[m] && order[m] -> asked[m] = true; age[m] = 0; ask_due[m] = false; request[m]!JOIN,NONCE(m),0
#endif
	:: waits(m) && !(wait[m] && order[m]) -> ask_due[m] = true
	:: else
	fi
}

inline got_welcome(m, which, grace, who) {
	asking[m] = false; known[m] = true;
	epoch[m] = which; epoch_of[m] = who;
#ifndef ACQUIRES_IN_GRACE
	wait[m] = grace;
#endif
	if
	:: heard[m] && heard[m] != which -> say_hello(m)
	:: else -> batch(m)
	fi;
	heard[m] = 0
}

inline got_epoch(m) {
	if
	:: !asking[m] && up[m] -> say_hello(m)
	:: else
	fi
}

inline got_ok(m, nonce, which, lease) {
	asked[m] = false;
	if
	:: waits(m) && nonce == NONCE(m) ->
		if
		:: lease > MARGIN + age[m] -> believe(m, which, lease - MARGIN - age[m])
		:: else -> request[m]!UNDO,nonce,0; finish(m)
		fi
	:: else
	fi
}

inline got_lease(m, nonce) {
	renewing[m] = 0;
	if
	:: phase[m] == HOLDING && NONCE(m) == nonce ->
#if REFRESHES
		l = (TTL > MARGIN + lease_age[m] -> TTL - MARGIN - lease_age[m] : 0);
		own[m] = (l > own[m] -> l : own[m])
#endif
	:: else -> request[m]!RELEASE,nonce,0
	fi
}

/* Mounts are alike: the one that asks first is called 0. */
#define begun(m) (phase[m] != IDLE || round[m] > 0)
#define in_turn(m) (m == 0 || begun(m - 1))

proctype Mount(byte m) {
end:
	do
	/* a caller comes, and goes */
	:: d_step { phase[m] == IDLE && round[m] < ROUNDS && !asked[m] && !dead[m] && in_turn(m) ->
		phase[m] = WAITING; ask_due[m] = true;
		printf("mount %d: a caller asks, nonce %d\n", m, NONCE(m)) }
	:: d_step { cancels < CANCELS && waits(m) && may_send(m) ->
		cancels++;
		printf("mount %d: nonce %d is cancelled\n", m, NONCE(m));
		request[m]!UNDO,NONCE(m),0;
		finish(m) }
	:: d_step { phase[m] == HOLDING && may_send(m) ->
		printf("mount %d: its caller releases\n", m);
		request[m]!RELEASE,NONCE(m),0;
		finish(m) }
	:: d_step { ask_due[m] && waits(m) && !asked[m] && !wait[m] && may_send(m) -> ask(m) }
	/* answers */
	:: d_step { len(answer[m]) > 0 && len(request[m]) < DEPTH - 2 ->
		answer[m]?word,n,x,l;
		printf("mount %d: answer %e, %d, %d, %d\n", m, word, n, x, l);
		if
		:: word == WELCOME -> got_welcome(m, n, x, l)
		:: word == OK ->
			if
			:: n -> got_ok(m, n, x, l)
			:: else  /* to a release */
			fi
		:: word == QUEUED -> asked[m] = false;
			if
			:: waits(m) && n == NONCE(m) -> order[m] = x; place[m] = (place[m] -> place[m] : x)
			:: else
			fi
		:: word == REASSERTED -> got_lease(m, n)
		:: word == REFRESHED ->
			if
			:: renewing[m] == 1 -> got_lease(m, n)
			:: else
			fi
		:: word == LOST || word == GONE ->
			renewing[m] = 0;
			if
			:: phase[m] == HOLDING && NONCE(m) == n -> lose(m)
			:: else
			fi
		:: word == EPOCH ->
			if
			:: n && waits(m) && n == NONCE(m) -> asked[m] = false; ask_due[m] = true
			:: n && !(waits(m) && n == NONCE(m)) -> asked[m] = false; renewing[m] = 0
			:: else
			fi;
			got_epoch(m)
		fi;
		i = 0; l = 0; flag = 0 }
	:: d_step { len(message[m]) > 0 && len(request[m]) < DEPTH - 1 ->
		message[m]?word,n;
		printf("mount %d: message %e, %d\n", m, word, n);
		if
		:: word == EPOCH ->
			if
			:: asking[m] || !known[m] -> heard[m] = n
			:: !(asking[m] || !known[m]) && n != epoch[m] -> say_hello(m)
			:: else
			fi
		:: else ->
			if
			:: waits(m) && n == NONCE(m) -> ask_due[m] = true
			:: else
			fi
		fi }
	/* by itself */
	:: d_step { !up[m] && !dead[m] ->
		printf("mount %d connects\n", m);
		up[m] = true; away[m] = 0;
		say_hello(m) }
	:: d_step { look_due[m] && !wait[m] && !asked[m] && !ask_due[m] && may_send(m) ->
		look_due[m] = false;
		printf("mount %d looks\n", m);
		if
		:: !is_of_epoch(m) -> say_hello(m)
		:: else -> pass_on();
			if
			/* its ticket was dropped while it was out of reach, or the grant has ended that it took for the place */
			:: waits(m) && !s.queue[NONCE(m)] && s.holder != NONCE(m) -> ask(m)
			:: else
			fi
		fi;
		i = 0; h = 0 }
	:: d_step { s.epoch != epoch[m] && may_send(m) ->
		printf("mount %d asks for another lock, and is answered EPOCH\n", m);
		say_hello(m) }
#if REFRESHES
	:: d_step { phase[m] == HOLDING && !renewing[m] && own[m] < TTL - MARGIN && own[m] && may_send(m) ->
		renewing[m] = 1; lease_age[m] = 0;
		request[m]!REFRESH,NONCE(m),held_token[m] }
#endif
	/* faults */
	:: d_step { deaths < DEATHS && !dead[m] && phase[m] != IDLE ->
		deaths++; starved = 0;
		printf("mount %d dies\n", m);
		finish(m); drop(m); round[m] = ROUNDS; dead[m] = true; wait[m] = 0 }
	od
}

/* ---- The server changes --------------------------------------------------------- */

/* A search without anything that can be lost is in vain. */
#define at_stake (phase[0] != IDLE || phase[1] != IDLE || copied_lock)
#ifdef COPIES
#define copied_lock copied
#else
#define copied_lock false
#endif

inline lose_data() {
	clear_lock();
	for (i : 1 .. N - 1) { s.queue[i] = 0 };
	s.epoch = 0; s.epoch_of = 0; s.grace = 0; s.last_token = 0
}

inline old_data() {
#ifdef COPIES
	s.holder = copy.holder; s.left = copy.left; s.token = copy.token; s.provisional = copy.provisional;
	for (i : 1 .. N - 1) { s.queue[i] = copy.queue[i] };
	s.epoch = copy.epoch; s.epoch_of = copy.epoch_of; s.grace = copy.grace; s.last_token = copy.last_token
#else
	skip
#endif
}

inline close_connections() {
	for (j : 0 .. MOUNTS - 1) { drop(j) };
	changes++; starved = 0
}

proctype World() {
end:
	do
#ifdef COPIES
	:: d_step { !copied && changes < CHANGES && begun(0) ->
		copied = true;
		printf("the data is copied\n");
		copy.holder = s.holder; copy.left = s.left; copy.token = s.token; copy.provisional = s.provisional;
		for (i : 1 .. N - 1) { copy.queue[i] = s.queue[i] };
		copy.epoch = s.epoch; copy.epoch_of = s.epoch_of; copy.grace = s.grace; copy.last_token = s.last_token }
#endif
#ifdef EMPTY
	:: d_step { changes < CHANGES && at_stake ->
		printf("the server restarts, empty\n");
		server++;
		lose_data();
		close_connections() }
#endif
#ifdef FLUSH
	:: d_step { changes < CHANGES && at_stake ->
		printf("FLUSHALL\n");
		lose_data();
		changes++; starved = 0 }
#endif
#ifdef OLD
	:: d_step { changes < CHANGES && copied ->
		printf("the server restarts, or is replaced, with older data\n");
		server++;
		old_data();
		close_connections() }
#endif
#ifdef BACK
	:: d_step { changes < CHANGES && copied ->
		printf("the server is demoted and promoted again, with older data\n");
#ifndef RUN_ID_ALONE
		server++;
#endif
		old_data();
		close_connections() }
#endif
#if FOREIGN
	/* before the holder is back */
	:: d_step { foreign < FOREIGN && s.holder == 0 && (s.grace || has_changed) ->
		foreign++;
		printf("another Redis client takes the lock\n");
		s.holder = OTHER; s.token = 0; s.left = TTL; s.provisional = false }
#endif
	od
}

/* ---- Time --------------------------------------------------------------------- */

#define quiet(m) (dead[m] || !up[m] && (away[m] != PAUSE || late < LATE) || is_well(m))
#define is_well(m) (up[m] && known[m] && !asking[m] && len(request[m]) == 0 && len(answer[m]) == 0 && len(message[m]) == 0 && \
	!(look_due[m] && !wait[m]) && !(ask_due[m] && !wait[m]))
#if MOUNTS > 2
#define all_quiet (quiet(0) && quiet(1) && quiet(2))
#else
#define all_quiet (quiet(0) && quiet(1))
#endif

/* What holds whenever all messages in transit have arrived. */
inline check() {
	flag = !has_changed && !s.grace;
	for (i : 0 .. MOUNTS - 1) { flag = flag && (dead[i] || up[i] && !wait[i] && epoch[i] == s.epoch) };
	for (i : 0 .. MOUNTS - 1) {
		assert(kept || !believes(i) || !up[i] || has_changed || epoch[i] != s.epoch ||
		       s.holder == NONCE(i) && s.token == held_token[i]);
		assert(told_at_once || s.holder != OTHER || !up[i] || has_changed || epoch[i] != s.epoch || phase[i] != HOLDING)
	};
	for (i : 1 .. N - 1) {
		j = MOUNT(i);
		if
		:: !flag || dead[j] -> skip
		:: else ->
			assert(no_lost_wakeup || s.holder || !s.queue[i]);
			assert(held_by_nobody || !s.queue[i] || waits(j) && NONCE(j) == i);
			assert(held_by_nobody || s.holder != i || by_deadline[i] || phase[j] != IDLE && NONCE(j) == i)
		fi
	};
	flag = false;
	for (i : 0 .. MOUNTS - 1) { flag = flag || waits(i) && up[i] };
	for (i : 0 .. MOUNTS - 1) { flag = flag && phase[i] != HOLDING };
	starved = (flag && s.holder != OTHER -> starved + 1 : 0);
	assert(progress || starved <= BOUND)
}

inline count_down(what) {
	what = (what -> what - 1 : 0)
}

inline tick_data(data) {
	count_down(data.grace);
	if
	:: data.left -> data.left--;
		if
		:: data.left == 0 ->
			if
			:: data.provisional -> place[MOUNT(data.holder)] = 0
			:: else
			fi;
			data.holder = 0; data.token = 0; data.provisional = false
		:: else
		fi
	:: else
	fi
}

inline tick() {
	printf("--- tick\n");
	for (j : 0 .. MOUNTS - 1) {
		count_down(wait[j]);
		age[j] = (asked[j] && age[j] < TTL -> age[j] + 1 : age[j]);
		lease_age[j] = (renewing[j] && lease_age[j] < TTL -> lease_age[j] + 1 : lease_age[j]);
		look_due[j] = waits(j);
		if
		:: !up[j] && !dead[j] && away[j] == PAUSE -> late++; away[j] = PAUSE + 1; unpromised[j] = (phase[j] == HOLDING); place[j] = 0
		:: !up[j] && !dead[j] && away[j] < PAUSE -> away[j]++
		:: else
		fi;
		if
		:: own[j] -> own[j]--;
			if
			:: own[j] == 0 -> by_deadline[NONCE(j)] = true; finish(j)
			:: else
			fi
		:: else
		fi
	};
	tick_data(s);
#ifdef COPIES
	tick_data(copy)
#endif
}

proctype Clock() {
end:
	do
	:: d_step { all_quiet -> check(); tick(); i = 0; j = 0; flag = 0 }
	:: d_step { !all_quiet && slow < SLOW -> slow++; starved = 0; tick(); j = 0 }
	od
}

init {
	atomic {
		s.epoch = 1; last_epoch = 1;
		for (j : 0 .. MOUNTS - 1) {
			up[j] = true; known[j] = true; epoch[j] = 1;
			phase[j] = IDLE;
			run Server(j);
			run Mount(j)
		}
		run World();
		run Clock()
	}
}
