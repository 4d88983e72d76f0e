/* select.h: what select.c and select_set.c share. */
#ifndef PTI_SELECT_H
#define PTI_SELECT_H

#include "cancel.h"
#include "channel.h"

/* One case while its select waits. */
typedef struct pti_arm {
    pti_waiter waiter;
    pti_cancel_link link; /* of a token's case */
    bool linked;
} pti_arm;

/* arms: room for as many as there are cases. turn: where a fair select begins to look. */
pt_status pti_select(pt_case *cases, pti_arm *arms, size_t count, size_t turn, size_t *fired, pt_until until);

bool pti_select_is_valid(const pt_case *cases, size_t count);

#endif
