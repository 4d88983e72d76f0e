/* loop.h: what loops have in common. */
#ifndef PTI_POOL_LOOP_H
#define PTI_POOL_LOOP_H

#include <pt_loop.h>

/* See loop.c. */
struct pt_loop {
    uint64_t stop; /* atomic: indices from here on are not wanted */
    uint32_t lock;
    bool failed;         /* under lock, as is *config->error */
    pt_status cancelled; /* atomic: why parts were left out; PT_OK: none were */
    uint64_t chunk;      /* constant, as all below */
    pt_cancel *cancel;
    pt_loop_error *error;
};

/* A loop over so many indices. */
void pti_loop_begin(pt_loop *loop, uint64_t count, const pt_loop_config *config);
/* What came of it. */
pt_status pti_loop_end(const pt_loop *loop);

/* Whether the part that begins there is to come; notes why if it is not. */
bool pti_loop_goes_on(pt_loop *loop, uint64_t index);

/* There is something at this index: what is beyond is not wanted any more. */
void pti_loop_stop_at(pt_loop *loop, uint64_t index);

/* Call function(arg) as a member of a pool, or without one if there is none. */
void pti_loop_call(void (*function)(void *arg), void *arg);

/* How many will work on it, as far as that can be told before. */
unsigned pti_loop_workers(void);

#endif
