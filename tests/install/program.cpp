// program.cpp: a user's C++17 program: every header is C++ too.
#include <pt.h>
#include <pt_base.h>
#include <pt_mutex.h>
#include <pt_thread.h>

struct account {
    pt_mutex mutex = PT_MUTEX_INIT;
    pt_event changed = PT_EVENT_INIT;
    pt_semaphore permits = PT_SEMAPHORE_INIT(3);
    int balance PT_GUARDED_BY(&mutex) = 0;
};

/* Tables of fields, with the checks that C does by _Generic. */
enum colour { RED, GREEN };
struct step {
    char *name;
    double seconds;
};
struct price {
    char *key;
    int64_t value;
};
struct job {
    uint8_t id;
    bool urgent, has_note;
    char note[8];
    uint8_t hash[4];
    colour paint;
    pt_bytes raw, text;
    float weights[3];
    step first, *steps, *last;
    price *prices;
    uint32_t step_count;
    size_t price_count;
};
static const pt_enum_name colour_names[] = {{"red", RED}, {"green", GREEN}};
static const pt_enum colour_enum = PT_ENUM(colour_names);
static const pt_field step_fields[] = {PT_FIELD(step, name, STRING), PT_FIELD(step, seconds, FLOAT)};
static const pt_schema step_schema = PT_SCHEMA(step, step_fields);
static const pt_field job_fields[] = {
    PT_FIELD(job, id, INT),
    PT_FIELD(job, urgent, BOOL),
    PT_FIELD_OPTIONAL(job, has_note, note, CHARS),
    PT_FIELD(job, hash, OCTETS),
    PT_FIELD(job, paint, ENUM, &colour_enum),
    PT_FIELD(job, raw, BYTES),
    PT_FIELD(job, text, UTF8),
    PT_FIELD_ARRAY(job, weights, FLOAT),
    PT_FIELD(job, first, STRUCT, &step_schema),
    PT_FIELD_VECTOR(job, steps, step_count, STRUCT, &step_schema),
    PT_FIELD(job, last, POINTER, &step_schema),
    PT_FIELD_MAP(job, prices, price_count, price, INT),
};
static const pt_schema job_schema = PT_SCHEMA(job, job_fields);

static bool messages_work()
{
    job before{}, after;
    uint8_t bytes[256];
    before.id = 7;
    pt_output output = pt_to_memory(bytes, sizeof bytes);
    if (pt_schema_check(&job_schema, nullptr, 0) != PT_OK ||
        pt_cbor_encode(&output, &job_schema, &before, nullptr, nullptr) != PT_OK)
        return false;
    pt_input input = pt_from_memory(bytes, static_cast<size_t>(pt_output_length(&output)));
    return pt_cbor_decode(&input, &job_schema, &after, nullptr, nullptr) == PT_OK && after.id == 7;
}

static void *tell(void *arg)
{
    pt_event_set(&static_cast<account *>(arg)->changed);
    return arg;
}

int main()
{
    account mine;
    pt_thread *thread = nullptr;
    pt_status status = pt_thread_spawn(&thread, nullptr, tell, &mine);
    if (status != PT_OK || pt_event_wait_until(&mine.changed, pt_after_ms(60000)) != PT_OK)
        return 1;
    void *result = nullptr;
    if (pt_thread_join(thread, &result) != PT_OK || result != &mine)
        return 1;
    pt_thread_release(thread);
    pt_mutex_lock(&mine.mutex);
    mine.balance++;
    pt_mutex_unlock(&mine.mutex);
    return pt_semaphore_value(&mine.permits) == 3 && messages_work() ? 0 : 1;
}
