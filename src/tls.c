/* tls.c: values of each thread's own.

   A pt_tls gets a key when a value is first set: the number of a place in every thread's table of values, and a serial
   number, which is another one once the place was given back. Places that were given back are kept in `free_places`, a list
   through `places`. A value counts only if it was set under the key that asks for it; so those left behind by
   pt_tls_destroy() are as good as gone.

   key        0, then place + 1 in the low half and the serial in the high half
     K   0 -> key       who sets first, under keys_lock                 release
     R   read           any thread                                      acquire
   Pairs      K with R; but nothing hangs on it, since a thread's values are its own.

   Values that are not NULL are linked in the order in which they were set. A thread that ends takes the newest out and calls
   its destructor, until none is left; what destructors set is the newest then. */
#include "tls.h"

#include <string.h>

#include "atomic.h"
#include "memory.h"
#include "park.h"
#include "thread.h"

struct pti_tls_value {
    uint64_t key; /* what it was set under */
    void *value;
    void (*destructor)(void *value);
    uint32_t newer, older; /* places, in the thread's list. Place 0 is its head: whose older is the newest */
    uint32_t rounds;       /* how often the destructor was called */
};

static uint32_t keys_lock;
static struct place {
    uint32_t serial;
    uint32_t next_free; /* while it is free: the next one's number, 0 for none */
} * places;             /* these four under keys_lock; numbers are from 1 up */
static uint32_t place_room, place_count, free_places;

static uint32_t place_of(uint64_t key)
{
    return (uint32_t)key;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

/* Room for one more place; the old table is returned in *old, to be freed under no lock. False: room for so many must be
   brought along. */
static bool make_room(struct place *fresh, uint32_t room, struct place **old)
{
    if (place_count + 1 < place_room)
        return true;
    if (fresh == NULL || room <= place_room)
        return false;
    if (places != NULL)
        memcpy(fresh, places, place_room * sizeof *places);
    *old = places;
    places = fresh;
    place_room = room;
    return true;
}

/* Under keys_lock: give out a place. */
static uint64_t new_key(void)
{
    uint32_t place = free_places;
    if (place != 0)
        free_places = places[place].next_free;
    else
        place = ++place_count;
    return (uint64_t)places[place].serial << 32 | place;
}

/* K. Memory is taken and freed outside the lock. */
static uint64_t key_of(pt_tls *tls)
{
    struct place *fresh = NULL, *old = NULL;
    uint32_t room = 0;
    for (;;) {
        pti_short_lock(&keys_lock);
        uint64_t key = load_relaxed(&tls->key);
        bool ready = key != 0 || free_places != 0 || make_room(fresh, room, &old);
        if (key == 0 && ready) {
            key = new_key();
            store_release(&tls->key, key); /* K: pairs with R */
        }
        bool used = places == fresh;
        uint32_t wanted = place_room == 0 ? 64 : place_room * 2;
        pti_short_unlock(&keys_lock);

        pti_free(old);
        if (!used)
            pti_free(fresh);
        if (ready)
            return key;
        room = wanted;
        fresh = pti_allocate(room * sizeof *fresh);
        if (fresh == NULL)
            return 0;
    }
}

void pt_tls_destroy(pt_tls *tls)
{
    pti_short_lock(&keys_lock);
    uint32_t place = place_of(load_relaxed(&tls->key));
    if (place != 0) {
        places[place].serial++;
        places[place].next_free = free_places;
        free_places = place;
        store_relaxed(&tls->key, 0);
    }
    pti_short_unlock(&keys_lock);
}

/* ---- Values -------------------------------------------------------------------------------- */

void *pt_tls_get(const pt_tls *tls)
{
    const pt_thread *self = pti_thread_self();
    uint64_t key = load_acquire(&tls->key); /* R: pairs with K */
    if (self == NULL || key == 0 || place_of(key) >= self->value_count)
        return NULL;
    const struct pti_tls_value *value = &self->values[place_of(key)];
    return value->key == key ? value->value : NULL;
}

static void link_newest(struct pti_tls_value *values, uint32_t place)
{
    values[place].older = values[0].older;
    values[place].newer = 0;
    values[values[0].older].newer = place;
    values[0].older = place;
}

static void unlink_value(struct pti_tls_value *values, uint32_t place)
{
    values[values[place].newer].older = values[place].older;
    if (values[place].older != 0)
        values[values[place].older].newer = values[place].newer;
}

/* Make the calling thread's table reach up to this place. */
static bool reach(pt_thread *self, uint32_t place)
{
    if (place < self->value_count)
        return true;
    size_t count = self->value_count == 0 ? 8 : self->value_count;
    while (count <= place)
        count *= 2;
    struct pti_tls_value *values = pti_allocate(count * sizeof *values);
    if (values == NULL)
        return false;
    if (self->values != NULL)
        memcpy(values, self->values, self->value_count * sizeof *values);
    pti_free(self->values);
    self->values = values;
    self->value_count = count;
    return true;
}

pt_status pt_tls_set(pt_tls *tls, void *value)
{
    if (value == NULL && pt_tls_get(tls) == NULL)
        return PT_OK;
    pt_thread *self = pt_thread_current();
    uint64_t key = load_acquire(&tls->key); /* R: pairs with K */
    if (key == 0)
        key = key_of(tls);
    if (self == NULL || key == 0 || !reach(self, place_of(key)))
        return PT_ERR_NOMEM;

    uint32_t place = place_of(key);
    struct pti_tls_value *entry = &self->values[place];
    bool listed = entry->value != NULL; /* also if it was left behind under another key */
    if (listed && (value == NULL || entry->key != key))
        unlink_value(self->values, place);
    if (value != NULL && (!listed || entry->key != key))
        link_newest(self->values, place);
    entry->key = key;
    entry->value = value;
    entry->destructor = tls->destructor;
    return PT_OK;
}

/* Whether the value's pt_tls still stands. */
static bool is_current(const struct pti_tls_value *entry)
{
    uint32_t place = place_of(entry->key);
    pti_short_lock(&keys_lock);
    bool current = places[place].serial == (uint32_t)(entry->key >> 32);
    pti_short_unlock(&keys_lock);
    return current;
}

void pti_tls_end(void)
{
    pt_thread *self = pti_thread_self();
    while (self->values != NULL && self->values[0].older != 0) {
        uint32_t place = self->values[0].older;
        struct pti_tls_value *entry = &self->values[place];
        void *value = entry->value;
        void (*destructor)(void *) = entry->destructor;
        unlink_value(self->values, place);
        entry->value = NULL;
        if (destructor != NULL && entry->rounds++ < PT_TLS_ROUNDS && is_current(entry))
            destructor(value); /* may set values, and so move the table */
    }
    pti_free(self->values);
    self->values = NULL;
    self->value_count = 0;
}

/* ---- Fork ---------------------------------------------------------------------------------- */

void pti_tls_before_fork(void)
{
    pti_short_lock(&keys_lock);
}

void pti_tls_after_fork(void)
{
    pti_short_unlock(&keys_lock);
}
