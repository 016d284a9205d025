/* A model for spin of locks with several holdings, of conversions, and of a directory with a limit, as mounts
 * share them through Redis. protocol.pml has one exclusive holding and all faults; this has what is new with
 * more than one, and the faults that concern it. tests/model/run searches all executions within the
 * numbers that it gives by -D, and checks that each variant that is broken on purpose is caught.
 *
 * Each of CALLERS callers has a mount of its own. Each acquisition is for one of KEYS keys, exclusive or shared (MODES),
 * and its holding may be converted to the other mode (CONVERSIONS times in all). LIMIT is the limit of the
 * directory of all keys; 0: none.
 *
 * Where the steps of the model are in the program:
 *
 *   acquire          acquire.lua: the first request, joining a queue again, and confirming a grant
 *   convert          acquire.lua with `replaces`      undo_script      undo.lua
 *   release_script   release.lua                      look             heartbeat.lua
 *   pass_on_key, pass_on_room                         pass.lua
 *   Caller           the Redis backend of a daemon, and its caller
 *
 * `room` marks a ticket that waits for room. In the program it stays in the queue of its key, and the key is in that of the
 * directory, by the order of its first ticket.
 *
 * Properties, each by the name in its assertion:
 *
 *   exclusion        a holding is made, or becomes exclusive, only if no caller believes to have one that it excludes: so the
 *                    readers in front of a writer have ended before it. A conversion to shared is believed from its call on,
 *                    one to exclusive from its answer on
 *   tokens_increase  each belief begins with a larger token than all before
 *   no_starvation    no shared acquisition precedes a ticket of its key that waits for longer
 *   first_come       no other acquisition precedes a ticket of its key, and none takes the room of another ticket
 *   within_limit     there are never more locks than the limit
 *   served_at_once   a step that ends a holding or a ticket leaves no ticket that could have the lock
 *   no_lost_wakeup   with nothing under way, no ticket could have the lock
 *   no_deadlock      with nothing under way, no two conversions wait for each other
 *   progress         without further faults, a caller waits only while another believes to hold, and BOUND ticks more
 *   held_by_nobody   with nothing under way, no holding or ticket is left of an acquisition that was cancelled, and each
 *                    holding has the mode that its caller believes in
 *
 * Time is as in protocol.pml: messages arrive before the next tick, except in SLOW ticks. A message, request or answer is lost
 * with its connection (BREAKS). Left out, as protocol.pml has them: renewals, forced releases, other Redis
 * clients, requests that arrive late, and given ids.
 *
 * Broken on purpose:
 *
 *   RELEASE_FREES_ALL   the release of a shared holding ends the lock
 *   FIRST_LEASE_ENDS    a shared lock expires with the first of its leases, not with the last
 *   READERS_PASS        a shared acquisition of a shared lock does not look at the queue
 *   GRANTS_PAST         passing on continues behind a writer that has to wait
 *   ONE_READER          passing on grants to one reader of several next to each other
 *   UNDO_SERVES_NOBODY  a ticket that is undone is removed, and those behind it are not looked at
 *   CONVERTS_BESIDE     a conversion to exclusive does not look at the other holdings
 *   CONVERTS_LAST       a conversion waits behind a writer, which waits for its holding
 *   CONVERTS_CROSSWISE  a second conversion waits as well
 *   CONVERSION_KEPT     a conversion whose caller was interrupted is not taken back
 *   TOKEN_KEPT          a conversion keeps the token
 *   SHARED_UNPASSED     a conversion to shared does not serve the readers that wait
 *   SHARED_LATE         a caller believes to be exclusive until the conversion to shared is answered
 *   GRANTS_UNCOUNTED    grants that are not confirmed need no room
 *   ROOM_TAKEN          a new acquisition does not look at those who wait for room
 *   ROOM_UNPASSED       a release serves the queue of its own key only
 *   ROOM_BY_KEY         an expiry is noticed only for those who wait for the same key
 */

