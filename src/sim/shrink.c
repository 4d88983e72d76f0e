/* shrink.c: fewer notes, the same failure. Half of them are left out first, then smaller parts, then single ones (after
   Zeller's delta debugging, 2002). */
#include <string.h>

#include "sim.h"

enum { RUNS = 2000 };

static const double SECONDS = 3;

static pti_note best[SIM_NOTES];

/* The notes of `best` without some of them, as the schedule to run. */
static void leave_out(uint32_t count, uint32_t from, uint32_t length)
{
    pti_schedule *schedule = pti_sim_shared;
    memcpy(schedule->notes, best, from * sizeof best[0]);
    memcpy(schedule->notes + from, best + from + length, (count - from - length) * sizeof best[0]);
    schedule->note_count = count - length;
}

bool pti_sim_shrink(const struct pti_test *test)
{
    pti_schedule *schedule = pti_sim_shared;
    const enum pt_sim_failure failure = schedule->failure;
    uint32_t count = schedule->note_count;
    memcpy(best, schedule->notes, count * sizeof best[0]);
    const double end = pti_sim_seconds() + SECONDS;
    int runs = 0;
    for (uint32_t part = count; part > 0; part /= 2) {
        for (uint32_t at = 0; at < count && runs < RUNS && pti_sim_seconds() < end; runs++) {
            uint32_t length = part < count - at ? part : count - at;
            leave_out(count, at, length);
            if (pti_sim_replay(test))
                return true;
            if (schedule->failure == failure) {
                count -= length;
                memcpy(best, schedule->notes, count * sizeof best[0]);
            } else {
                at += length;
            }
        }
    }
    leave_out(count, 0, 0);
    return false;
}
