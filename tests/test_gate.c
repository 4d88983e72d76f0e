/* test_gate.c: nobody is left waiting at a channel's gate. Each test is as small as it can be for what it is to find: see
   tests/mutants. Nobody closes, or comes once more, who would wake whom another has forgotten. */
#include "support.h"

#include "atomic.h"

struct scene {
    pt_channel *channel, *subscribers[2];
    pt_event sent;
    uint32_t received, ends;
};

typedef void *(*role)(void *scene);

static void perform(const role *roles, int count, struct scene *scene)
{
    pt_thread *threads[4];
    for (int i = 0; i < count; i++)
        assert_int_equal(pt_thread_spawn(&threads[i], NULL, roles[i], scene), PT_OK);
    for (int i = 0; i < count; i++) {
        assert_int_equal(pt_thread_join(threads[i], NULL), PT_OK);
        pt_thread_release(threads[i]);
    }
}

static void *send_one(void *arg)
{
    struct scene *scene = arg;
    uint64_t value = 7;
    if (pt_channel_send(scene->channel, &value) != PT_OK)
        add_relaxed(&scene->ends, 100);
    pt_event_set(&scene->sent);
    return NULL;
}

static void receive(struct scene *scene, pt_channel *from)
{
    uint64_t value;
    pt_status status = pt_channel_receive(from, &value);
    add_relaxed(status == PT_OK ? &scene->received : &scene->ends,
                status == PT_OK || status == PT_ERR_CLOSED ? 1 : 100);
}

static struct scene broadcast_that_is_full(int subscribers)
{
    const pt_channel_config config = {.kind = PT_CHANNEL_BROADCAST};
    struct scene scene = {.received = 0};
    uint64_t value = 7;
    assert_int_equal(pt_channel_create(&scene.channel, sizeof value, 1, &config), PT_OK);
    for (int i = 0; i < subscribers; i++)
        assert_int_equal(pt_channel_subscribe(scene.channel, &scene.subscribers[i]), PT_OK);
    assert_int_equal(pt_channel_send(scene.channel, &value), PT_OK);
    return scene;
}

static void end_broadcast(struct scene *scene)
{
    assert_int_equal(scene->ends, 0);
    for (int i = 0; i < 2; i++) {
        if (scene->subscribers[i] != NULL)
            assert_int_equal(pt_channel_length(scene->subscribers[i]), 1);
        pt_channel_release_receiver(scene->subscribers[i]);
    }
    pt_channel_release_sender(scene->channel);
    pt_channel_release_receiver(scene->channel);
}

/* ---- Somebody is awake, who sends; and the room that is made meanwhile is for the next --------------------- */

static void *take_two(void *arg)
{
    struct scene *scene = arg;
    receive(scene, scene->subscribers[0]);
    receive(scene, scene->subscribers[0]);
    return NULL;
}

static void test_who_is_awake_sees_what_it_kept_others_from_telling(void **state)
{
    (void)state;
    static const role roles[] = {send_one, send_one, take_two};
    for (int i = 0; i < test_scale(2000); i++) {
        struct scene scene = broadcast_that_is_full(1);
        perform(roles, 3, &scene);
        assert_int_equal(scene.received, 2);
        end_broadcast(&scene);
    }
}

/* ---- Two make room for one: the first before it waited ----------------------------------------------------- */

/* A thread that has ended has been seen by all. */
static void *wait_for_sender(struct scene *scene)
{
    pt_event_wait(&scene->sent);
    return NULL;
}

static void *take_from_first(void *arg)
{
    struct scene *scene = arg;
    receive(scene, scene->subscribers[0]);
    return wait_for_sender(scene);
}

static void *take_from_second(void *arg)
{
    struct scene *scene = arg;
    receive(scene, scene->subscribers[1]);
    return wait_for_sender(scene);
}

static void test_of_two_who_make_room_one_sees_both(void **state)
{
    (void)state;
    static const role roles[] = {send_one, take_from_first, take_from_second};
    for (int i = 0; i < test_scale(2000); i++) {
        struct scene scene = broadcast_that_is_full(2);
        perform(roles, 3, &scene);
        assert_int_equal(scene.received, 2);
        end_broadcast(&scene);
    }
}

/* ---- One takes the last value while it is closed: the other gets the end ------------------------------------ */

static void *take_one(void *arg)
{
    struct scene *scene = arg;
    receive(scene, scene->channel);
    return NULL;
}

static void *send_and_close(void *arg)
{
    struct scene *scene = arg;
    send_one(arg);
    pt_channel_close(scene->channel);
    return NULL;
}

static void test_who_takes_the_last_tells_of_the_end(void **state)
{
    (void)state;
    static const role roles[] = {take_one, take_one, send_and_close};
    for (int i = 0; i < test_scale(2000); i++) {
        struct scene scene = {.received = 0};
        assert_int_equal(pt_channel_create(&scene.channel, sizeof(uint64_t), 1, NULL), PT_OK);
        perform(roles, 3, &scene);
        assert_int_equal(scene.received, 1);
        assert_int_equal(scene.ends, 1);
        pt_channel_release_sender(scene.channel);
        pt_channel_release_receiver(scene.channel);
    }
}

TEST_MAIN("gate", TEST(test_who_is_awake_sees_what_it_kept_others_from_telling),
          TEST(test_of_two_who_make_room_one_sees_both), TEST(test_who_takes_the_last_tells_of_the_end))
