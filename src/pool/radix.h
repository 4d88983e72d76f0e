/* radix.h: sorting KEYs, which are unsigned; included once for each size of them, with NAME(x) giving x a name of its own.

   The keys' highest byte that differs tells 256 buckets: each of some blocks of the array is counted and then moved to the buckets,
   all blocks at the same time, into the other array. Each bucket is then sorted by itself, back into the first one, all buckets
   at the same time. A small bucket is sorted by the two bytes below, in two passes, and then by insertion, which has
   little left to do unless somebody chose the keys for that; then the rest of the bytes are gone through too. A large one,
   of keys that crowd together, is cut into buckets again. */

/* What there is to sort: keys from `keys` to `sorted`; the bits above `bits` are all the same. */
struct NAME(job) {
    KEY *keys, *sorted;
    size_t count;
    unsigned bits;
    bool in_place; /* it is to end in `keys` instead */
};

static void NAME(sort_job)(void *arg);

/* ---- Small ones -------------------------------------------------------------------------------- */

/* One pass by the byte at `shift`. */
static void NAME(pass)(const KEY *from, KEY *to, size_t count, unsigned shift)
{
    size_t places[BUCKETS] = {0}, place = 0;
    for (size_t i = 0; i < count; i++)
        places[from[i] >> shift & (BUCKETS - 1)]++;
    for (unsigned i = 0; i < BUCKETS; i++) {
        size_t here = places[i];
        places[i] = place;
        place += here;
    }
    for (size_t i = 0; i < count; i++)
        to[places[from[i] >> shift & (BUCKETS - 1)]++] = from[i];
}

/* False: it took too long, and some are not at their places yet. */
static bool NAME(insert)(KEY *keys, size_t count)
{
    size_t budget = 8 * count + 256;
    for (size_t i = 1; i < count; i++) {
        KEY key = keys[i];
        size_t place = i;
        while (place > 0 && keys[place - 1] > key) {
            keys[place] = keys[place - 1];
            place--;
        }
        keys[place] = key;
        if (i - place > budget)
            return false;
        budget -= i - place;
    }
    return true;
}

/* All bytes below `bits`, the lowest first. */
static void NAME(sort_by_all)(struct NAME(job) * job)
{
    KEY *from = job->keys, *to = job->sorted;
    for (unsigned shift = 0; shift < job->bits; shift += 8) {
        NAME(pass)(from, to, job->count, shift);
        KEY *other = from;
        from = to;
        to = other;
    }
    KEY *wanted = job->in_place ? job->keys : job->sorted;
    if (from != wanted)
        memcpy(wanted, from, job->count * sizeof(KEY));
}

static void NAME(sort_small)(struct NAME(job) * job)
{
    KEY *wanted = job->in_place ? job->keys : job->sorted;
    if (job->count > INSERTION && job->bits > 16) {
        NAME(pass)(job->keys, job->sorted, job->count, job->bits - 16);
        NAME(pass)(job->sorted, job->keys, job->count, job->bits - 8);
    }
    if (wanted != job->keys)
        memcpy(wanted, job->keys, job->count * sizeof(KEY));
    if ((job->count <= INSERTION || job->bits > 16) && NAME(insert)(wanted, job->count))
        return;
    if (wanted != job->keys)
        memcpy(job->keys, wanted, job->count * sizeof(KEY));
    NAME(sort_by_all)(job);
}

/* ---- Large ones -------------------------------------------------------------------------------- */

struct NAME(cut) {
    struct NAME(job) * job;
    unsigned shift, blocks;
    size_t (*places)[BUCKETS]; /* of each block in each bucket: how many, then where */
    size_t begins[BUCKETS + 1];
};

static size_t NAME(begin_of)(const struct NAME(cut) * cut, uint64_t block)
{
    size_t count = cut->job->count, rest = count % cut->blocks, before = (size_t)block;
    return count / cut->blocks * before + (before < rest ? before : rest);
}

static void NAME(count_blocks)(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct NAME(cut) *cut = arg;
    (void)loop;
    for (uint64_t block = begin; block < end; block++) {
        size_t *counts = cut->places[block];
        memset(counts, 0, sizeof cut->places[block]);
        for (size_t i = NAME(begin_of)(cut, block), last = NAME(begin_of)(cut, block + 1); i < last; i++)
            counts[cut->job->keys[i] >> cut->shift & (BUCKETS - 1)]++;
    }
}

static void NAME(find_places)(struct NAME(cut) * cut)
{
    size_t place = 0;
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        cut->begins[bucket] = place;
        for (unsigned block = 0; block < cut->blocks; block++) {
            size_t here = cut->places[block][bucket];
            cut->places[block][bucket] = place;
            place += here;
        }
    }
    cut->begins[BUCKETS] = place;
}