#ifndef CALLERS
#define CALLERS 3
#endif
#ifndef KEYS
#define KEYS 1
#endif
#ifndef LIMIT
#define LIMIT 0
#endif
#ifndef MODES
#define MODES 1
#endif
#ifndef CONVERSIONS
#define CONVERSIONS 0
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef SLOW
#define SLOW 0
#endif
#ifndef BREAKS
#define BREAKS 0
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef BOUND
#define BOUND 6
#endif

/* Spans of time, in ticks. */
#define TTL       3
#define MARGIN    1
#define GRANT_TTL 1
#define ALIVE     2
#define DEPTH     3
#define N         (CALLERS + 1)

mtype = { ACQUIRE, CONVERT, RELEASE, UNDO, RESTORE };
mtype = { OK, QUEUED, DEADLOCK, GONE, UNDONE };
mtype = { IDLE, WAITING, HOLDING, CONVERTING };

/* The server: the holding and the ticket of each caller; key and want go with both. */
byte key[N];
bool held[N], granted[N], exclusive[N];
byte left[N], token[N], replaced[N];
byte order[N];
bool room[N], converts[N], want[N];
byte alive[N];
byte last_token, last_order;

chan request[N] = [DEPTH] of { mtype, byte };
chan answer[N] = [DEPTH] of { mtype, byte, byte };
bool grant_came[N];

/* The callers. `mode` is what a caller wants, `as_exclusive` what it believes to have; true: exclusive. */
mtype phase[N];
bool dead[N], up[N], asked[N], again[N], look_due[N];
bool mode[N], as_exclusive[N];
byte own[N], held_token[N], age[N], round[N], place[N];
mtype undo[N], sent[N];

byte slow, breaks, deaths, cancels, conversions;
byte highest[KEYS], highest_exclusive[KEYS], starved;
bool forgotten[N];  /* by a caller's own deadline, or as its release was lost: the lease ends it */

hidden byte h, i, j, k, l, x, o, others, locks, barred, ahead, found, handed, replacing;
hidden mtype word;
hidden byte exclusion, tokens_increase, no_starvation, first_come, within_limit, served_at_once, no_lost_wakeup,
	no_deadlock, progress, held_by_nobody;

#define believes(n) (phase[n] == HOLDING || phase[n] == CONVERTING)
#define lives(n) (alive[n] > 0)

/* ---- The scripts ------------------------------------------------------------------ */

/* Counts the other holdings of the caller's key, and whether one of them excludes what it wants. */
inline see_key(c) {
	others = 0; barred = false;
	for (i : 1 .. CALLERS) {
		if
		:: i != c && held[i] && key[i] == key[c] ->
			others++;
			if
#ifdef CONVERTS_BESIDE
			:: converts[c] -> skip
#endif
			:: exclusive[i] || want[c] -> barred = true
			:: else
			fi
		:: else
		fi
	}
}

inline count_locks() {
	locks = 0;
	for (l : 0 .. KEYS - 1) {
		found = false;
		for (i : 1 .. CALLERS) {
#ifdef GRANTS_UNCOUNTED
			found = found || held[i] && key[i] == l && !granted[i]
#else
			found = found || held[i] && key[i] == l
#endif
		}
		locks = locks + found
	}
}

#define in_front(a, b) (converts[a] && !converts[b] || converts[a] == converts[b] && order[a] < order[b])

/* The first ticket of a queue: of key k, or that of those who wait for room. */
inline first_ticket(for_room) {
	h = 0;
	for (i : 1 .. CALLERS) {
		if
		:: order[i] && room[i] == for_room && (for_room || key[i] == k) && (h == 0 || in_front(i, h)) -> h = i
		:: else
		fi
	}
}

inline remove_ticket(c) {
	order[c] = 0; room[c] = false; converts[c] = false
}

