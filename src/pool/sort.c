/* sort.c: sorting by comparisons.

   With memory, a merge sort: both halves at the same time, into the other array, then merged, which is split too: the middle of the
   longer part is looked up in the shorter. It is stable, so both public functions are the same but for what happens without
   memory: then the unstable one is a quicksort in place, with heapsort where the pivots are bad too often.
   Nothing here trusts the comparison: whatever it says, indices stay in their bounds, and elements are moved, never made up. */
#include "sort.h"

#include <stdalign.h>
#include <string.h>

#include "loop.h"
#include "memory.h"
#include "pool.h"

enum {
    INSERTION = 16,     /* so many are sorted by insertion */
    SERIAL = 2048,      /* fewer are not forked */
    LOCAL_ELEMENT = 256 /* larger ones are swapped piece by piece */
};

struct order {
    size_t size;
    pt_compare compare;
    void *arg;
};

/* ---- Elements -------------------------------------------------------------------------------- */

static char *at(const struct order *order, const char *base, size_t index)
{
    return (char *)(uintptr_t)base + index * order->size;
}

static bool is_less(const struct order *order, const void *a, const void *b)
{
    return order->compare(a, b, order->arg) < 0;
}

/* The usual sizes as the compiler can do best. */
static void copy_one(const struct order *order, char *to, const char *from)
{
    switch (order->size) {
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    case 16: memcpy(to, from, 16); break;
    default: memcpy(to, from, order->size); break;
    }
}

static void swap(const struct order *order, char *a, char *b)
{
    char piece[LOCAL_ELEMENT];
    for (size_t done = 0; done < order->size;) {
        size_t length = order->size - done < sizeof piece ? order->size - done : sizeof piece;
        memcpy(piece, a + done, length);
        memcpy(a + done, b + done, length);
        memcpy(b + done, piece, length);
        done += length;
    }
}

/* ---- Merge sort -------------------------------------------------------------------------------- */

/* `count` elements of from to `to`, sorted. */
static void insert_all(const struct order *order, const char *from, char *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *element = at(order, from, i);
        size_t place = i;
        while (place > 0 && is_less(order, element, at(order, to, place - 1)))
            place--;
        memmove(at(order, to, place + 1), at(order, to, place), (i - place) * order->size);
        copy_one(order, at(order, to, place), element);
    }
}

struct merge {
    const struct order *order;
    const char *left, *right;
    char *to;
    size_t lefts, rights;
};

/* Which one comes next nobody can foresee, so there is no branch that depends on it. The size is a constant to the compiler. */
static inline __attribute__((always_inline)) void merge_elements(const struct merge *merge, size_t size)
{
    const struct order *order = merge->order;
    const char *left = merge->left, *right = merge->right;
    const char *left_end = left + merge->lefts * size, *right_end = right + merge->rights * size;
    char *to = merge->to;
    while (left < left_end && right < right_end) {
        size_t from_right = is_less(order, right, left);
        memcpy(to, from_right ? right : left, size);
        right += size & (0 - from_right);
        left += size & (from_right - 1);
        to += size;
    }
    memcpy(to, left, (size_t)(left_end - left));
    memcpy(to + (left_end - left), right, (size_t)(right_end - right));
}

static void merge_serially(const struct merge *merge)
{
    switch (merge->order->size) {
    case 4: merge_elements(merge, 4); break;
    case 8: merge_elements(merge, 8); break;
    case 16: merge_elements(merge, 16); break;
    default: merge_elements(merge, merge->order->size); break;
    }
}

/* How many elements come before this one; of equal ones, those that stood left of it. */
static size_t find_place(const struct order *order, const char *base, size_t count, const char *element,
                         bool stand_left)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        const char *other = at(order, base, middle);
        bool before = stand_left ? !is_less(order, element, other) : is_less(order, other, element);
        if (before)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* Whether all of one comes before all of the other, and they need only be put there: what was sorted before costs little. */
