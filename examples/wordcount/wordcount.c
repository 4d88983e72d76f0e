/* wordcount.c: counts the words of files with several threads: the command line, and what it prints. The same
   source is the native program, the WASI module, and what the demo page runs in a browser. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pt.h>

#include "job.h"

#define MAX_ROUNDS 1000

static const char help[] =
    "Usage: wordcount [--threads N] [--rounds R] [--out FILE] [--] file...\n"
    "Counts the words of the files with several threads.\n"
    "\n"
    "A word is a run of ASCII letters, digits and bytes from 0x80 up; A to Z count as a to z.\n"
    "The end of a file ends a word.\n"
    "\n"
    "  --threads N   how many threads count, 1 to 256; default: as many as can run at once\n"
    "  --rounds R    do the whole work R times, 1 to 1000, and tell the median time; default 1\n"
    "  --out FILE    write all words, a line each, most frequent first: count, tab, word\n"
    "                FILE - is stdout; the summary then goes to stderr\n"
    "  --help        print this\n"
    "\n"
    "Prints one line: threads=N words=N distinct=N bytes=N rounds=R ms=MEDIAN\n"
    "Exit code: 0 if all went well, 2 if not.\n";

struct options {
    unsigned threads;
    unsigned rounds;
    const char *out; /* NULL: nowhere */
    char **files;
    int file_count;
    bool help;
};

static bool fail(const char *about, const char *what)
{
    fprintf(stderr, "wordcount: %s: %s\n", about, what);
    return false;
}

/* ---- Options ------------------------------------------------------------------------------- */

static bool read_number(const char *option, const char *text, unsigned most, unsigned *out)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < 1 || number > most) {
        fprintf(stderr, "wordcount: %s wants a whole number from 1 to %u, not '%s'\n", option, most, text);
        return false;
    }
    *out = (unsigned)number;
    return true;
}

static bool read_option(struct options *options, const char *name, const char *value)
{
    bool known = strcmp(name, "--threads") == 0 || strcmp(name, "--rounds") == 0 || strcmp(name, "--out") == 0;
    if (!known)
        return fail(name, "no such option; try --help");
    if (value == NULL || value[0] == '\0')
        return fail(name, "wants a value");
    if (strcmp(name, "--out") == 0) {
        options->out = value;
        return true;
    }
    bool threads = strcmp(name, "--threads") == 0;
    return read_number(name, value, threads ? JOB_MAX_THREADS : MAX_ROUNDS,
                       threads ? &options->threads : &options->rounds);
}

static bool read_options(struct options *options, int argc, char **argv)
{
    int i = 1;
    while (i < argc && argv[i][0] == '-' && argv[i][1] != '\0') {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "--help") == 0) {
            options->help = true;
            return true;
        }
        if (!read_option(options, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
            return false;
        i += 2;
    }
    options->files = argv + i;
    options->file_count = argc - i;
    return options->file_count > 0 || fail("no files", "try --help");
}

/* ---- Results ------------------------------------------------------------------------------- */

static bool write_words(const struct job_result *result, const char *name)
{
    static char buffer[256 * 1024]; /* each write of a browser's Worker goes through the page's main thread */
    bool to_stdout = strcmp(name, "-") == 0;
    errno = 0;
    FILE *file = to_stdout ? stdout : fopen(name, "wb");
    if (file == NULL)
        return fail(name, strerror(errno));
    setvbuf(file, buffer, _IOFBF, sizeof buffer);
    for (size_t i = 0; i < result->words->distinct && !ferror(file); i++) {
        const struct word *word = table_nth(result->words, i);
        fprintf(file, "%" PRIu64 "\t", word->count);
        fwrite(word->bytes, 1, word->length, file);
        putc('\n', file);
    }
    bool good = fflush(file) == 0 && ferror(file) == 0;
    int error = errno;
    if (!to_stdout && fclose(file) != 0)
        good = false;
    return good || fail(to_stdout ? "stdout" : name, error == 0 ? "cannot be written" : strerror(error));
}

static int compare_times(const void *left, const void *right)
{
    const pt_time a = *(const pt_time *)left, b = *(const pt_time *)right;
    return (a > b) - (a < b);
}

static double median_ms(pt_time *times, unsigned count)
{
    qsort(times, count, sizeof *times, compare_times);
    pt_time twice = times[(count - 1) / 2] + times[count / 2];
    return (double)twice / 2 / (double)PT_MILLISECOND;
}

static bool write_summary(FILE *file, const struct job_result *result, unsigned threads, pt_time *times,
                          unsigned rounds)
{
    fprintf(file, "threads=%u words=%" PRIu64 " distinct=%zu bytes=%" PRIu64 " rounds=%u ms=%.3f\n", threads,
            result->total, result->words->distinct, result->bytes, rounds, median_ms(times, rounds));
    return fflush(file) == 0 || fail("stdout", "cannot be written");
}

/* ---- The program --------------------------------------------------------------------------- */

static bool count_words(struct job *job, const struct options *options)
{
    pt_time times[MAX_ROUNDS];
    struct job_result result;
    for (unsigned round = 0; round < options->rounds; round++) {
        pt_time begin = pt_now();
        if (!job_run(job, options->files, options->file_count, &result))
            return false;
        times[round] = pt_now() - begin;
    }
    if (options->out != NULL && !write_words(&result, options->out))
        return false;
    FILE *summary = options->out != NULL && strcmp(options->out, "-") == 0 ? stderr : stdout;
    return write_summary(summary, &result, job_threads(job), times, options->rounds);
}

int main(int argc, char **argv)
{
    struct options options = {.rounds = 1};
    if (!read_options(&options, argc, argv))
        return 2;
    if (options.help)
        return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? 2 : 0;
    if (options.threads == 0) {
        unsigned most = pt_thread_parallelism();
        options.threads = most < JOB_MAX_THREADS ? most : JOB_MAX_THREADS;
    }
    struct job *job = job_new(options.threads);
    bool good = job != NULL ? count_words(job, &options) : fail("start", "out of memory");
    job_free(job);
    return good ? 0 : 2;
}