/* A new holding, or one that was converted. */
inline set_holding(c, lease) {
	for (i : 1 .. CALLERS) {
		assert(exclusion || i == c || !believes(i) || key[i] != key[c] || !want[c] && !as_exclusive[i]);
		/* nobody precedes a ticket of the key that can be served */
		if
		:: i != c && order[i] && !room[i] && lives(i) && key[i] == key[c] && !converts[c] && !replacing &&
		   (order[c] == 0 || in_front(i, c)) ->
			assert(no_starvation || want[c]);
			assert(first_come)
		:: else
		fi
	};
	held[c] = true;
	left[c] = lease;
	exclusive[c] = want[c];
	remove_ticket(c);
#ifdef TOKEN_KEPT
	if
	:: replacing -> skip
	:: else -> last_token++; token[c] = last_token
	fi;
#else
	last_token++; token[c] = last_token;
#endif
#if LIMIT
	locks = 0;
	for (l : 0 .. KEYS - 1) {
		found = false;
		for (i : 1 .. CALLERS) { found = found || held[i] && key[i] == l }
		locks = locks + found
	}
	assert(within_limit || locks <= LIMIT)
#endif
}

inline grant(c) {
	printf("server: grant to %d\n", c);
	replacing = false;
	set_holding(c, GRANT_TTL);
	granted[c] = true;
	grant_came[c] = !dead[c]
}

#define has_room (LIMIT == 0 || locks < LIMIT)

/* Passes key k on. Who gets a key that was held until now makes no lock more, so it needs no room. */
inline pass_on_key(was_held) {
	handed = was_held;
	do
	:: true ->
		first_ticket(false);
		if
		:: h == 0 -> break
		:: h && (!lives(h) || converts[h] && !held[h]) -> printf("server: drops the ticket of %d\n", h); remove_ticket(h)
		:: else ->
			see_key(h);
			count_locks();
			if
#ifdef GRANTS_PAST
			:: barred && !converts[h] && want[h] ->
				/* the first reader behind it */
				for (j : 1 .. CALLERS) {
					if
					:: order[j] && !room[j] && key[j] == k && !want[j] && lives(j) && !converts[j] -> see_key(j);
						if
						:: !barred -> grant(j)
						:: else
						fi
					:: else
					fi
				};
				break
#endif
			:: barred -> break
			:: !barred && converts[h] -> grant_came[h] = !dead[h]; break
			:: !barred && !converts[h] && others == 0 && !handed && !has_room -> room[h] = true
			:: else -> grant(h);
#ifdef ONE_READER
				break
#endif
			fi
		fi
	od
}

/* Serves those who wait for room. Who finds the key held waits in its queue, in the old order. */
inline pass_on_room() {
#if LIMIT
	do
	:: true ->
		first_ticket(true);
		if
		:: h == 0 -> break
		:: h && !lives(h) -> remove_ticket(h)
		:: else ->
			see_key(h);
			count_locks();
			if
			:: others && barred -> room[h] = false
			:: !(others && barred) && others == 0 && !has_room -> break
			:: else -> grant(h)
			fi
		fi
	od
#else
	skip
#endif
}

/* Nobody is left waiting for what this step made free. (What has ended by itself on another key is found by a look.) */
inline check_served() {
	for (j : 1 .. CALLERS) {
		if
		:: order[j] && lives(j) && !converts[j] && (room[j] || key[j] == k) ->
			see_key(j);
			count_locks();
			ahead = false;
			for (i : 1 .. CALLERS) {
				ahead = ahead || i != j && order[i] && room[i] == room[j] && (room[j] || key[i] == key[j]) && in_front(i, j)
			};
			assert(served_at_once || barred || ahead || others == 0 && !has_room)
		:: else
		fi
	}
}

inline end_holding(c) {
	held[c] = false; granted[c] = false; left[c] = 0; token[c] = 0; exclusive[c] = false; replaced[c] = 0;
	forgotten[c] = false
}

/* Passes on what a step made free. */
inline serve(was_held) {
	pass_on_key(was_held);
#ifndef ROOM_UNPASSED
	pass_on_room();
#endif
	check_served()
}

inline free_holding(c) {
	end_holding(c);
#ifdef RELEASE_FREES_ALL
	for (j : 1 .. CALLERS) {
		if
		:: held[j] && key[j] == key[c] -> end_holding(j)
		:: else
		fi
	}
#endif
}

