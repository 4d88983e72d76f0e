/* job.h: counting the words of files with a pool. One thread reads, the pool counts. */
#ifndef WORDCOUNT_JOB_H
#define WORDCOUNT_JOB_H

#include "table.h"

#define JOB_MAX_THREADS 256

struct job; /* the pool that counts, and the buffers in which text goes to them */

/* What a round found. It lives until the next round, or until job_free(). */
struct job_result {
    const struct table *words; /* sorted */
    uint64_t total;            /* words */
    uint64_t bytes;            /* of the files */
};

/* Start threads that count, 1 to JOB_MAX_THREADS. If that many cannot be had, there will be fewer, and a line on
   stderr says so; with none at all the thread that reads counts too. NULL: out of memory. */
struct job *job_new(unsigned threads);

/* How many threads count. */
unsigned job_threads(const struct job *job);

/* One round, the whole work: read the files, count, merge, sort. False: a line on stderr has said what failed. */
bool job_run(struct job *job, char *const *files, int file_count, struct job_result *result);

/* Ends the threads. NULL is harmless. */
void job_free(struct job *job);

/* How many bytes a worker, 0 for the first, has counted so far, in all rounds together. Any thread may ask at any
   time: in a browser the page's main thread draws its bars by it. A double, because that is JavaScript's number. */
double wordcount_progress(unsigned worker);

#endif
