/* word.c: waiting on a word of the user's, in the parking lot's queue for its address.

   The word is the user's to write, with atomic operations; here it is only read:

     C   reads the word   a waiter, before, and once more under the queue's lock, joining the queue      acquire

   Pairs         C with the user's release that changed the word, if there was one. For those who are woken:
                 pti_park_wake() and pti_park_sleep().
   No lost wake  The check and the joining are one step under the queue's lock, which every waker takes, after it has
                 changed the word. If it takes the lock later than the waiter, it finds the waiter in the queue; if
                 earlier, the lock makes the waiter's check see the change, however relaxed the store was.
   Kinds         The library's own objects have queues for their addresses too. A waker takes out only who waits for a
                 word: the memory of the word may be gone when pt_wake_word() is called, and be a mutex now.
   Lifetime      The waker never reads the word; a waiter that was woken does not either. */
#include "atomic.h"
#include "park.h"

#include <pt_atomic.h>

static const char WHAT[] = "word";

pt_status pt_wait_word(const uint32_t *word, uint32_t expected, pt_until until)
{
    pti_waiter waiter;
    if (load_acquire(word) != expected) /* C */
        return PT_OK;
    pt_status may_wait = pti_park_may_wait(until);
    if (may_wait != PT_OK)
        return may_wait;

    pti_park_prepare(&waiter, WHAT);
    pti_queue *queue = pti_park_lock(word);
    if (load_acquire(word) != expected) { /* C */
        pti_park_unlock(queue);
        return PT_OK;
    }
    pti_park_join(queue, &waiter, word);
    pti_park_unlock(queue);

    if (pti_park_sleep(&waiter, until, true) == PTI_GO)
        return PT_OK;
    pti_park_unlock(queue);
    return pti_park_why(until);
}

uint32_t pt_wake_word(const uint32_t *word, uint32_t most)
{
    pti_waiter *woken = NULL, **end = &woken, *first;
    uint32_t count = 0;
    pti_queue *queue = pti_park_lock(word);
    while (count < most && (first = pti_park_first(queue, word)) != NULL && first->what == WHAT) {
        *end = pti_park_take(queue, word);
        end = &first->next;
        count++;
    }
    *end = NULL;
    pti_park_unlock(queue);
    pti_park_wake_all(woken, PTI_GO);
    return count;
}