/* Leaves its answer in word, and x. */
inline acquire(c, old_order) {
	k = key[c];
	if
	:: !held[c] ->
		pass_on_key(false);
#ifndef ROOM_TAKEN
		pass_on_room()
#endif
	:: else
	fi;
	if
	:: held[c] ->
		if
		:: granted[c] -> granted[c] = false; left[c] = TTL
		:: else
		fi;
		word = OK; x = token[c]
	:: else ->
		see_key(c);
		count_locks();
		ahead = false;
		for (i : 1 .. CALLERS) {
			if
#ifdef READERS_PASS
			:: !want[c] && others -> skip
#endif
			:: i != c && order[i] && !room[i] && key[i] == key[c] && (order[c] == 0 || in_front(i, c)) -> ahead = true
			:: else
			fi
		};
		h = false;
#if LIMIT && !defined ROOM_TAKEN
		for (i : 1 .. CALLERS) {
			h = h || i != c && order[i] && room[i] && (order[c] == 0 || order[i] < order[c])
		};
#endif
		if
		:: !barred && !ahead && (others || has_room && !h) ->
#if LIMIT
			for (i : 1 .. CALLERS) {
				assert(first_come || others || i == c || !order[i] || !room[i] || !lives(i) || order[c] && order[c] < order[i])
			};
#endif
			replacing = false;
			set_holding(c, TTL);
			word = OK; x = token[c]
		:: else ->
			room[c] = !barred && !ahead;
			if
			:: order[c] -> skip
			:: !order[c] && old_order -> order[c] = old_order
			:: else -> last_order++; order[c] = last_order
			fi;
			alive[c] = ALIVE;
			word = QUEUED; x = order[c]
		fi
	fi
}

inline convert(c) {
	k = key[c];
	if
	:: !held[c] -> word = GONE; x = 0
	:: held[c] && replaced[c] -> word = OK; x = token[c]  /* the answer was lost */
	:: else ->
		converts[c] = true;
		see_key(c);
		found = false;
		for (i : 1 .. CALLERS) {
			found = found || i != c && order[i] && converts[i] && key[i] == key[c] && lives(i)
		};
		if
		:: !want[c] || !barred ->
			x = token[c];
			replacing = true;
			set_holding(c, TTL);
			replaced[c] = x;
#ifndef SHARED_UNPASSED
			pass_on_key(true);
#endif
			check_served();
			word = OK; x = token[c]
#ifndef CONVERTS_CROSSWISE
		:: want[c] && barred && found -> converts[c] = false; word = DEADLOCK; x = 0
#endif
		:: else ->
#ifdef CONVERTS_LAST
			converts[c] = false;
#endif
			if
			:: order[c] -> skip
			:: else -> last_order++; order[c] = last_order
			fi;
			alive[c] = ALIVE;
			word = QUEUED; x = order[c]
		fi
	fi
}

/* The caller of an acquisition is gone, or that of a conversion, who keeps the holding that it had. */
inline undo_script(c, restores) {
	k = key[c];
	found = order[c] > 0;
	x = held[c];
	if
	:: order[c] -> remove_ticket(c)
	:: else
	fi;
	if
	:: held[c] && !restores -> free_holding(c)
#ifndef CONVERSION_KEPT
	:: held[c] && restores && replaced[c] && exclusive[c] ->
		token[c] = replaced[c]; replaced[c] = 0; exclusive[c] = false
#endif
	:: else -> x = false
	fi;
	if
#ifdef UNDO_SERVES_NOBODY
	:: found && !x -> check_served()
#endif
	:: found || x -> serve(x)
	:: else
	fi
}

inline release_script(c, which) {
	k = key[c];
	if
	:: held[c] && token[c] == which -> free_holding(c); serve(true)
	:: else
	fi
}

/* Renews the sign of life, and passes on what has ended by itself. */
inline look(c) {
	if
	:: order[c] -> alive[c] = ALIVE
	:: else
	fi;
	k = key[c];
	pass_on_key(false);
#ifdef ROOM_BY_KEY
	if
	:: room[c] -> see_key(c);
		if
		:: others -> pass_on_room()
		:: else
		fi
	:: else
	fi
#else
	pass_on_room()
#endif
}

