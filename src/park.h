/* park.h: the parking lot: every wait and every wake of the library. See park.c for how it works.

   How an object uses it, written out each time so that it reads from top to bottom:

     to wait                                          to wake
       pti_park_prepare(&w, "mutex");                   q = pti_park_lock(object);
       q = pti_park_lock(object);                       change the object;
       if (object need not wait any more)               w = pti_park_take(q, object);
           { pti_park_unlock(q); go on; }               pti_park_unlock(q);
       say in the object that somebody waits;           if (w)
       pti_park_join(q, &w, object);                        pti_park_wake(w, PTI_GO);
       pti_park_unlock(q);
       message = pti_park_sleep(&w, until, true);

   The check and the joining are one step under the queue's lock, as are the change and the taking. So no
   wake is lost, and nobody is woken who was not waited for. */
#ifndef PTI_PARK_H
#define PTI_PARK_H

#include <pt_base.h>

/* A lock on the queues of some keys. */
typedef struct pti_queue pti_queue;

/* Somebody who waits; lives on the waiting thread's stack for the time of one wait. */
typedef struct pti_waiter {
    uint32_t word;                      /* WAITING, SLEEPING, POKED, CLAIMED, then the message; states in park.c */
    bool queued;                        /* the rest is under the queue's lock: still in a queue */
    bool moved;                         /* pti_park_move() moved it: its deadline counts no more */
    const void *key;                    /* what it waits for */
    struct pti_waiter *next, *previous; /* in the queue of its key */
    struct pti_waiter *chain, *last;    /* a queue's first only: the bucket's next queue; this queue's last */
    uint64_t ticket;                    /* later comers to the queue have higher ones */
    pt_time since;                      /* when it joined, or was moved to, this queue */
    void *with;                         /* the object's own use; a condition keeps the mutex here */
    const char *what;                   /* "mutex", for pt_dump_waits() */
    uint64_t thread;                    /* pt_thread_id() of who waits */
    struct pti_waiter *(*serve)(pti_queue *queue, const void *key); /* see pti_park_owe(); NULL for most */
    struct pti_waiter *sleeper; /* whose word is slept on: this one, but for one of several of a select */
    struct pti_waiter *fired;   /* the sleeper's: which of them was claimed */
    void (*call)(struct pti_waiter *waiter); /* instead of waking a thread; NULL for most */
} pti_waiter;

/* What a waiter is told when it is woken. The numbers' meaning is up to the object. */
enum pti_message {
    PTI_GO = 4, /* what you waited for has come about */
    PTI_RETRY,  /* look again */
    PTI_HANDED, /* you own the lock now */
    PTI_GAVE_UP /* never sent: the answer of pti_park_sleep() when the deadline passes or the token is cancelled */
};

/* Whether a caller that would have to wait may do so at all.
   Returns   PT_OK, PT_ERR_NOBLOCK on a thread that may not wait, PT_ERR_TIMEOUT for a deadline that has
             passed already, PT_ERR_CANCELLED for a token that is cancelled already */
pt_status pti_park_may_wait(pt_until until);

/* After PTI_GAVE_UP: PT_ERR_CANCELLED or PT_ERR_TIMEOUT. */
pt_status pti_park_why(pt_until until);

/* A lock on the queues of some keys, this one among them. To be held for a few instructions, with no call
   in between but those below. Does not sleep on a thread that may not block: there it spins. */
pti_queue *pti_park_lock(const void *key);
void pti_park_unlock(pti_queue *queue);

/* Unlock after a waiter left key's queue; if that is empty now, first clear the bit in the object's word that
   says otherwise. */
void pti_park_unlock_left(pti_queue *queue, const void *key, uint32_t *word, uint32_t bit);

/* Both locks, in an order that all agree on; the two may be the same. */
typedef struct pti_queue_pair {
    pti_queue *first, *second;
} pti_queue_pair;
pti_queue_pair pti_park_lock_pair(const void *first_key, const void *second_key);
void pti_park_unlock_pair(pti_queue_pair pair);

/* Make a waiter of the calling thread; what names the kind of object. */
void pti_park_prepare(pti_waiter *waiter, const char *what);

