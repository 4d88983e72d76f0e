/* job.c: counting the words of files with a pool.

   The thread that calls job_run() reads the files into buffers, each cut where a word ends, and posts each to the pool. The
   pool's job takes a counter that is free, counts into its table, and puts both back. When all buffers are back, all is
   counted, and the tables are merged and sorted.

   No table needs a lock: it belongs to the job that took its counter, and to the reader while all buffers are back; the
   channels hand it from one to the other. */
#include "job.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"

struct counter {
    struct table table;
    unsigned index;
    char apart[64]; /* no two tables in one cache line */
};

struct job {
    struct queue queue;
    pt_pool *pool;         /* NULL: no thread could be had; the reader counts */
    pt_channel *counters;  /* of struct counter *: those that are free, one for each thread */
    unsigned thread_count; /* how many could be started */
    uint64_t bytes;        /* read in this round */
    int error;             /* why the last file could not be read */
    struct counter all[JOB_MAX_THREADS];
};

/* Written by whoever has the counter, read by whoever likes. Relaxed: it is a number to look at and guards nothing. */
static _Atomic uint64_t progress[JOB_MAX_THREADS];

double wordcount_progress(unsigned worker)
{
    return worker < JOB_MAX_THREADS ? (double)atomic_load_explicit(&progress[worker], memory_order_relaxed) : 0;
}

static bool complain(const char *about, const char *what)
{
    fprintf(stderr, "wordcount: %s%s%s\n", about == NULL ? "" : about, about == NULL ? "" : ": ", what);
    return false;
}

/* ---- Counting ------------------------------------------------------------------------------ */

/* Once memory has run out, further text goes by uncounted until the reader notices. */
static void count_buffer(void *arg)
{
    struct buffer *buffer = arg;
    struct job *job = buffer->owner;
    struct counter *counter;
    if (pt_channel_receive(job->counters, &counter) != PT_OK)
        abort(); /* nobody closes it */
    if (!table_count(&counter->table, buffer->text, buffer->length))
        queue_fail(&job->queue);
    atomic_fetch_add_explicit(&progress[counter->index], buffer->length, memory_order_relaxed);
    pt_channel_send(job->counters, &counter);
    queue_put_empty(&job->queue, buffer);
}

static void hand_over(struct job *job, struct buffer *buffer)
{
    buffer->owner = job;
    if (job->pool == NULL || pt_pool_post(job->pool, count_buffer, buffer) != PT_OK)
        count_buffer(buffer);
}

static bool make_counters(struct job *job, unsigned count)
{
    if (pt_channel_create(&job->counters, sizeof(struct counter *), count,
                          &(pt_channel_config){.name = "counters"}) != PT_OK)
        return false;
    for (unsigned i = 0; i < count; i++) {
        struct counter *counter = &job->all[i];
        counter->index = i;
        pt_channel_send(job->counters, &counter);
    }
    return true;
}

/* As many as can be had, at least the reader itself. */
static void start_pool(struct job *job, unsigned wanted)
{
    pt_pool_stats stats = {.threads = 0};
    pt_pool_config config = {.size = wanted, .most = wanted, .name = "counter"};
    pt_status status = pt_pool_create(&job->pool, &config);
    if (status == PT_OK)
        (void)pt_pool_get_stats(job->pool, &stats);
    job->thread_count = stats.threads;
    if (job->thread_count < wanted)
        fprintf(stderr, "wordcount: going on with %u of %u threads: %s\n", job_threads(job), wanted,
                pt_strerror(status == PT_OK ? PT_ERR_AGAIN : status));
}

/* ---- Reading ------------------------------------------------------------------------------- */

/* Fill the rest of the buffer. False: the file cannot be read, and job->error says why. */
static bool fill(struct job *job, FILE *file, struct buffer *buffer)
{
    errno = 0;
    size_t got = fread(buffer->text + buffer->length, 1, buffer->capacity - buffer->length, file);
    buffer->length += got;
    job->bytes += got;
    if (ferror(file) == 0)
        return true;
    job->error = errno;
    return false;
}

/* Where the last word of a buffer begins if it may go on in the next one; its length if none does. */
static size_t find_cut(const struct buffer *buffer)
{
    size_t cut = buffer->length;
    while (cut > 0 && table_is_word_byte((unsigned char)buffer->text[cut - 1]))
        cut--;
    return cut;
}

