// table.mjs: ways to break the library, one place at a time. Each must be found by the tests of a subject, under the simulator.
//   part   of what     file  in which     say  what is done     tests  the subjects that are to find it
//   find   a text that is there once      put  what takes its place

const relax = (text) => text.replace(/\b(cas|swap|or|add)_(acquire|release|acq_rel)\(/, (_, name) => ({
  cas: 'cas_relaxed(', or: 'or_relaxed(', add: 'add_relaxed(', swap: 'SWAP_RELAXED(' }[name]))
  .replace(/SWAP_RELAXED\(([^,]*), /, '__atomic_exchange_n($1, ')
  .replace(/(__atomic_exchange_n\([^)]*)\)/, '$1, __ATOMIC_RELAXED)')
  .replace('load_acquire(', 'load_relaxed(')
  .replace('store_release(', 'store_relaxed(')
  .replace('__ATOMIC_ACQUIRE', '__ATOMIC_RELAXED')
  .replace('__ATOMIC_RELEASE', '__ATOMIC_RELAXED');

const all = [];
let current;
const part = (name, file, ...tests) => { current = { part: name, file, tests }; };
const change = (say, find, put) => all.push({ ...current, say, find, put });
// The order of one operation is dropped.
const drop = (say, find) => change(`${say}, without its order`, find, relax(find));

// ---- Parking lot ----

part('parking lot', 'src/park.c', 'park', 'mutex', 'once');
drop('a bucket is locked (L1)', 'if (!cas_acquire(word, &seen, HELD)) /* L1 */\n        short_lock_slow');
drop('a bucket is locked by who slept (L2)', 'while (swap_acquire(word, CONTENDED) != FREE) /* L2 */');
drop('a bucket is unlocked (U)', 'if (swap_release(word, FREE) == CONTENDED) /* U');
change('nobody is woken who sleeps for a bucket', 'if (swap_release(word, FREE) == CONTENDED) /* U', 'if (swap_release(word, FREE) == CONTENDED && false) /* U');
change('who slept for a bucket forgets the others', 'while (swap_acquire(word, CONTENDED) != FREE) /* L2 */\n        pti_port_wait(word, CONTENDED, PT_TIME_NEVER);', 'for (uint32_t mark = CONTENDED; swap_acquire(word, mark) != FREE; mark = HELD)\n        pti_port_wait(word, CONTENDED, PT_TIME_NEVER);');
drop('a message is given (W)', 'uint32_t before = swap_release(word, message); /* W');
drop('a message is read (G)', 'uint32_t seen = load_acquire(&waiter->word); /* G');
change('a message is given, but who sleeps is not woken', 'if (before == SLEEPING || before == CLAIMED)', 'if (before == CLAIMED)');
change('who falls asleep overwrites a message', 'cas_relaxed(&waiter->word, &seen, SLEEPING)) /* S */', '(store_relaxed(&waiter->word, SLEEPING), true)) /* S */');
change('who gives up does not look whether it was moved meanwhile', 'if (key != load_relaxed(&waiter->key)) {', 'if (false) {');
change('who was moved gives up all the same', 'if (waiter->queued && !waiter->moved) {', 'if (waiter->queued) {');
change('who was taken out gives up all the same', 'if (waiter->queued && !waiter->moved) {', 'if (!waiter->moved) {');
change('a move is not noted', 'waiter->moved = true;', 'waiter->moved = false;');
change('the last of a queue goes, and is still its last', 'first->last = waiter->previous;', '(void)first;');
change('the first of a queue goes, and the next queues with it', 'next->chain = waiter->chain;', 'next->chain = NULL;');
change('who joins in front does not know the last', 'waiter->last = first->last;', 'waiter->last = waiter;');
change('all are taken out, but believe they are queued', 'for (pti_waiter *waiter = first; waiter != NULL; waiter = waiter->next)\n        waiter->queued = false;', '');
change('a waiter is read after it was woken', 'pti_waiter *next = first->next; /* first may be gone once it is woken */\n        pti_park_wake(first, message);', 'pti_park_wake(first, message);\n        pti_waiter *next = first->next;');
change('two buckets are locked in any order', 'pti_queue *low = pair.first < pair.second ? pair.first : pair.second;\n    pti_queue *high = pair.first < pair.second ? pair.second : pair.first;', 'pti_queue *low = pair.first, *high = pair.second;');
change('a bit says that nobody waits while somebody does', 'if (pti_park_first(queue, key) == NULL)\n        and_relaxed(word, ~bit);', 'and_relaxed(word, ~bit);');

part('parking lot, cancelled', 'src/park.c', 'cancel_waits', 'cancel');
change('who sleeps is not poked awake', 'return seen == SLEEPING;', 'return false;');
change('who was poked too late forgets to wait for its message (N)', 'cas_relaxed(&waiter->word, &seen, WAITING); /* N */', '(void)seen;');
change('who was poked too late does not wait for its message', 'cas_relaxed(&waiter->word, &seen, WAITING); /* N */\n        sleep_until(waiter, PT_TIME_NEVER);', '(void)seen;');

part('parking lot, in place', 'src/park.c', 'await');
drop('a message is given in place (T)', 'if (cas_release(&waiter->word, &seen, message)) { /* T');
change('who gives up in place overwrites a message', 'if (cas_relaxed(&waiter->word, &seen, PTI_GAVE_UP)) /* Z */', 'if (store_relaxed(&waiter->word, PTI_GAVE_UP), true) /* Z */');

// ---- Mutex ----

part('mutex', 'src/mutex.c', 'mutex', 'crowd', 'cond');
drop('locked by who waited (L)', 'if (cas_acquire(&mutex->word, &seen, next)) /* L');
drop('unlocked beside one that is awake (U1)', 'if (cas_release(&mutex->word, &seen, next)) /* U1');
drop('unlocked for one that is woken (U2, H)', '} while (!cas_release(&mutex->word, &seen, next)); /* U2');
change('who joins the queue does not look whether the lock is free', 'static bool note_queued(pt_mutex *mutex, bool awake)\n{\n    uint32_t seen = load_relaxed(&mutex->word);\n    while ((seen & LOCKED) != 0) {', 'static bool note_queued(pt_mutex *mutex, bool awake)\n{\n    uint32_t seen = load_relaxed(&mutex->word);\n    for (;;) {');
change('who gives up awake does not look whether the lock is free', 'if (!awake || resign(mutex))', 'if (!awake || (and_relaxed(&mutex->word, ~(uint32_t)AWAKE), true))');
change('who gives up stays awake in the word', 'if (!awake || resign(mutex))', 'if (true)');
change('unlocked with somebody queued and nobody awake', 'if ((seen & AWAKE) == 0 || seen / SKIP >= MOST_SKIPS)', 'if (seen / SKIP >= MOST_SKIPS)');
change('one is woken, the others forgotten', 'bool more = first != NULL && (!take || first->next != NULL);', 'bool more = first != NULL && !take;');
change('handed over unlocked', 'next = (hand_over ? LOCKED : 0u) |', 'next = 0u |');
change('handed over, but not said', 'pti_park_wake(first, hand_over ? PTI_HANDED : PTI_RETRY);', 'pti_park_wake(first, PTI_RETRY);');
change('woken, but not', 'if (take)\n        pti_park_wake(first, hand_over', 'if (take && false)\n        pti_park_wake(first, hand_over');
change('whoever is awake stays so in the word when it has the lock', 'uint32_t next = (awake ? seen & ~(uint32_t)AWAKE : seen) | LOCKED;', 'uint32_t next = seen | LOCKED;');
change('who waited for a condition goes on without the lock', 'if (message == PTI_HANDED)\n        return;\n    /* On', 'if (message != PTI_GAVE_UP)\n        return;\n    /* On');

part('mutex, inline', 'include/pt_mutex.h', 'mutex', 'crowd');
drop('locked', 'if ((__atomic_fetch_or(&mutex->word, 1u, __ATOMIC_ACQUIRE) & 1u) != 0)');
drop('locked by a try', 'if (__atomic_compare_exchange_n(&mutex->word, &seen, seen | 1u, false, __ATOMIC_ACQUIRE,');
drop('unlocked', '!__atomic_compare_exchange_n(&mutex->word, &seen, next, false, __ATOMIC_RELEASE,');
change('unlocked with somebody queued and nobody awake', 'if ((seen & 6u) == 2u || (seen & 8u)', 'if ((seen & 8u)');

// ---- Reader-writer lock ----

part('rwlock', 'src/rwlock.c', 'rwlock', 'crowd');
drop('locked to read (R)', 'if (cas_acquire(&rwlock->word, &seen, seen + READER)) /* R');
drop('locked to write (W)', 'if (cas_acquire(&rwlock->word, &seen, without(seen, awake) | WRITER)) /* W');
drop('unlocked by a reader (UR)', 'if (cas_release(&rwlock->word, &seen, seen - READER)) /* UR');
drop('unlocked by a writer (UW)', 'if (cas_release(&rwlock->word, &seen, seen - WRITER)) /* UW');
drop('readers are let in (E)', '} while (!cas_acq_rel(&rwlock->word, &seen, next)); /* E, E');
drop('a writer is woken (N, H)', '} while (!cas_acq_rel(&rwlock->word, &seen, next)); /* N, H');
change('a reader queues without looking whether it need not', 'static bool note_reader(pt_rwlock *rwlock)\n{\n    uint32_t seen = load_relaxed(&rwlock->word);\n    while (!may_read(seen)) {', 'static bool note_reader(pt_rwlock *rwlock)\n{\n    uint32_t seen = load_relaxed(&rwlock->word);\n    for (;;) {');
change('a writer queues without looking whether the lock is free', 'while (!is_free(seen)) {\n        if (cas_relaxed(&rwlock->word, &seen, without(seen, awake) | bit))', 'for (;;) {\n        if (cas_relaxed(&rwlock->word, &seen, without(seen, awake) | bit))');
change('a writer that gives up leaves readers waiting', 'if ((load_relaxed(&rwlock->word) & READERS_QUEUED) != 0)\n        admit', 'if (false)\n        admit');
change('a writer is woken, the others forgotten', 'if (take && first->next == NULL)', 'if (take)');
change('the last reader leaves a queued writer behind', 'if (next == WRITERS_QUEUED) {', 'if (false) {');
change('a lock full of readers forgets who waits', 'if (admitted < waiting)', 'if (false)');
change('readers overtake writers that wait', '(word & WRITER) == 0 && (word & (WRITERS_QUEUED | AWAKE)) != WRITERS_QUEUED;', '(word & WRITER) == 0;');
change('a writer that gives up stays awake in the word', 'if (!awake)\n                return may_wait;', 'if (true)\n                return may_wait;');
change('a downgrade unlocks', 'admit_readers(rwlock, WRITER, READER, 0);', 'admit_readers(rwlock, WRITER, 0, 0);');
change('a writer is handed the lock while readers are in', 'take = is_free(next) && (hand_over', 'take = (hand_over');

part('rwlock, inline', 'include/pt_mutex.h', 'rwlock', 'crowd');
drop('locked to read', '!__atomic_compare_exchange_n(&rwlock->word, &seen, seen + PTI_RWLOCK_READER, false, __ATOMIC_ACQUIRE,');
drop('locked to write', 'if (!__atomic_compare_exchange_n(&rwlock->word, &seen, PTI_RWLOCK_WRITER, false, __ATOMIC_ACQUIRE,');
drop('unlocked by a reader', 'seen - PTI_RWLOCK_READER,\n                                                                false, __ATOMIC_RELEASE,');
drop('unlocked by a writer', 'seen - PTI_RWLOCK_WRITER,\n                                                                false, __ATOMIC_RELEASE,');

// ---- Condition ----

part('condition', 'src/cond.c', 'cond', 'crowd');
change('the mutex is unlocked before the waiter is queued', 'pti_park_prepare(&waiter, WHAT);\n    waiter.with = mutex;', 'pt_mutex_unlock(mutex);\n    pti_park_prepare(&waiter, WHAT);\n    waiter.with = mutex;\n#define pt_mutex_unlock(mutex) (void)mutex');
change('nothing says that somebody waits (J)', 'store_relaxed(&cond->word, QUEUED); /* J */', '');
change('nobody is said to wait while some do', 'if (any && pti_park_first(pair.first, cond) == NULL)', 'if (any)');
change('a signal is a broadcast', 'while (first != NULL && first->with == mutex && (all || !any)) {', 'while (first != NULL && first->with == mutex) {');
change('a broadcast reaches those of one mutex', 'while ((all || !any) && (mutex', 'while (!any && (mutex');
change('waiters of another mutex are moved to this one', 'while (first != NULL && first->with == mutex && (all || !any)) {', 'while (first != NULL && (all || !any)) {');
change('who is to be woken is not', 'pti_park_wake(woken, PTI_RETRY);', '(void)woken;');

// ---- Semaphore ----

part('semaphore', 'src/semaphore.c', 'semaphore');
drop('a permit is given (P)', '} while (!cas_release(&semaphore->word, &seen, seen + permits * PERMIT)); /* P');
drop('a permit is taken (T)', 'if (cas_acquire(&semaphore->word, &seen, seen - PERMIT)) /* T');
change('who queues does not look whether there are permits', 'while (seen / PERMIT == 0) {', 'for (;;) {');
change('nobody is said to wait while some do', 'if (pti_park_first(queue, key) == NULL)\n            and_relaxed', 'if (true)\n            and_relaxed');
change('those who wait are not served', 'if ((seen & QUEUED) != 0)\n        serve_queue(semaphore);', '');
change('many permits serve one', 'while ((first = pti_park_first(queue, key)) != NULL && first->serve == serve &&', 'if ((first = pti_park_first(queue, key)) != NULL && first->serve == serve &&');
change('who waits for something else is served', 'while ((first = pti_park_first(queue, key)) != NULL && first->serve == serve &&', 'while ((first = pti_park_first(queue, key)) != NULL &&');

// ---- Event ----

part('event', 'src/event.c', 'event', 'carrier');
drop('set (S)', 'if ((or_release(&event->word, SET) & QUEUED) == 0) /* S');
drop('passed (P)', 'uint32_t seen = load_acquire(&event->word); /* P: pairs with S */\n    while');
drop('passed alone (P)', 'if ((seen & AUTO) == 0 || cas_acquire(&event->word, &seen, seen & ~(uint32_t)SET)) /* P */');
change('who queues does not look whether it is set', 'while ((seen & SET) == 0) {', 'for (;;) {');
change('a reset takes back a set that is not done', 'if ((seen & (SET | QUEUED)) == (SET | QUEUED)) {', 'if (false) {');
change('nobody is said to wait while some do', 'if (took && pti_park_first(queue, key) == NULL)\n        and_relaxed', 'if (took)\n        and_relaxed');
change('a set that one may pass lets all pass', 'if (selects ? !pt_event_is_set(event) : pt_event_try_wait(event) != PT_OK)', 'if (selects ? !pt_event_is_set(event) : pt_event_try_wait(event) != PT_OK && served == NULL)');
change('those who wait are not served', 'if (pti_park_may_lock())\n        serve_queue(event);\n    else', 'if (pti_park_may_lock())\n        return;\n    else');

// ---- Barrier, latch, once ----

part('barrier', 'src/barrier.c', 'barrier');
change('who gives up still counts (G)', 'store_relaxed(&barrier->word, load_relaxed(&barrier->word) - ONE); /* G */', '');
change('the word is changed after the lock is given back', 'store_release(&barrier->word, next); /* A: pairs with L */\n    pti_park_unlock(queue);', 'pti_park_unlock(queue);\n    store_release(&barrier->word, next);');
change('one too many is waited for', 'bool last = count_waiting(queue, barrier) + 1 >= parties;', 'bool last = count_waiting(queue, barrier) >= parties;');
change('those of a round are taken out after the lock is given back', 'pti_waiter *waiters = pti_park_take_all(queue, barrier);\n    store_release(&barrier->word, next); /* A: pairs with L */\n    pti_park_unlock(queue);', 'store_release(&barrier->word, next);\n    pti_park_unlock(queue);\n    pti_waiter *waiters = pti_park_take_all(queue, barrier);');
change('an abort does not wake', 'pti_park_wake_all(waiters, (enum pti_message)message);', 'if (message == COMPLETE)\n        pti_park_wake_all(waiters, (enum pti_message)message);');
drop('aborted (A)', 'store_release(&barrier->word, next); /* A: pairs with L */');

part('latch', 'src/latch.c', 'latch');
drop('zero is seen (P)', 'return load_acquire(&latch->word) / ONE == 0');
drop('counted down (D)', '} while (!cas_release(&latch->word, &seen, seen - by * ONE)); /* D');
drop('counted down to zero (Z)', '} while (!cas_acq_rel(&latch->word, &seen, seen - by * ONE)); /* Z');
change('who queues does not look whether it is zero', 'while (seen / ONE > 0) {', 'for (;;) {');
change('those who wait are not let go', 'if (seen - by * ONE == QUEUED)', 'if (false)');

part('once', 'src/once.c', 'once');
drop('done (E)', 'store_release(&once->word, status == PT_OK ? DONE : NEW); /* E');
drop('seen as done (D)', 'uint32_t seen = load_acquire(&once->word); /* D: pairs with E */\n        if');
drop('run again (R)', 'if (seen == NEW && cas_acquire(&once->word, &seen, RUNNING)) { /* R');
change('run by whoever sees that it is new', 'if (seen == NEW && cas_acquire(&once->word, &seen, RUNNING)) { /* R', 'if (seen == NEW && (store_relaxed(&once->word, RUNNING), true)) { /* R');
change('who queues does not look whether it still runs (Q)', 'if (load_relaxed(&once->word) != RUNNING) { /* Q', 'if (false) { /* Q');
change('a failure wakes nobody', 'pti_park_wake_all(waiters, status == PT_OK ? PTI_GO : PTI_RETRY);', 'if (status == PT_OK)\n        pti_park_wake_all(waiters, PTI_GO);');

// ---- Threads and carriers ----

part('join', 'src/thread.c', 'thread', 'scope', 'carrier');
drop('ended (E)', 'or_release(&thread->word, DONE); /* E');
drop('seen as ended (J)', 'return (load_acquire(&thread->word) & DONE) != 0; /* J');
change('the last reference is given up, without its order', 'if (sub_acq_rel(&thread->references, 1) == 1)', 'if (__atomic_fetch_sub(&thread->references, 1, __ATOMIC_RELAXED) == 1)');
change('who joins does not look whether the thread has ended (Q)', 'if (pt_thread_is_finished(thread)) { /* Q', 'if (false) { /* Q');
change('those who join are not woken', 'pti_park_unlock(queue);\n    pti_park_wake_all(waiters, PTI_GO);\n    drop_reference(thread);', 'pti_park_unlock(queue);\n    (void)waiters;\n    drop_reference(thread);');
change('a result is given to all who join (C)', 'if (cas_relaxed(&thread->word, &seen, seen | CLAIMED))\n            return true;', 'or_relaxed(&thread->word, CLAIMED);\n        return true;');
change('a detached thread keeps its port', 'if (claim(thread) && has_port(thread))\n        pti_port_thread_detach', 'if (claim(thread) && false)\n        pti_port_thread_detach');

part('carrier', 'src/carrier.c', 'carrier', 'scope');
change('one that is called tires all the same', 'bool tired = own->parked;', 'bool tired = true;');
change('one that is called while it tires ends', 'if (tire())\n            return NULL;', 'tire();\n        return NULL;');
change('called before it knows what for', 'carrier->thread = thread;\n    pt_event_set(&carrier->call);', 'pt_event_set(&carrier->call);\n    carrier->thread = thread;');
change('the list is changed without its lock', 'void pti_carrier_park(void)\n{\n    pti_short_lock(&parking_lock);', 'void pti_carrier_park(void)\n{\n#define pti_short_unlock(lock) (void)0');
change('dismissed before its port is read', '*port = carrier->port;\n    carrier->thread = NULL;\n    pt_event_set(&carrier->call);', 'carrier->thread = NULL;\n    pt_event_set(&carrier->call);\n    *port = carrier->port;');
change('joined and detached', '*joined = own->thread == NULL;', '*joined = false;');
change('more are parked than allowed', '&& parked_count < parking_most)', ')');
change('not taken out of the list when called', 'if (best != NULL)\n        take_out(best);', '');

part('carrier, joined', 'src/thread.c', 'carrier');
change('parks after it told the joiner', 'if (thread->carried)\n        pti_carrier_park();\n    finish(thread);', 'bool carried = thread->carried;\n    finish(thread);\n    if (carried)\n        pti_carrier_park();');

// ---- Timers ----

part('wheel', 'src/wheel.c', 'timer');
drop('what a function did is seen by who waits (F)', 'store_release(&running, NULL); /* F');
drop('who stops it sees what a function did (L)', 'return load_acquire(&running) ==');
change('who ends a timer does not wait for its function', 'bool runs = load_relaxed(&running) == timer;', 'bool runs = false;');
change('who waits for a function is not woken', 'pti_park_wake_all(waiters, PTI_GO);', '(void)waiters;');
change('a function does not run until it has ended', 'store_relaxed(&running, timer); /* R */', '(void)0; /* R */');
change('nobody ends what could not be waited for', 'if (ended != NULL)\n        ended(timer);', '');
change('who starts an earlier one wakes nobody', 'if (is_first)\n        pt_event_set(&changed);', '');
change('the thread does not say until when it sleeps', 'wake_at = next;', 'wake_at = 0;');
change('the last user wakes nobody', 'if (last)\n        pt_event_set(&changed);', '');
change('the thread says that it is there when it has gone (E)', 'serving = false; /* E */', '(void)0; /* E */');
change('a user counts after the thread has looked', 'users++; /* before the thread looks */', '(void)0;');
change('the thread is started twice (B)', 'serving = status == PT_OK; /* B */', 'serving = false; /* B */');
change('the thread and the last user both have its handle', 'joined = server;\n        server = NULL;', 'joined = server;');
change('a stopped timer stays in its slot', 'if (was != 0)\n        link_out(timer);', '');
change('a timer ticks early', '((uint64_t)at + (UINT64_C(1) << STEP_BITS) - 1) >> STEP_BITS', '(uint64_t)at >> STEP_BITS');
change('a slot in use is forgotten', 'if (slot->first == NULL && slot != &ready) {', 'if (slot != &ready) {');
change('the wheel goes by what comes next', 'if (step > to) {', 'if (step + 1 > to) {');
change('the wheel goes on to the time before its slot is empty', 'if (opened == NULL || opened->first == NULL) {', 'if (true) {');
change('a period drifts', 'at += (pt_time)missed * period;', 'at = now;');
change('what was missed is not counted', 'timer->number += missed;', '');
change('a start is tried though it has ticked', 'if (fresh && (timer->number != 0 || function_runs(timer))) {', 'if (false) {');
change('a start is tried while the function runs', '(timer->number != 0 || function_runs(timer))', '(timer->number != 0)');

part('timer', 'src/timer.c', 'timer');
change('a tick outlives its setting', '(was & PTI_TIMER_TICKED) != 0 &&', 'false &&');
change('a stop does not wait for the tick', '(was & PTI_TIMER_RUNS) != 0 && pti', 'false && pti');
change('a release does not stop it', 'pti_timer_stop(&timer->timer);\n    pti_timer_end', 'pti_timer_end');
change('each reference ends it', 'sub_acq_rel(&timer->references, 1) != 1) /* D', 'sub_acq_rel(&timer->references, 1) == 0) /* D');
change('a reset forgets the ticks of before', 'if (pt_timer_stop(timer) == PT_ERR_NOBLOCK)\n        return PT_ERR_NOBLOCK;\n    return', 'return');

part('deadline of a token', 'src/cancel.c', 'cancel');
change('two timers for a token', 'if (!first) {\n        pti_timers_leave();\n        return PT_OK;\n    }', '');
change('a token that is going is taken', 'if (try_retain(token)) {\n        pt_cancel_status(token);', 'pt_cancel_retain(token);\n    {\n        pt_cancel_status(token);');
change('its timer outlives it', 'pti_timer_stop(&token->timer);\n    pti_timer_end(&token->timer, free_timed);', 'free_timed(&token->timer);');
change('the deadline is told to nobody', 'pt_cancel_status(token);\n        pt_cancel_release(token);', 'pt_cancel_release(token);');

// ---- Futures ----

part('future', 'src/future.c', 'future');
change('two may end it', 'while ((seen & STATE) < most && !cas_relaxed(&future->word, &seen, (seen & ~(uint32_t)STATE) | to)) {\n    }', 'if ((seen & STATE) < most)\n        store_relaxed(&future->word, (seen & ~(uint32_t)STATE) | to);');
change('what has been asked is forgotten when it ends', '(seen & ~(uint32_t)STATE) | to)', 'to)');
change('it has ended before it is written how', 'add_relaxed(&future->word, state - ENDING); /* E */\n    pt_event_set(&future->ended);', 'pt_event_set(&future->ended);\n    add_relaxed(&future->word, state - ENDING);');
change('the token is made while nobody is told (T)', '(or_acq_rel(&future->word, TOKEN) & ASKED) != 0) /* T', 'false) /* T');
change('a cancel orders nothing (A)', 'or_acq_rel(&future->word, ASKED) & TOKEN', 'or_relaxed(&future->word, ASKED) & TOKEN');
change('two tokens are made', 'if (cas_release(&future->token, &seen, made))\n        return made;', '(void)seen;\n    store_release(&future->token, made);\n    return made;\n');
drop('a token is there', 'if (cas_release(&future->token, &seen, made))');
drop('a token is found', 'NULL : load_acquire(&future->token); /* pairs with make_token() */');
change('a reference is given back (D), without its order', 'sub_acq_rel(&future->references, 1) != 1) /* D', '__atomic_fetch_sub(&future->references, 1, __ATOMIC_RELAXED) != 1) /* D');
change('a result that somebody got is destroyed', '(future->word & (STATE | GOT)) == DONE', '(future->word & STATE) == DONE');

part('hook', 'src/hook.c', 'future', 'channel');
change('who takes a hook back does not wait for it', 'return is_within(hook) ? PT_ERR_INVALID : wait_for_end(hook);', 'return PT_ERR_INVALID;');
change('a thread that has called a hook is within it for ever', 'running = here.outer;', '');
change('who waits for a hook is not woken', 'pti_park_wake_all(removers, PTI_RETRY);', '(void)removers;');
change('a hook keeps its object', 'pass_on(kind, object);\n    kind->leave(object);', 'pass_on(kind, object);');
change('a hook is called where it was added too', 'if (!kind->join(object, &own->waiter))\n        run(hook);', 'kind->join(object, &own->waiter);\n    run(hook);');

// ---- Pools ----

part('wake', 'src/pool/wake.c', 'pool_model:sleep', 'pool', 'pool_memory', 'parallel');
change('who has a job does not look whether somebody sleeps', 'uint64_t seen = load_agreed(&pool->word); /* R */', 'if (pool->size > 0)\n        return;\n    uint64_t seen = load_agreed(&pool->word); /* R */');
change('who posts makes no fence (F)', '__atomic_thread_fence(__ATOMIC_SEQ_CST); /* F */', '');
change('who rests does not look again (L)', 'if (pti_worker_sees(pool)) /* L */', 'if (false) /* L */');
change('who looks again makes no fence', 'static void look(pt_pool *pool, uint64_t word)\n{\n    __atomic_thread_fence(__ATOMIC_SEQ_CST);', 'static void look(pt_pool *pool, uint64_t word)\n{');
change('who leaves off searching does not look again', 'if (awake < 0 || searching < 0)', 'if (awake < 0)');
change('who goes to rest or waits does not look again', 'if (awake < 0 || searching < 0)', 'if (searching < 0)');
change('one is woken though enough are awake', 'if (pti_wake_count(seen, PTI_SEARCHING) != 0 || pti_wake_count(seen, PTI_AWAKE) >= load_relaxed(&pool->size))', 'if (pti_wake_count(seen, PTI_SEARCHING) != 0)');
change('one who is woken still counts as resting', 'seen + ONE[PTI_AWAKE] + ONE[PTI_SEARCHING] - (rests ? ONE[PTI_RESTING] : 0)', 'seen + ONE[PTI_AWAKE] + ONE[PTI_SEARCHING]');
change('a thread that cannot be had counts as awake for ever', 'pti_wake_change(pool, -1, -1, 0, 0); /* somebody', '(void)0; /* somebody');
change('the pool ends while somebody waits in a job', 'else if (pti_wake_count(word, PTI_AWAKE) == 0 && pti_wake_count(word, PTI_WAITING) == 0)', 'else if (pti_wake_count(word, PTI_AWAKE) == 0)');
change('the pool does not end', 'pti_pool_finish(pool);\n}', '(void)0;\n}');
change('who searches is not counted', 'cas_agreed(&pool->word, &seen, seen + ONE[PTI_SEARCHING])', 'cas_agreed(&pool->word, &seen, seen)');

part('jobs', 'src/pool/jobs.c', 'pool_model:ring', 'pool', 'parallel');
change('a ring is written over', 'if (tail - load_acquire(&ring->head) == PTI_RING) /* S */', 'if (false) /* S */');
change('two take the same job', 'if (cas_acq_rel(&ring->head, &head, head + 1)) /* H */\n            return true;', 'store_release(&ring->head, head + 1);\n        return true;');
drop('who takes a job sees the end of the ring (T)', 'while (head < load_acquire(&ring->tail)) { /* T */');
change('a job is announced before it is written (P)', 'write_job(&ring->jobs[tail % PTI_RING], job);\n    store_agreed(&ring->tail, tail + 1); /* P */', 'store_agreed(&ring->tail, tail + 1); /* P */\n    write_job(&ring->jobs[tail % PTI_RING], job);');
change('a job is announced without its order (P)', 'store_agreed(&ring->tail, tail + 1); /* P */', 'store_relaxed(&ring->tail, tail + 1); /* P */');
change('who posts inside wakes nobody', 'if (priority == PT_JOB_NORMAL && put(member, job)) {\n        pti_wake_somebody(pool);', 'if (priority == PT_JOB_NORMAL && put(member, job)) {');
change('a queue that was used is not looked at', 'or_relaxed(&pool->used, 1u << queue);', '(void)pool;');
change('low ones do not age', 'turn % 16 == 0 ? PT_JOB_LOW', 'turn % 16 == 0 ? PT_JOB_HIGH');

part('fork', 'src/pool/fork.c', 'pool_model:stack', 'parallel');
change('forks are not shared', 'add_agreed(&member->shared, (uint64_t)count << 32); /* P', '(void)count; /* P');
change('forks are shared before they are ready', 'for (pti_fork *fork = member->forks.own; fork < bound; fork++)\n        store_relaxed(&fork->state, 0);', '');
change('a fork is taken without its order (T)', 'if (cas_acq_rel(&victim->shared, &seen, seen + 1)) /* T', 'if (cas_relaxed(&victim->shared, &seen, seen + 1)) /* T');
change('two take the same fork', 'if (cas_acq_rel(&victim->shared, &seen, seen + 1)) /* T: pairs with P */\n            return', 'store_relaxed(&victim->shared, seen + 1);\n        return');
change('a fork is had back that another takes (B)', 'if (cas_acquire(&member->shared, &seen, both(taken_of(seen), bound))) { /* B */', 'store_relaxed(&member->shared, both(taken_of(seen), bound));\n        {');
change('what was done is not seen (D)', '__atomic_exchange_n(&fork->state, DONE, __ATOMIC_ACQ_REL); /* D', '__atomic_exchange_n(&fork->state, DONE, __ATOMIC_RELAXED); /* D');
drop('who waits sees that it is done (J)', 'uint32_t seen = load_acquire(&fork->state); /* J: pairs with D */');
change('who sleeps for a fork is not woken', 'pt_wake_word(&fork->state, 1);', '(void)before;');
change('who sleeps for a fork does not say so (W)', 'uint32_t waited = seen | WAITED;', 'uint32_t waited = seen;');
change('who waits does not see that it is done', 'if ((seen & DONE) != 0)\n            return;', 'if ((seen & DONE) != 0 || (seen & RUNNING) == 0)\n            return;');
change('who waits does not look again what it took', 'bool is_part = (load_acquire(&fork->state) & DONE) == 0; /* J */', 'bool is_part = true; /* J */');
change('a full stack is filled further', 'if (index == PT_FORKS) {\n        worker->top--;\n        return false;\n    }', '');
change('what was forgotten is not joined', 'join_down_to(member, member->stack);', '(void)member;');
change('a group joins but one', 'join_down_to(member, member->stack + group->base);', 'join_down_to(member, member->stack + group->base + 1);');
change('a demand is not met', 'share(member, member->forks.own + (count + 1) / 2);', '(void)count;');
change('what was taken stays on the stack (E)', 'store_relaxed(&member->shared, both(index, index)); /* E */', '(void)index;');

part('worker', 'src/pool/worker.c', 'pool', 'parallel');
change('who rests is not in the list', 'pool->resting = member;\n    pti_short_unlock', 'pti_short_unlock');
change('a dropping pool runs its jobs', 'if (pti_pool_is_dropping(member->pool) && job.function != pti_fork_run_taken) {', 'if (false) {');
change('more are awake than may be', 'bool found = (searches || !pti_wake_too_many(member->pool)) && find(', 'bool found = find(');
change('rings of others are not looked at', 'pti_fork_steal(victim, job) || pti_jobs_take_from(victim, job)', 'pti_fork_steal(victim, job)');
change('a job does not know that it is one', 'member->inside = true;', 'member->inside = false;');

part('wait', 'src/pool/wait.c', 'pool', 'parallel');
change('who waits counts as awake', 'pti_wake_change(member->pool, -1, 0, 0, 1);', '');
change('who waits keeps its forks to itself', 'pti_fork_share_all(member);', '');
change('who waited does not count as awake', 'pti_wake_change(member->pool, 1, 0, 0, -1);', ';');
change('nested waits are counted twice', 'member->waits++ != 0)', 'member->waits++ > 1)');

part('wait, refused', 'src/pool/wait.c', 'pool_memory');
change('who waits does not ask for a thread that was refused', 'if (was_refused(pool))\n        pti_wake_look(pool);', '');

part('slab', 'src/slab.c', 'slab');
change('a magazine is in the depot and still the thread\'s', '*magazine = (pti_magazine){NULL, 0};', 'magazine->count = 0;');
change('the depots have no lock for who puts', 'pti_short_lock(&depots);\n    bool kept', 'bool kept');
change('who takes a magazine leaves it there', 'slab->full = first->next_magazine;', '');
change('a depot keeps all', 'slab->count < PTI_SLAB_MAGAZINES', 'true');
change('who ends keeps its own', 'put(cache->slab, &cache->previous);', '');
change('who ends leaves what is loaded', 'put(cache->slab, &cache->loaded);\n            ', '');

part('pool', 'src/pool/pool.c', 'pool', 'joint');
change('a pool that closes looks at nothing', 'pti_wake_look(pool);\n}\n\nvoid pti_pool_finish', '}\n\nvoid pti_pool_finish');
change('a pool that closes takes jobs from outside', 'pt_channel_close(pool->queues[i]);', '(void)i;');
change('an open pool ends', 'if (load_agreed(&pool->closing) == OPEN)\n        return;', '');
change('a pool that cancels does not drop what is queued', 'pti_worker_drop_all(pool);', '');
change('a pool that cancels tells nobody', 'pt_cancel_request(pool->stop, "the pool is shut down");', '');
change('nobody hears of the end', 'pt_event_set(&pool->ended);', '');
change('a reference is given back without its order', 'sub_acq_rel(&pool->references, 1) == 1', '__atomic_fetch_sub(&pool->references, 1, __ATOMIC_RELAXED) == 1');
change('delayed jobs stay', 'pti_task_drop_delayed(pool);', '');

part('guest', 'src/pool/guest.c', 'parallel');
change('a guest leaves without a word', 'pti_wake_change(pool, -1, 0, 0, 0);\n    pti_pool_drop_reference(pool);', 'pti_pool_drop_reference(pool);');
change('a guest comes to a pool that closes', 'if (pti_pool_is_closing(pool)) {', 'if (false) {');
change('a guest forgets who it was', 'pti_worker_self = before;', 'pti_worker_self = NULL;');
change('a guest leaves its forks', 'pti_fork_join_all(member);\n    leave', 'leave');

part('task', 'src/pool/task.c', 'pool', 'joint');
change('a job that is helped runs twice', 'if (pt_future_start(future) != PT_OK)\n        return;', '(void)!pt_future_start(future);');
change('a result that comes too late is lost', 'pti_future_lose(future, result);', '(void)result;');
change('who waits for its own pool helps nobody', 'begin_and_run(member, future);\n}\n\npt_cancel', '(void)member;\n}\n\npt_cancel');
change('a dropped job leaves its future', 'pt_future_abort(future);\n    pt_future_release(future);', 'pt_future_release(future);');

part('joint', 'src/pool/joint.c', 'joint');
change('a joint counts without order (C)', 'if (sub_acq_rel(&joint->left, 1) != 1) /* C */', 'if (__atomic_fetch_sub(&joint->left, 1, __ATOMIC_RELAXED) != 1) /* C */');
change('who makes a joint does not count', 'joint->left = (uint32_t)count + 1;', 'joint->left = (uint32_t)count + (count == 0);');
change('one that has ended already is waited for', 'if (!pti_event_join(&entry->future->ended, &entry->waiter))\n            one_has_ended(&entry->waiter);', '(void)pti_event_join(&entry->future->ended, &entry->waiter);');
change('what comes after failure runs', 'if (failed != NULL)\n        end_alike(joint->out, failed);\n    else\n        submit_out(joint);', '(void)failed;\n    submit_out(joint);');
change('the first result is given away twice', 'if (pt_future_get_state(future) != PT_FUTURE_DONE || pt_future_start(out) != PT_OK)', 'if (pt_future_get_state(future) != PT_FUTURE_DONE)');

// ---- Channels ----

part('gate', 'src/channel/gate.c', 'channel', 'select');
change('who waits makes no fence (F)', 'pti_port_fence_all(); /* F */', '(void)0; /* F */');
change('who waits is not counted (E)', '__atomic_fetch_add(&channel->waiting, ONE[end], __ATOMIC_ACQ_REL); /* E */', '(void)ONE; /* E */');
change('who waits does not look again (J)', 'if (!may) /* J */', 'may = false;\n    if (!may) /* J */');
change('two are awake at an end, and one is forgotten (W)', 'or_relaxed(&channel->waiting, AWAKE[end]); /* W */', 'or_relaxed(&channel->waiting, AWAKE[end] | AWAKE[!end]); /* W */');
change('who is awake stays so (A)', '__atomic_fetch_and(&channel->waiting, ~AWAKE[end], __ATOMIC_ACQ_REL)', '__atomic_fetch_and(&channel->waiting, UINT64_MAX, __ATOMIC_ACQ_REL)');
change('who has tried looks for nobody (A)', 'if (!channel->kind->hands_over && wants_wake(waiting, end))', 'if (false)');
change('who has tried orders nothing (A)', '~AWAKE[end], __ATOMIC_ACQ_REL)', '~AWAKE[end], __ATOMIC_RELAXED)');
change('who sees somebody awake orders nothing (R2)', '__atomic_fetch_add(&channel->waiting, 0, __ATOMIC_ACQ_REL); /* R2 */', '__atomic_fetch_add(&channel->waiting, 0, __ATOMIC_RELAXED); /* R2 */');
change('nobody is woken at the other end', 'if (wants_wake(waiting, !end))', 'if (false)');
change('nobody is woken at the same end', 'if (wants_wake(waiting, end))\n        wake_next', 'if (false)\n        wake_next');
change('a rendezvous locks one queue to look', 'channel->kind->hands_over ? pti_gate_key(channel, !end) : key', 'key');
change('a hook is not told of a sender that waits', 'if (!may && end == PTI_SENDERS && channel->kind->hands_over)', 'if (false)');
change('a close wakes one', 'while ((*tail = take(queue, key)) != NULL)', 'if ((*tail = take(queue, key)) != NULL)');

part('gate', 'src/channel/gate.c', 'gate:test_who_is_awake_sees_what_it_kept_others_from_telling');
change('of two changes neither sees the other', 'wants_wake(read_again(channel), end)', 'wants_wake(load_relaxed(&channel->waiting), end)');

part('gate', 'src/channel/gate.c', 'gate:test_who_takes_the_last_tells_of_the_end');
change('a receiver looks for the next without the lock', 'bool joint = end == PTI_RECEIVERS;', 'bool joint = false;');

part('broadcast, full', 'src/channel/broadcast.c', 'gate:test_of_two_who_make_room_one_sees_both');
change('who looks for room does not order itself after others who do', 'pti_short_lock(&broadcast->list);\n    for (size_t i = 0; i < broadcast->count; i++) /* all,', 'for (size_t i = 0; i < broadcast->count; i++) /* all,');
change('a look ends at the first who has no room', 'all &= broadcast->subscribers[i]->kind->may_send(broadcast->subscribers[i], NULL);', 'all = all && broadcast->subscribers[i]->kind->may_send(broadcast->subscribers[i], NULL);');

part('ring', 'src/channel/ring.c', 'channel', 'select');
drop('a slot is given (S2)', 'store_release(&slot->stamp, at + 1); /* S2');
drop('a slot is given back (R2)', 'store_release(&slot->stamp, at + ring->lap); /* R2');
drop('a slot is taken', 'if (load_acquire(&slot_at(ring, at)->stamp) != at + ahead)');
change('a slot is given before its value is there', 'pti_copy_value(slot->value, values + i * channel->value_size, channel->value_size);\n        store_release(&slot->stamp, at + 1); /* S2: pairs with count_ready() */', 'store_release(&slot->stamp, at + 1); /* S2 */\n        pti_copy_value(slot->value, values + i * channel->value_size, channel->value_size);');
change('closed and empty is said while a value is on its way', 'return load_relaxed(&ring->tail) == (head | CLOSED) ? PT_ERR_CLOSED', 'return (load_relaxed(&ring->tail) & (head | CLOSED)) >= CLOSED ? PT_ERR_CLOSED');
change('a batch wraps one too early', 'return index < ring->channel.capacity ? lap + index', 'return index <= ring->channel.capacity ? lap + index');

part('ring, counted', 'src/channel/ring.c', 'channel_model:ring_of_2.sl-sl-r');
drop('a slot is taken (S1, R1)', 'if (n > 0 && cas_release(end, &seen, after(ring, seen, n))) { /* S1, R1 */');
change('the tail is not read twice', '} while (seen != tail);', '} while (false);');

part('ring, at its end', 'src/channel/ring.c', 'channel_model:ring_of_2.tr-us-c');
drop('who took the last is seen', 'uint64_t head = load_acquire(&ring->head); /* pairs with R1');

part('oneshot', 'src/channel/ring.c', 'channel_model:oneshot.s');
change('it carries two', 'if (!cas_relaxed(&ring->tail, &at, after(ring, 0, 1))) /* O */', 'if (load_relaxed(&ring->tail) != at || (store_relaxed(&ring->tail, after(ring, 0, 1)), false)) /* O */');
change('it is given before its value is there', 'pti_copy_value(slot_at(ring, 0)->value, value, channel->value_size);\n    store_release(&slot_at(ring, 0)->stamp, 1); /* S2: pairs with count_ready() */', 'store_release(&slot_at(ring, 0)->stamp, 1); /* S2 */\n    pti_copy_value(slot_at(ring, 0)->value, value, channel->value_size);');

part('one to one, counted', 'src/channel/spsc.c', 'channel_model:pair_of_2.ss-rr-l');
change('the tail is not read twice', '} while (seen != tail);', '} while (false);');

part('unbounded, counted', 'src/channel/list.c', 'channel_model:unbounded.ss-rr-l', 'channel_model:unbounded.sl-sl-r');
change('who counts does not lock', 'pti_short_lock(&list->receiving); /* so', '/* so');

part('unbounded, block by block', 'src/channel/list.c', 'channel_model:unbounded_at');
change('the next block comes after the value', 'store_release(&list->tail_block, fresh);\n        __atomic_fetch_add(&list->tail, 1, __ATOMIC_RELEASE);', '__atomic_fetch_add(&list->tail, 1, __ATOMIC_RELEASE);\n        store_release(&list->tail_block, fresh);');

part('priority', 'src/channel/heap.c', 'channel_model:priority');
change('equal ones come out the other way round', 'return a->number < b->number &&', 'return a->number > b->number &&');
change('the end is said while there is something', 'if (heap->count == 0) {\n        bool closed = heap->closed;', 'if (heap->count == 0 || heap->closed) {\n        bool closed = heap->closed;');

part('one to one, at its end', 'src/channel/spsc.c', 'channel_model:pair');
change('the end is looked for after the values', 'bool closed = load_acquire(&spsc->channel.closed) != 0; /* pairs with closing, before the last look */\n    spsc->tail_seen = load_acquire(&spsc->tail);            /* pairs with S */', 'spsc->tail_seen = load_acquire(&spsc->tail);\n    bool closed = load_acquire(&spsc->channel.closed) != 0;');

part('one to one', 'src/channel/spsc.c', 'channel');
drop('values are given (S)', 'store_release(&spsc->tail, spsc->tail + n); /* S');
drop('room is given back (R)', 'store_release(&spsc->head, spsc->head + n); /* R');
drop('room is seen', 'spsc->head_seen = load_acquire(&spsc->head);');
drop('values are seen', 'spsc->tail_seen = load_acquire(&spsc->tail);');
drop('the end is seen', 'bool closed = load_acquire(&spsc->channel.closed) != 0;');

part('one to one, block by block', 'src/channel/spsc.c', 'channel:test_blocks_are_used_again');
change('a block to be used again is taken without order', 'swap_acquire(&spsc->spare, NULL); /* pairs', '__atomic_exchange_n(&spsc->spare, NULL, __ATOMIC_RELAXED); /* pairs');
change('a block is put by without order', '__atomic_exchange_n(&spsc->spare, left, __ATOMIC_ACQ_REL)', '__atomic_exchange_n(&spsc->spare, left, __ATOMIC_RELAXED)');
change('a block is put by before its last value is read', 'struct block *left = spsc->out.block;', 'struct block *left = spsc->out.index + 1 == spsc->block_capacity ? NULL : spsc->out.block;\n    if (left == NULL) {\n        char *last = step(spsc, &spsc->out);\n        pti_free(__atomic_exchange_n(&spsc->spare, spsc->out.block, __ATOMIC_ACQ_REL));\n        return last;\n    }');
change('a block is taken and left', 'block = swap_acquire(&spsc->spare, NULL); /* pairs', 'block = load_acquire(&spsc->spare); /* pairs');
change('the next block is told after its values', 'spsc->in.block->next = block;\n    return block != NULL;', '(void)!block;\n    spsc->in.block->next = spsc->in.block;\n    return true;');

part('unbounded', 'src/channel/list.c', 'channel');
drop('a value is there (S2)', 'store_release(&slot->written, 1); /* S2');
drop('a value is seen', 'return load_acquire(&slot_at(list, list->head_block, list->head % (SLOTS + 1))->written)');

part('unbounded, put by', 'src/channel/list.c', 'channel_memory:test_a_block_that_is_put_back_leaves_others_alone');
change('a block that is used again leads to those it was put by with', 'block->next = NULL; /* it', '/* it');

part('broadcast, without memory', 'src/channel/broadcast.c', 'channel_memory:test_a_broadcast_is_sent_to_all_or_to_none');
change('who has no memory gets nothing', 'reserve(broadcast) ? make_copies', 'true ? make_copies');

// (That a select does not meet itself is not among them: without that line it looks again and again, and sleeps never.)
part('rendezvous', 'src/channel/rendezvous.c', 'channel', 'select');
change('a partner is taken that another select has', 'if (pti_park_claim(waiter))\n            break;', 'break;');

part('rendezvous, closed', 'src/channel/rendezvous.c', 'channel_model:rendezvous.S-c-R', 'channel_model:rendezvous.sc');
change('who joins does not look whether it is closed', 'return is_closed(channel) || partner(channel, PTI_SENDERS, of) != NULL;', 'return partner(channel, PTI_SENDERS, of) != NULL;');

part('broadcast, modelled', 'src/channel/broadcast.c', 'channel_model:broadcast');
change('who has no room holds nobody up', 'all &= broadcast', 'all |= broadcast');

part('broadcast', 'src/channel/broadcast.c', 'channel');
change('nobody is told that a subscriber has room', 'pti_gate_look(channel, PTI_SENDERS);', '');
change('a send does not wait its turn', 'lock(broadcast);\n    pt_status status = send_to_all(broadcast, value);\n    pt_mutex_unlock(&broadcast->sending);', 'pt_status status = send_to_all(broadcast, value);');

part('select', 'src/channel/select.c', 'select');
change('what was woken is not tried first', 'if (message != PTI_GAVE_UP && try_woken(cases, woken, message, fired))', 'if (message != PTI_GAVE_UP && (try_woken(cases, woken, PTI_GO, fired)))');
change('what is handed over is done again', 'if (message == PTI_HANDED) {', 'if (false) {');
change('others are left in their queues', 'if (joined)\n            pti_gate_take_out(what->object, end_of(what), &arm->waiter);', '');
change('it sleeps though there is something to do', '*stopped = joined < count;', '*stopped = false;');

part('channel', 'src/channel/channel.c', 'channel', 'select');
drop('closed', 'or_release(&channel->closed, bits);');
change('nobody is told of the end', 'pti_gate_wake_all(channel, PTI_RECEIVERS);', '');
change('a wake is not settled', 'if (message == PTI_RETRY)\n        pti_gate_settle(channel, end);', '');

part('parking lot, select', 'src/park.c', 'select');
change('a claim is made twice (C)', 'if (cas_relaxed(&sleeper->word, &seen, CLAIMED)) { /* C */', 'if (seen < MESSAGE) {');
change('who gives up overrules a claim (Z)', 'while (seen < CLAIMED) {\n            if (cas_relaxed(&waiter->word, &seen, PTI_GAVE_UP)) /* Z */', 'while (seen < MESSAGE) {\n            if (cas_relaxed(&waiter->word, &seen, PTI_GAVE_UP)) /* Z */');

// ---- Messages ----

part('shared bytes', 'src/message/shared.c', 'shared');
change('a value is given back (D), without its order', 'sub_acq_rel(&block->holders, 1) == 1) /* D', '__atomic_fetch_sub(&block->holders, 1, __ATOMIC_RELAXED) == 1) /* D');
change('a value is given back (D), and nothing acquired', 'sub_acq_rel(&block->holders, 1) == 1) /* D', '__atomic_fetch_sub(&block->holders, 1, __ATOMIC_RELEASE) == 1) /* D');
change('a value is given back (D), and nothing released', 'sub_acq_rel(&block->holders, 1) == 1) /* D', '__atomic_fetch_sub(&block->holders, 1, __ATOMIC_ACQUIRE) == 1) /* D');
drop('the only value is seen to be so (U)', 'load_acquire(&shared->block->holders) == 1; /* U');
change('a value is not counted', 'add_relaxed(&shared->block->holders, 1); /* R */', 'load_relaxed(&shared->block->holders); /* R */');
change('a value is counted in two steps', 'add_relaxed(&shared->block->holders, 1); /* R */', 'load_relaxed(&shared->block->holders); /* R */\n        store_relaxed(&shared->block->holders, before + 1);');
change('the last but one frees', 'sub_acq_rel(&block->holders, 1) == 1) /* D', 'sub_acq_rel(&block->holders, 1) <= 2) /* D');
change('what others hold is written in its place', 'if (!pt_shared_is_unique(shared)) {', 'if (shared->block == NULL) {');
change('a broadcast makes no value of its own', 'shared = pt_shared_retain(&shared);\n    memcpy(to', 'memcpy(to');

export const mutants = all;
