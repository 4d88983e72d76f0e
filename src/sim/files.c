/* files.c: schedules in files:

     pt_sim 2 NAME
     seed S weak 0|1 notes N
     STEP FIBER TO        N times, see pti_note */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

void pti_sim_write_file(const char *name)
{
    const pti_schedule *schedule = pti_sim_shared;
    char path[256];
    snprintf(path, sizeof path, "%s.schedule", name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        fprintf(stderr, "sim: cannot write %s: %s\n", path, strerror(errno));
        return;
    }
    fprintf(file, "pt_sim 2 %s\nseed %llu weak %d notes %u\n", name, (unsigned long long)schedule->seed,
            schedule->weak, schedule->note_count);
    for (uint32_t i = 0; i < schedule->note_count; i++)
        fprintf(file, "%u %u %u\n", schedule->notes[i].step, schedule->notes[i].fiber, schedule->notes[i].to);
    fclose(file);
    fprintf(stderr, "sim: the schedule is in %s; run it again with PT_SIM=replay:%s\n", path, path);
}

static bool read_notes(FILE *file, pti_schedule *schedule)
{
    unsigned long long seed;
    unsigned weak, count;
    if (fscanf(file, "pt_sim 2 %*[^\n] seed %llu weak %u notes %u", &seed, &weak, &count) != 3 || count > SIM_NOTES)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        unsigned step, fiber, to;
        if (fscanf(file, "%u %u %u", &step, &fiber, &to) != 3 || fiber >= SIM_FIBERS || to > UINT8_MAX)
            return false;
        schedule->notes[i] = (pti_note){step, (uint8_t)fiber, (uint8_t)to};
    }
    schedule->first_seed = seed;
    schedule->weak = weak != 0;
    schedule->keep_weak = true;
    schedule->note_count = count;
    return true;
}

bool pti_sim_read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    bool ok = file != NULL && read_notes(file, pti_sim_shared);
    if (file == NULL)
        fprintf(stderr, "sim: cannot read %s: %s\n", path, strerror(errno));
    else if (!ok)
        fprintf(stderr, "sim: %s is no schedule of this simulator\n", path);
    if (file != NULL)
        fclose(file);
    return ok;
}