/* A buffer that begins with what the full one holds after the cut. NULL: out of memory. */
static struct buffer *carry_over(struct job *job, struct buffer *full, size_t cut)
{
    struct buffer *next = queue_take_empty(&job->queue);
    size_t left = full->length - cut;
    if (next == NULL)
        return NULL;
    if (left >= next->capacity && !buffer_resize(next, left * 2)) {
        queue_put_empty(&job->queue, next);
        return NULL;
    }
    memcpy(next->text, full->text + cut, left);
    next->length = left;
    full->length = cut;
    return next;
}

enum outcome { READ, UNREADABLE, NO_MEMORY };

/* Read an open file to its end. Whatever comes of it, no buffer stays with the reader. */
static enum outcome read_text(struct job *job, FILE *file)
{
    struct buffer *buffer = queue_take_empty(&job->queue);
    while (buffer != NULL) {
        if (!fill(job, file, buffer)) {
            queue_put_empty(&job->queue, buffer);
            return UNREADABLE;
        }
        if (buffer->length < buffer->capacity) { /* the file's end, which ends a word too */
            hand_over(job, buffer);
            return READ;
        }
        size_t cut = find_cut(buffer);
        if (cut == 0) { /* nothing but one word so far */
            if (buffer->capacity <= SIZE_MAX / 2 && buffer_resize(buffer, buffer->capacity * 2))
                continue;
            queue_put_empty(&job->queue, buffer);
            return NO_MEMORY;
        }
        struct buffer *next = carry_over(job, buffer, cut);
        if (next == NULL)
            queue_put_empty(&job->queue, buffer);
        else
            hand_over(job, buffer);
        buffer = next;
    }
    return NO_MEMORY;
}

/* Reading a directory fails, but not everywhere with an error that says so. */
static bool is_directory(const char *name)
{
    size_t length = strlen(name);
    char *inside = malloc(length + 3);
    if (inside == NULL)
        return false;
    memcpy(inside, name, length);
    memcpy(inside + length, "/.", 3);
    FILE *file = fopen(inside, "rb");
    free(inside);
    if (file != NULL)
        fclose(file);
    return file != NULL;
}

static bool complain_unreadable(const char *name, int error)
{
    if (is_directory(name))
        return complain(name, "is a directory");
    return complain(name, error == 0 ? "cannot be read" : strerror(error));
}

static bool read_file(struct job *job, const char *name)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        return complain(name, strerror(errno));
    setvbuf(file, NULL, _IONBF, 0); /* our buffers are large: read straight into them */
    enum outcome outcome = read_text(job, file);
    fclose(file);
    switch (outcome) {
    case UNREADABLE: return complain_unreadable(name, job->error);
    case NO_MEMORY: return complain(name, "out of memory");
    default: return true;
    }
}

/* ---- The whole ----------------------------------------------------------------------------- */

unsigned job_threads(const struct job *job)
{
    return job->thread_count == 0 ? 1 : job->thread_count;
}

struct job *job_new(unsigned threads)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    /* One in work and one waiting for each thread; two to read into. */
    if (!queue_make(&job->queue, 2 * threads + 2) || !make_counters(job, threads)) {
        job_free(job);
        return NULL;
    }
    start_pool(job, threads);
    return job;
}

/* Forget the last round. No job is at work. */
static void clear(struct job *job)
{
    job->bytes = 0;
    for (unsigned i = 0; i < JOB_MAX_THREADS; i++)
        table_free(&job->all[i].table);
}

static bool merge_and_sort(struct job *job, struct job_result *result)
{
    struct table *all = &job->all[0].table;
    for (unsigned i = 1; i < JOB_MAX_THREADS; i++) {
        if (!table_absorb(all, &job->all[i].table))
            return false;
    }
    table_sort(all);
    *result = (struct job_result){.words = all, .bytes = job->bytes};
    for (size_t i = 0; i < all->distinct; i++)
        result->total += table_nth(all, i)->count;
    return true;
}

bool job_run(struct job *job, char *const *files, int file_count, struct job_result *result)
{
    clear(job);
    bool good = true;
    for (int i = 0; i < file_count && good; i++)
        good = read_file(job, files[i]);
    if (!queue_wait_until_empty(&job->queue) && good)
        good = complain(NULL, "out of memory");
    if (good && !merge_and_sort(job, result))
        good = complain(NULL, "out of memory");
    return good;
}

void job_free(struct job *job)
{
    if (job == NULL)
        return;
    if (job->pool != NULL)
        (void)pt_pool_destroy(job->pool);
    clear(job);
    queue_free(&job->queue);
    pt_channel_release_sender(job->counters);
    pt_channel_release_receiver(job->counters);
    free(job);
}
