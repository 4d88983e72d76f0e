/* loop.h: what loops have in common. */
#ifndef PTI_POOL_LOOP_H
#define PTI_POOL_LOOP_H

#include <pt_loop.h>

/* See loop.c. */
struct pt_loop {
    uint64_t stop; /* atomic: indices from here on are not wanted */
    uint32_t lock;
    bool failed;         /* under lock, as are failed_at and *config->error */
    uint64_t failed_at;  /* the lowest that failed */
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

/* Do begin up to end by body in pieces, alone, until it is worth it to ask somebody; how far it came. */
uint64_t pti_loop_alone(pt_loop *loop, uint64_t begin, uint64_t end, pt_loop_body body, void *arg);

/* Call function(arg) as a member of a pool, or without one if there is none. */
void pti_loop_call(void (*function)(void *arg), void *arg);

/* An accumulator that is not too large for a stack. */
typedef union pti_room {
    char bytes[PT_REDUCE_ROOM];
    max_align_t aligned;
} pti_room;

bool pti_reduction_is_valid(const pt_reduction *how, uint64_t begin, uint64_t end);

/* How many will work on it, as far as that can be told before. */
unsigned pti_loop_workers(void);

#endif
