/* cancel.h: what the parking lot needs of cancel tokens. */
#ifndef PTI_CANCEL_H
#define PTI_CANCEL_H

#include <pt_cancel.h>

/* One sleeping thread in a token's list; lives on that thread's stack. Under the tree's lock but for token. */
typedef struct pti_cancel_link {
    pt_cancel *token;
    uint32_t *word; /* the waiter's */
    struct pti_cancel_link *next, **to_here;
} pti_cancel_link;

/* Have pti_park_poke(word) called when the token is cancelled; false, and nothing is done, if it is already. */
bool pti_cancel_link_in(pti_cancel_link *link, pt_cancel *token, uint32_t *word);

/* No poke comes after this returns. */
void pti_cancel_link_out(pti_cancel_link *link);

/* As pt_cancel_status(), but runs no hooks. */
pt_status pti_cancel_peek(const pt_cancel *token);

/* The token's deadline: its own or one above it, whichever is first. */
pt_time pti_cancel_deadline(const pt_cancel *token);

#endif