static bool merge_is_easy(const struct merge *merge)
{
    const struct order *order = merge->order;
    size_t lefts = merge->lefts * order->size, rights = merge->rights * order->size;
    if (lefts == 0 || rights == 0)
        return false;
    const char *left_last = merge->left + lefts - order->size, *right_last = merge->right + rights - order->size;
    bool in_order = !is_less(order, merge->right, left_last);
    if (!in_order && !is_less(order, right_last, merge->left))
        return false;
    memcpy(in_order ? merge->to : merge->to + rights, merge->left, lefts);
    memcpy(in_order ? merge->to + lefts : merge->to, merge->right, rights);
    return true;
}

static void merge_parts(void *arg)
{
    struct merge first = *(struct merge *)arg, second = first;
    const struct order *order = first.order;
    if (merge_is_easy(&first))
        return;
    if (first.lefts + first.rights < SERIAL) {
        merge_serially(&first);
        return;
    }
    if (first.lefts >= first.rights) {
        first.lefts /= 2;
        first.rights = find_place(order, first.right, first.rights, at(order, first.left, first.lefts), false);
    } else {
        first.rights /= 2;
        first.lefts = find_place(order, first.left, first.lefts, at(order, first.right, first.rights), true);
    }
    second.left = at(order, first.left, first.lefts);
    second.right = at(order, first.right, first.rights);
    second.to = at(order, first.to, first.lefts + first.rights);
    second.lefts -= first.lefts;
    second.rights -= first.rights;
    pt_fork2(merge_parts, &first, merge_parts, &second);
}

struct part {
    const struct order *order;
    char *base, *other; /* where the elements are; as much room again */
    size_t count;
    bool to_other; /* where they are to be in the end */
};

static void sort_part(void *arg)
{
    struct part first = *(struct part *)arg, second = first;
    const struct order *order = first.order;
    if (first.count <= INSERTION) {
        insert_all(order, first.base, first.other, first.count);
        if (!first.to_other)
            memcpy(first.base, first.other, first.count * order->size);
        return;
    }
    bool to_other = first.to_other;
    first.count /= 2;
    second.count -= first.count;
    second.base = at(order, first.base, first.count);
    second.other = at(order, first.other, first.count);
    first.to_other = second.to_other = !to_other;
    if (first.count + second.count < SERIAL) {
        sort_part(&first);
        sort_part(&second);
    } else {
        pt_fork2(sort_part, &first, sort_part, &second);
    }
    struct merge merge = {order,
                          to_other ? first.base : first.other,
                          to_other ? second.base : second.other,
                          to_other ? first.other : first.base,
                          first.count,
                          second.count};
    merge_parts(&merge);
}

/* ---- Quicksort, in place ------------------------------------------------------------------------ */

struct range {
    const struct order *order;
    char *base;
    size_t count;
    unsigned bad; /* so many bad pivots more, and it is heapsort's */
};

static void sift_down(const struct order *order, char *base, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && is_less(order, at(order, base, child), at(order, base, child + 1)))
            child++;
        if (!is_less(order, at(order, base, root), at(order, base, child)))
            return;
        swap(order, at(order, base, root), at(order, base, child));
    }
}

static void heapsort(const struct order *order, char *base, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(order, base, i, count);
    for (size_t i = count; i-- > 1;) {
        swap(order, base, at(order, base, i));
        sift_down(order, base, 0, i);
    }
}

static void insert_in_place(const struct order *order, char *base, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = i; j > 0 && is_less(order, at(order, base, j), at(order, base, j - 1)); j--)
            swap(order, at(order, base, j), at(order, base, j - 1));
    }
}

/* The median of three goes to the front. */
static void choose_pivot(const struct order *order, char *base, size_t count)
{
    char *a = at(order, base, count / 4), *b = at(order, base, count / 2),
         *c = at(order, base, count - 1 - count / 4);
    if (is_less(order, b, a))
        swap(order, a, b);
    if (is_less(order, c, b))
        swap(order, b, c);
    if (is_less(order, b, a))
        swap(order, a, b);
    swap(order, base, b);
}

