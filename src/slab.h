/* slab.h: records of one size that come and go often. See slab.c for how they are kept. */
#ifndef PTI_SLAB_H
#define PTI_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What there are; each thread has a place for each. */
enum { PTI_SLAB_FUTURE, PTI_SLAB_TEST /* the tests' own */, PTI_SLAB_KINDS };

/* The build says so where nothing is to be kept, so that tools see each record come and go. */
#ifndef PTI_SLAB_PLAIN
#define PTI_SLAB_PLAIN false
#endif

struct pti_record;

typedef struct pti_slab {
    size_t size; /* these three constant: of a record, at least three pointers */
    uint32_t kind;
    bool plain;              /* keep nothing */
    struct pti_record *full; /* these two under slab.c's lock */
    uint32_t count;          /* of magazines in `full` */
} pti_slab;

/* clang-format off */
#define PTI_SLAB_INIT(kind, type) {sizeof(type), kind, PTI_SLAB_PLAIN, NULL, 0}
/* clang-format on */

/* Free records that belong to one thread, linked. */
typedef struct pti_magazine {
    struct pti_record *first;
    uint32_t count;
} pti_magazine;

typedef struct pti_slab_cache {
    pti_slab *slab; /* NULL: never used */
    pti_magazine loaded, previous;
} pti_slab_cache;

enum { PTI_SLAB_ROUNDS = 32, PTI_SLAB_MAGAZINES = 32 }; /* records in a magazine; magazines in a depot: at most */

/* A record, as it comes; NULL: no memory. May be given back by any thread, but by no signal handler. */
void *pti_slab_take(pti_slab *slab);
void pti_slab_give(pti_slab *slab, void *record);

/* The calling thread ends: all that it keeps goes to the depots. */
struct pt_thread;
void pti_slab_thread_end(struct pt_thread *self);

/* Around a fork. What other threads kept is lost in the child. */
void pti_slab_before_fork(void);
void pti_slab_after_fork(void);

#endif
