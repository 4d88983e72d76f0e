/* support.c: see support.h. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "park.h"
#include "thread.h"

uint64_t test_seed;

/* ---- Size and chance ----------------------------------------------------------------------- */

int test_scale(int n)
{
    int scaled = n / TEST_SCALE_DIVISOR;
    return scaled < 1 ? 1 : scaled;
}

uint32_t test_random(uint64_t *stream)
{
    /* SplitMix64 (Steele, Lea, Flood, 2014). */
    uint64_t z = *stream += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(z >> 32);
}

void test_delay(uint64_t *stream)
{
    uint32_t chance = test_random(stream);
    switch (chance % 16) {
    case 0: pt_sleep((pt_time)(chance >> 8) % (20 * PT_MICROSECOND)); break;
    case 1:
    case 2: pt_thread_yield(); break;
    case 3:
    case 4:
    case 5:
        for (uint32_t i = chance >> 24; i > 0; i--)
            load_relaxed(&chance);
        break;
    default: break;
    }
}

/* ---- Crews --------------------------------------------------------------------------------- */

struct crew {
    int count;
    void (*body)(struct member *member);
    pt_event gate; /* all begin at once */
    pt_thread **threads;
    struct member *members;
};

struct berth { /* what a member's thread is started with */
    struct crew *crew;
    struct member *member;
};

void check_at(struct member *member, bool holds, const char *text, int line)
{
    if (!holds && member->failed == NULL) {
        member->failed = text;
        member->line = line;
    }
}

static void *serve(void *arg)
{
    struct berth berth = *(struct berth *)arg;
    free(arg);
    pt_event_wait(&berth.crew->gate);
    berth.crew->body(berth.member);
    return NULL;
}

struct crew *crew_start(int members, void (*body)(struct member *member), void *shared)
{
    struct crew *crew = calloc(1, sizeof *crew);
    assert_non_null(crew);
    crew->count = members;
    crew->body = body;
    crew->threads = calloc((size_t)members, sizeof(pt_thread *));
    crew->members = calloc((size_t)members, sizeof *crew->members);
    assert_non_null(crew->threads);
    assert_non_null(crew->members);
    for (int i = 0; i < members; i++) {
        char name[PT_THREAD_NAME_SIZE];
        snprintf(name, sizeof name, "member-%d", i);
        struct berth *berth = malloc(sizeof *berth);
        assert_non_null(berth);
        crew->members[i] = (struct member){.index = i, .stream = test_seed + (uint64_t)i * 7919, .shared = shared};
        *berth = (struct berth){crew, &crew->members[i]};
        pt_thread_config config = {.name = name};
        assert_int_equal(pt_thread_spawn(&crew->threads[i], &config, serve, berth), PT_OK);
    }
    pt_event_set(&crew->gate);
    return crew;
}

void crew_join(struct crew *crew)
{
    const char *failed = NULL;
    int line = 0;
    for (int i = 0; i < crew->count; i++) {
        assert_int_equal(pt_thread_join(crew->threads[i], NULL), PT_OK);
        pt_thread_release(crew->threads[i]);
        if (crew->members[i].failed != NULL) {
            failed = crew->members[i].failed;
            line = crew->members[i].line;
        }
    }
    free(crew->threads);
    free(crew->members);
    free(crew);
    if (failed != NULL)
        fail_msg("a member's check failed at line %d: %s", line, failed);
}

void crew_run(int members, void (*body)(struct member *member), void *shared)
{
    crew_join(crew_start(members, body, shared));
}

/* ---- Waiting for others -------------------------------------------------------------------- */

size_t parked(const void *key)
{
    enum { MOST = 2048 };
    pti_waiter *copies = malloc(MOST * sizeof *copies);
    assert_non_null(copies);
    size_t all = pti_park_snapshot(copies, MOST), count = 0;
    assert_true(all <= MOST);
    for (size_t i = 0; i < all; i++)
        count += copies[i].thread != PTI_NO_THREAD && (key == NULL || copies[i].key == key);
    free(copies);
    return count;
}

void wait_until_parked(const void *key, size_t waiters)
{
    while (parked(key) != waiters)
        pt_thread_yield();
}