/* Under the queue's lock: join key's queue at its end, or in front. */
void pti_park_join(pti_queue *queue, pti_waiter *waiter, const void *key);
void pti_park_join_front(pti_queue *queue, pti_waiter *waiter, const void *key);

/* Under the queue's lock: key's first waiter, or NULL; left there, or taken out. Whoever takes one out must
   wake it. */
pti_waiter *pti_park_first(pti_queue *queue, const void *key);
pti_waiter *pti_park_take(pti_queue *queue, const void *key);

/* Under the queue's lock, of one that was taken out: whether it may be woken, and will wait for that. True but for one of
   several of a select, another of which was quicker, or which gave up: such a one is not to be touched again. */
bool pti_park_claim(pti_waiter *waiter);

/* The queue that a key is in, without locking it. */
pti_queue *pti_park_queue(const void *key);

/* Under the queue's lock: take this one out, if it is still in. */
void pti_park_take_out(pti_queue *queue, pti_waiter *waiter);

/* Under the queue's lock: take all of key's waiters out, linked by next; and, under no lock, wake them. */
pti_waiter *pti_park_take_all(pti_queue *queue, const void *key);
void pti_park_wake_all(pti_waiter *first, enum pti_message message);

/* Under the queue's lock: the ticket of the next waiter to join. */
uint64_t pti_park_next_ticket(const pti_queue *queue);

/* Under the queue's lock: true at most once in each interval. */
bool pti_park_fair_turn(pti_queue *queue, pt_time now, pt_time interval);

/* Under both locks: move the first waiter of one key to the end of another's queue. It must wait for that
   one now, and its deadline counts no more. */
void pti_park_move(pti_queue *from, const void *from_key, pti_queue *to, const void *to_key, const char *what,
                   pt_time now);

/* Let a waiter that was taken out go on. It may be gone when this returns. Not under a queue's lock, since
   it may call the system. */
void pti_park_wake(pti_waiter *waiter, enum pti_message message);

/* Sleep until woken, and return the message. When the deadline passes or the token is cancelled first, the answer is
   PTI_GAVE_UP, the waiter is out of the queue that it joined, and that queue is LOCKED again: the caller puts its object
   right and unlocks. spin: look for the message for a few microseconds before falling asleep. */
enum pti_message pti_park_sleep(pti_waiter *waiter, pt_until until, bool spin);

/* Sleep until woken by pti_park_try_wake(), and return its message. If the call gives up first the answer is PTI_GAVE_UP,
   and the waiter is still in its queue, for its own thread to take out: for objects that look at their queue under a
   lock of their own. */
enum pti_message pti_park_sleep_in_place(pti_waiter *waiter, pt_until until);

/* Let such a waiter go on; it may be gone when this returns. False if it gave up first. */
bool pti_park_try_wake(pti_waiter *waiter, enum pti_message message);

/* For cancel.c. Tell a waiter, by its word, to give up if it can; true if it sleeps: then wake it, under no lock. The
   waiter must be there for the first of the two. */
bool pti_park_poke(uint32_t *word);
void pti_park_wake_poked(const uint32_t *word);

/* One round of looking again before sleeping, for objects that spin on their own word: round counts from 0. There are so many
   rounds of `pauses` each, then so many that yield the processor; false when they are used up. */
bool pti_park_look_again(unsigned round, unsigned spins, unsigned pauses, unsigned yields);

/* The same for so many rounds of one pause as the target deems right. */
bool pti_park_spin(unsigned round);

/* Copy what, key, since and thread of every waiter, up to most; returns how many there are in all. */
size_t pti_park_snapshot(pti_waiter *copies, size_t most);

/* For calls that signal handlers may make. A handler may have interrupted its thread under a queue's lock: then
   may_lock is false, and the object says in its word what is to be done and calls owe(). Once the thread is out of the
   lot, it locks key's queue and calls `serve` of the first waiter, which brings the queue up to date with the word and
   returns whom to wake with PTI_GO, linked by next. */
bool pti_park_may_lock(void);
void pti_park_owe(const void *key);

/* Around a fork: no thread is under a queue's lock, and the child has empty queues. */
void pti_park_before_fork(void);
void pti_park_after_fork(bool child);

/* The lock under a queue, for other internal state that is held for a few instructions only. */
void pti_short_lock(uint32_t *word);
void pti_short_unlock(uint32_t *word);

#endif