/* ---- A mount and its caller ---------------------------------------------------------- */

#define converting_or_waiting(c) (phase[c] == WAITING || phase[c] == CONVERTING)
#define may_send(c) (up[c] && len(request[c]) < DEPTH)
#define busy(c) (phase[c] != IDLE || len(request[c]) > 0 || len(answer[c]) > 0)

inline ask(c) {
	if
	:: asked[c] -> again[c] = true
	:: else ->
		asked[c] = true; age[c] = 0;
		if
		:: phase[c] == WAITING -> request[c]!ACQUIRE,place[c]
		:: else -> request[c]!CONVERT,mode[c]
		fi
	fi
}

inline finish(c) {
	printf("caller %d has an answer, or none is there for it\n", c);
	phase[c] = IDLE; own[c] = 0; held_token[c] = 0; again[c] = false; look_due[c] = false; as_exclusive[c] = false;
	place[c] = 0;
	round[c]++
}

inline believe(c, which, lease) {
	for (i : 1 .. CALLERS) {
		assert(exclusion || i == c || !believes(i) || key[i] != key[c] || !mode[c] && !as_exclusive[i])
	};
	assert(tokens_increase || which > held_token[c] && which > (mode[c] -> highest[key[c]] : highest_exclusive[key[c]]));
	highest[key[c]] = (which > highest[key[c]] -> which : highest[key[c]]);
	highest_exclusive[key[c]] = (mode[c] -> which : highest_exclusive[key[c]]);
	starved = 0;
	printf("caller %d believes to hold with token %d, exclusive %d\n", c, which, mode[c]);
	phase[c] = HOLDING; own[c] = lease; held_token[c] = which; as_exclusive[c] = mode[c]; again[c] = false;
	look_due[c] = false; place[c] = 0
}

#define WORTH(age) (TTL > MARGIN + age -> TTL - MARGIN - age : 0)

inline got_answer(c) {
	if
	:: word == UNDONE -> sent[c] = 0
	:: else ->
		asked[c] = false;
		if
		:: !converting_or_waiting(c) -> skip
		:: converting_or_waiting(c) && word == OK ->
			if
			:: l > MARGIN + age[c] -> believe(c, x, l - MARGIN - age[c])
			:: else -> undo[c] = UNDO; finish(c)
			fi
		:: converting_or_waiting(c) && word == QUEUED ->
			if
			:: phase[c] == WAITING -> place[c] = x
			:: else
			fi;
			if
			:: again[c] -> again[c] = false; ask(c)
			:: else
			fi
		:: converting_or_waiting(c) && word == DEADLOCK -> phase[c] = HOLDING; mode[c] = false; again[c] = false; look_due[c] = false
		:: converting_or_waiting(c) && word == GONE -> finish(c)
		fi
	fi
}

inline drop_commands(c) {
	forgotten[c] = forgotten[c] || request[c]??[RELEASE,_];
	do
	:: len(request[c]) > 0 -> request[c]?_,_
	:: else -> break
	od;
	do
	:: len(answer[c]) > 0 -> answer[c]?_,_,_
	:: else -> break
	od;
	if
	:: sent[c] -> undo[c] = (undo[c] -> undo[c] : sent[c]); sent[c] = 0
	:: else
	fi;
	up[c] = false; asked[c] = false; age[c] = 0
}

#define begun(c) (phase[c] != IDLE || round[c] > 0)
#define settled(c) (len(request[c]) == 0 && len(answer[c]) == 0 && !undo[c] && !sent[c] && !asked[c])

/* Callers are alike: the one that asks first is called 1, the second 2. */
#define may_begin(c) (phase[c] == IDLE && round[c] < ROUNDS && settled(c) && may_send(c) && !held[c] && (c == 1 || begun(c - 1)))

inline begin(c, exclusively, which) {
	printf("caller %d asks for key %d, exclusive %d\n", c, which, exclusively);
	phase[c] = WAITING; mode[c] = exclusively; want[c] = exclusively; key[c] = which;
	replaced[c] = 0; grant_came[c] = false;
	ask(c)
}

