/* select_set.c: a growing set of cases, each with a number that stays. */
#include "select.h"

struct pt_select_set {
    pt_select_order order;
    size_t count, room, turns;
    uint64_t last_id;
    pt_case *cases;
    uint64_t *ids; /* of each case */
    pti_arm *arms;
};

pt_status pt_select_set_create(pt_select_set **out, pt_select_order order)
{
    pt_select_set *set = out == NULL ? NULL : pti_allocate(sizeof *set);
    if (set == NULL)
        return out == NULL ? PT_ERR_INVALID : PT_ERR_NOMEM;
    set->order = order;
    *out = set;
    return PT_OK;
}

void pt_select_set_destroy(pt_select_set *set)
{
    if (set == NULL)
        return;
    pti_free(set->cases);
    pti_free(set->ids);
    pti_free(set->arms);
    pti_free(set);
}

static bool make_room(pt_select_set *set)
{
    size_t room = set->room == 0 ? 8 : 2 * set->room;
    if (set->count < set->room)
        return true;
    pt_case *cases = pti_allocate(room * sizeof *cases);
    uint64_t *ids = pti_allocate(room * sizeof *ids);
    pti_arm *arms = pti_allocate(room * sizeof *arms);
    if (cases == NULL || ids == NULL || arms == NULL) {
        pti_free(cases);
        pti_free(ids);
        pti_free(arms);
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        cases[i] = set->cases[i];
        ids[i] = set->ids[i];
    }
    pti_free(set->cases);
    pti_free(set->ids);
    pti_free(set->arms);
    set->cases = cases;
    set->ids = ids;
    set->arms = arms;
    set->room = room;
    return true;
}

pt_status pt_select_set_add(pt_select_set *set, pt_case what, uint64_t *id)
{
    if (set == NULL || id == NULL || !pti_select_is_valid(&what, 1))
        return PT_ERR_INVALID;
    if (!make_room(set))
        return PT_ERR_NOMEM;
    set->cases[set->count] = what;
    set->ids[set->count++] = *id = ++set->last_id;
    return PT_OK;
}

pt_status pt_select_set_remove(pt_select_set *set, uint64_t id)
{
    size_t i = 0;
    if (set == NULL)
        return PT_ERR_INVALID;
    while (i < set->count && set->ids[i] != id)
        i++;
    if (i == set->count)
        return PT_ERR_INVALID;
    for (set->count--; i < set->count; i++) { /* the others keep their order */
        set->cases[i] = set->cases[i + 1];
        set->ids[i] = set->ids[i + 1];
    }
    return PT_OK;
}

size_t pt_select_set_count(const pt_select_set *set)
{
    return set == NULL ? 0 : set->count;
}

pt_status pt_select_set_until(pt_select_set *set, uint64_t *fired, pt_status *status, pt_until until)
{
    size_t index = SIZE_MAX;
    if (set == NULL || fired == NULL)
        return PT_ERR_INVALID;
    size_t turn = set->order == PT_SELECT_IN_ORDER || set->count == 0 ? 0 : set->turns++ % set->count;
    pt_status result = pti_select(set->cases, set->arms, set->count, turn, &index, until);
    *fired = result == PT_OK ? set->ids[index] : 0;
    if (result == PT_OK && status != NULL)
        *status = set->cases[index].status;
    return result;
}