/* Around the first element, which comes to its place: its index. */
static size_t partition(const struct order *order, char *base, size_t count)
{
    size_t low = 1, high = count - 1;
    for (;;) {
        while (low <= high && is_less(order, at(order, base, low), base))
            low++;
        while (low <= high && is_less(order, base, at(order, base, high)))
            high--;
        if (low >= high)
            break;
        swap(order, at(order, base, low++), at(order, base, high--));
    }
    swap(order, base, at(order, base, high));
    return high;
}

static void sort_range(void *arg)
{
    struct range range = *(struct range *)arg;
    const struct order *order = range.order;
    while (range.count > INSERTION) {
        if (range.bad == 0) {
            heapsort(order, range.base, range.count);
            return;
        }
        choose_pivot(order, range.base, range.count);
        size_t pivot = partition(order, range.base, range.count);
        struct range left = range, right = range;
        left.count = pivot;
        right.base = at(order, range.base, pivot + 1);
        right.count = range.count - pivot - 1;
        struct range *shorter = left.count < right.count ? &left : &right,
                     *longer = shorter == &left ? &right : &left;
        shorter->bad = longer->bad = range.bad - (shorter->count < range.count / 8);
        if (longer->count >= SERIAL) {
            pt_fork2(sort_range, longer, sort_range, shorter);
            return;
        }
        sort_range(shorter); /* at most as deep as the logarithm of count */
        range = *longer;
    }
    insert_in_place(order, range.base, range.count);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

/* What the elements may be aligned to: they lie there, one after another. */
static size_t alignment_of(const void *base, size_t size)
{
    uintptr_t bits = (uintptr_t)base | size;
    return (size_t)(bits & (~bits + 1));
}

/* As much room again, aligned as the elements are, since compare() sees them there too. *block is to be freed; NULL: no memory */
static char *other_room(const void *base, size_t count, size_t size, void **block)
{
    size_t alignment = alignment_of(base, size), more = alignment > alignof(max_align_t) ? alignment : 0;
    *block = pti_allocate_raw(count * size + more);
    if (*block == NULL || more == 0)
        return *block;
    return (char *)*block + (alignment - (uintptr_t)*block % alignment) % alignment;
}

void pti_sort_in_place(void *base, size_t count, size_t size, pt_compare compare, void *arg)
{
    struct order order = {size, compare, arg};
    struct range range = {&order, base, count, 16};
    if (count < SERIAL)
        sort_range(&range);
    else
        pti_loop_call(sort_range, &range);
}

static pt_status check(const void *base, size_t count, size_t size, pt_compare compare)
{
    bool fits = size != 0 && count <= PTRDIFF_MAX / size;
    return fits && compare != NULL && (base != NULL || count == 0) ? PT_OK : PT_ERR_INVALID;
}

pt_status pt_parallel_sort_stable(void *base, size_t count, size_t size, pt_compare compare, void *arg)
{
    pt_status status = check(base, count, size, compare);
    if (status != PT_OK || count < 2)
        return status;
    void *block;
    struct order order = {size, compare, arg};
    struct part part = {&order, base, other_room(base, count, size, &block), count, false};
    if (part.other == NULL)
        return PT_ERR_NOMEM;
    if (count < SERIAL)
        sort_part(&part);
    else
        pti_loop_call(sort_part, &part);
    pti_free(block);
    return PT_OK;
}

pt_status pt_parallel_sort(void *base, size_t count, size_t size, pt_compare compare, void *arg)
{
    pt_status status = pt_parallel_sort_stable(base, count, size, compare, arg);
    if (status != PT_ERR_NOMEM)
        return status;
    pti_sort_in_place(base, count, size, compare, arg);
    return PT_OK;
}