inline take(c) {
	request[c]?word,o;
	printf("server: %e of caller %d\n", word, c)
}

proctype Caller(byte c) {
end:
	do
	:: d_step { may_begin(c) -> begin(c, true, 0) }
#if MODES
	:: d_step { may_begin(c) -> begin(c, false, 0) }
#endif
#if KEYS > 1
	/* the first caller's key is called 0, another one 1 */
	:: d_step { may_begin(c) && c > 1 -> begin(c, true, 1) }
#if MODES
	:: d_step { may_begin(c) && c > 1 -> begin(c, false, 1) }
#endif
#endif
#if KEYS > 2
	:: d_step { may_begin(c) && c > 2 -> begin(c, true, 2) }
#endif
	:: d_step { phase[c] == HOLDING && may_send(c) ->
		printf("caller %d releases\n", c);
		request[c]!RELEASE,held_token[c];
		/* it is not known whether its conversion was taken back */
		undo[c] = (undo[c] || sent[c] -> UNDO : undo[c]);
		finish(c) }
	:: d_step { phase[c] == HOLDING && conversions < CONVERSIONS && settled(c) && may_send(c) ->
		conversions++;
		printf("caller %d converts, from exclusive %d\n", c, mode[c]);
		mode[c] = !mode[c]; phase[c] = CONVERTING; replaced[c] = 0; grant_came[c] = false;
#ifndef SHARED_LATE
		as_exclusive[c] = false;
#endif
		ask(c) }
	/* only calls that wait can be interrupted */
	:: d_step { cancels < CANCELS && phase[c] == WAITING ->
		cancels++;
		printf("caller %d is interrupted\n", c);
		undo[c] = UNDO; finish(c) }
	:: d_step { cancels < CANCELS && phase[c] == CONVERTING && mode[c] ->
		cancels++;
		printf("caller %d is interrupted while it converts\n", c);
		undo[c] = RESTORE; phase[c] = HOLDING; mode[c] = false; again[c] = false; look_due[c] = false }
	:: d_step { len(answer[c]) > 0 && len(request[c]) < DEPTH -> answer[c]?word,x,l;
		printf("caller %d: answer %e, %d\n", c, word, x);
		got_answer(c) }
	:: d_step { grant_came[c] && len(request[c]) < DEPTH -> grant_came[c] = false;
		printf("caller %d: message GRANT\n", c);
		if
		:: converting_or_waiting(c) && up[c] -> ask(c)
		:: else
		fi }
	:: d_step { !up[c] && !dead[c] -> up[c] = true;
		if
		:: converting_or_waiting(c) -> again[c] = false; ask(c)
		:: else
		fi }
	:: d_step { look_due[c] && up[c] && len(request[c]) == 0 && len(answer[c]) == 0 -> look_due[c] = false;
		printf("caller %d looks\n", c);
		look(c);
		if
		:: converting_or_waiting(c) && !order[c] && !held[c] -> ask(c)
		:: else
		fi }
	:: d_step { may_send(c) && undo[c] && !sent[c] -> sent[c] = undo[c]; undo[c] = 0; request[c]!sent[c],0 }
	/* the server */
	:: d_step { request[c]?[ACQUIRE,_] && len(answer[c]) < DEPTH -> take(c); acquire(c, o); answer[c]!word,x,left[c] }
	:: d_step { request[c]?[CONVERT,_] && len(answer[c]) < DEPTH -> take(c); want[c] = o; convert(c); answer[c]!word,x,left[c] }
	:: d_step { request[c]?[RELEASE,_] -> take(c); release_script(c, o) }
	:: d_step { request[c]?[UNDO,_] && len(answer[c]) < DEPTH -> take(c); undo_script(c, false); answer[c]!UNDONE,0,0 }
	:: d_step { request[c]?[RESTORE,_] && len(answer[c]) < DEPTH -> take(c); undo_script(c, true); answer[c]!UNDONE,0,0 }
	/* faults */
	:: d_step { breaks < BREAKS && up[c] && busy(c) ->
		breaks++; starved = 0;
		printf("caller %d loses its command connection\n", c);
		drop_commands(c) }
	:: d_step { breaks < BREAKS && grant_came[c] && up[c] && len(request[c]) < DEPTH ->
		breaks++; starved = 0;
		printf("caller %d loses its subscription, and a message, and subscribes again\n", c);
		grant_came[c] = false;
		if
		:: converting_or_waiting(c) -> ask(c)
		:: else
		fi }
	:: d_step { deaths < DEATHS && !dead[c] && busy(c) ->
		deaths++; starved = 0;
		printf("the mount of caller %d dies\n", c);
		drop_commands(c); finish(c); round[c] = ROUNDS; undo[c] = 0; grant_came[c] = false; dead[c] = true }
	od
}