static void NAME(move_blocks)(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct NAME(cut) *cut = arg;
    (void)loop;
    for (uint64_t block = begin; block < end; block++) {
        size_t *places = cut->places[block];
        for (size_t i = NAME(begin_of)(cut, block), last = NAME(begin_of)(cut, block + 1); i < last; i++) {
            KEY key = cut->job->keys[i];
            cut->job->sorted[places[key >> cut->shift & (BUCKETS - 1)]++] = key;
        }
    }
}

/* The keys of a bucket are in `sorted` now, and are sorted to where the whole is to be. */
static void NAME(sort_buckets)(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct NAME(cut) *cut = arg;
    (void)loop;
    for (uint64_t bucket = begin; bucket < end; bucket++) {
        size_t first = cut->begins[bucket];
        struct NAME(job) job = {cut->job->sorted + first, cut->job->keys + first, cut->begins[bucket + 1] - first,
                                cut->shift, !cut->job->in_place};
        NAME(sort_job)(&job);
    }
}

static void NAME(sort_large)(struct NAME(job) * job, size_t (*places)[BUCKETS])
{
    struct NAME(cut)
        cut = {.job = job, .shift = job->bits > 8 ? job->bits - 8 : 0, .blocks = BLOCKS, .places = places};
    (void)!pt_parallel_for(0, cut.blocks, NAME(count_blocks), &cut, NULL);
    NAME(find_places)(&cut);
    (void)!pt_parallel_for(0, cut.blocks, NAME(move_blocks), &cut, NULL);
    (void)!pt_parallel_for(0, BUCKETS, NAME(sort_buckets), &cut, NULL);
}

static void NAME(sort_job)(void *arg)
{
    struct NAME(job) *job = arg;
    size_t(*places)[BUCKETS] =
        job->count > LARGE && job->bits > 16 ? pti_allocate_raw(BLOCKS * sizeof *places) : NULL;
    if (places == NULL) {
        NAME(sort_small)(job);
        return;
    }
    NAME(sort_large)(job, places);
    pti_free(places);
}

/* ---- All of them ------------------------------------------------------------------------------ */

/* How many bits from the lowest on differ between keys; and whether they are sorted already, or the other way round. */
struct NAME(range) {
    KEY lowest, highest, first, last;
    bool any, sorted, falling;
};

static void NAME(begin_range)(void *into, void *arg)
{
    (void)arg;
    *(struct NAME(range) *)into = (struct NAME(range)){.sorted = true, .falling = true};
}

static void NAME(add_range)(void *into, const void *right, void *arg)
{
    struct NAME(range) *range = into;
    const struct NAME(range) *other = right;
    (void)arg;
    if (!range->any || !other->any) {
        *range = range->any ? *range : *other;
        return;
    }
    range->sorted = range->sorted && other->sorted && range->last <= other->first;
    range->falling = range->falling && other->falling && range->last >= other->first;
    range->lowest = range->lowest < other->lowest ? range->lowest : other->lowest;
    range->highest = range->highest > other->highest ? range->highest : other->highest;
    range->last = other->last;
}

static void NAME(fold_range)(pt_loop *loop, uint64_t begin, uint64_t end, void *into, void *arg)
{
    const KEY *keys = arg;
    (void)loop;
    struct NAME(range) own = {keys[begin], keys[begin], keys[begin], keys[end - 1], true, true, true};
    for (size_t i = (size_t)begin + 1; i < end; i++) {
        own.sorted &= keys[i - 1] <= keys[i];
        own.falling &= keys[i - 1] >= keys[i];
        own.lowest = keys[i] < own.lowest ? keys[i] : own.lowest;
        own.highest = keys[i] > own.highest ? keys[i] : own.highest;
    }
    NAME(add_range)(into, &own, NULL);
}

static void NAME(turn_round)(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct NAME(job) *job = arg;
    (void)loop;
    for (size_t i = (size_t)begin; i < end; i++) {
        KEY key = job->keys[i], *other = &job->keys[job->count - 1 - i];
        job->keys[i] = *other;
        *other = key;
    }
}

/* `other` has as much room. */
static void NAME(sort_keys)(KEY *keys, KEY *other, size_t count)
{
    static const pt_reduction how = {sizeof(struct NAME(range)), NAME(begin_range), NAME(fold_range),
                                     NAME(add_range)};
    struct NAME(range) range;
    NAME(begin_range)(&range, NULL);
    if (count <= LARGE)
        NAME(fold_range)(NULL, 0, count, &range, keys);
    else
        (void)!pt_parallel_reduce(0, count, &how, &range, keys, NULL);
    if (range.sorted)
        return;
    struct NAME(job) whole = {.keys = keys, .count = count};
    if (range.falling && count <= LARGE)
        NAME(turn_round)(NULL, 0, count / 2, &whole);
    else if (range.falling)
        (void)!pt_parallel_for(0, count / 2, NAME(turn_round), &whole, NULL);
    if (range.falling)
        return;
    unsigned bits = 64 - (unsigned)__builtin_clzll((unsigned long long)(range.lowest ^ range.highest));
    struct NAME(job) job = {keys, other, count, (bits + 7) / 8 * 8, true};
    NAME(sort_job)(&job);
}