/* ---- Time ----------------------------------------------------------------------------- */

#define quiet(c) (dead[c] || up[c] && settled(c) && !grant_came[c] && !look_due[c])
#if CALLERS > 3
#define all_quiet (quiet(1) && quiet(2) && quiet(3) && quiet(4))
#elif CALLERS > 2
#define all_quiet (quiet(1) && quiet(2) && quiet(3))
#else
#define all_quiet (quiet(1) && quiet(2))
#endif

inline check() {
	h = false;   /* does anybody wait? */
	for (j : 1 .. CALLERS) {
		if
		:: order[j] && lives(j) && !dead[j] ->
			see_key(j);
			count_locks();
			ahead = false;
			for (i : 1 .. CALLERS) {
				ahead = ahead || i != j && order[i] && lives(i) && room[i] == room[j] && (room[j] || key[i] == key[j]) && in_front(i, j);
				assert(no_deadlock || i == j || !order[i] || phase[i] != CONVERTING || phase[j] != CONVERTING || key[i] != key[j])
			};
			/* a conversion is in front of all */
			assert(no_lost_wakeup || barred || ahead && phase[j] != CONVERTING || others == 0 && !has_room && phase[j] != CONVERTING)
		:: else
		fi;
		if
		:: dead[j] -> skip
		:: phase[j] == WAITING -> h = true
		:: phase[j] == IDLE -> assert(held_by_nobody || !order[j] && (!held[j] || forgotten[j]))
		:: phase[j] == HOLDING ->
			assert(held_by_nobody || !order[j] && (!held[j] || token[j] == held_token[j] && exclusive[j] == as_exclusive[j]))
		:: else
		fi
	};
	for (j : 1 .. CALLERS) {
		if
		:: believes(j) -> h = false
		:: else
		fi
	};
	starved = (h -> starved + 1 : 0);
	assert(progress || starved <= BOUND)
}

inline tick() {
	printf("--- tick\n");
	for (j : 1 .. CALLERS) {
		if
		:: own[j] -> own[j]--;
			if
			:: own[j] == 0 ->
				if
				:: phase[j] == CONVERTING -> undo[j] = UNDO
				:: else
				fi;
				forgotten[j] = held[j];
				finish(j)
			:: else
			fi
		:: else
		fi;
		if
		:: asked[j] && age[j] < TTL -> age[j]++
		:: else
		fi;
		if
		:: alive[j] -> alive[j]--
		:: else
		fi;
		look_due[j] = converting_or_waiting(j);
		if
		:: left[j] -> left[j]--;
			if
			:: left[j] == 0 ->
				printf("server: the holding of caller %d expires\n", j);
#ifdef FIRST_LEASE_ENDS
				for (i : 1 .. CALLERS) {
					if
					:: i != j && held[i] && key[i] == key[j] -> end_holding(i)
					:: else
					fi
				};
#endif
				end_holding(j)
			:: else
			fi
		:: else
		fi
	};
	i = 0
}

proctype Clock() {
end:
	do
	:: d_step { all_quiet -> check(); tick() }
	:: d_step { !all_quiet && slow < SLOW -> slow++; starved = 0; tick() }
	od
}

init {
	atomic {
		for (j : 1 .. CALLERS) {
			up[j] = true;
			phase[j] = IDLE;
			run Caller(j)
		}
		run Clock()
	}
}
