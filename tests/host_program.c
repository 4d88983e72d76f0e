/* host_program.c: a program for host.test.mjs: does what its first argument says. Plain pthreads, as the hosts are to
   run any program. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static volatile int sink;

static void *wait_for_ever(void *arg)
{
    pthread_mutex_lock(&mutex);
    for (;;)
        pthread_cond_wait(&never, &mutex);
    return arg;
}

static void *spin(void *arg)
{
    while (sink >= 0)
        sink = 1;
    return arg;
}

static void *trap(void *arg)
{
    (void)arg;
    __builtin_trap();
}

static void *exit_with_3(void *arg)
{
    (void)arg;
    exit(3);
}

static void *abort_it(void *arg)
{
    (void)arg;
    abort();
}

static int descend(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    return sink < 0 ? 0 : descend(depth + 1) + frame[0]; /* sink is never below 0 */
}

static void *overflow(void *arg)
{
    sink = descend(0);
    return arg;
}

static void start(void *(*function)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, function, NULL) != 0)
        exit(9);
    pthread_detach(thread);
}

static int count_threads(void)
{
    enum { MOST = 2000 };
    int count = 0, error = 0;
    pthread_t thread;
    while (count < MOST && (error = pthread_create(&thread, NULL, wait_for_ever, NULL)) == 0)
        count++;
    printf("%d threads, then %s\n", count, error == EAGAIN ? "EAGAIN" : "something else");
    return 0;
}

static int count_memory(void)
{
    size_t count = 0;
    for (void *volatile block; (block = malloc(1 << 20)) != NULL; count++)
        memset(block, 1, 1 << 20);
    printf("%zu MiB\n", count);
    return 0;
}

static int shared_fd;

static void *open_it(void *path)
{
    shared_fd = open(path, O_RDONLY);
    return NULL;
}

/* A descriptor is the process's, not the thread's. */
static int read_by_another(char *path)
{
    pthread_t thread;
    char text[64];
    if (pthread_create(&thread, NULL, open_it, path) != 0 || pthread_join(thread, NULL) != 0)
        return 9;
    ssize_t length = read(shared_fd, text, sizeof text);
    return length < 0 ? 1 : fwrite(text, 1, (size_t)length, stdout) != (size_t)length;
}

static int echo(void)
{
    char buffer[4096];
    size_t length;
    while ((length = fread(buffer, 1, sizeof buffer, stdin)) > 0)
        fwrite(buffer, 1, length, stdout);
    return 0;
}

static int show(int argc, char **argv)
{
    const char *value = getenv("COLOUR"), *home = getenv("HOME");
    printf("COLOUR=%s HOME=%s", value ? value : "unset", home ? home : "unset");
    for (int i = 2; i < argc; i++)
        printf(" [%s]", argv[i]);
    puts("");
    return 0;
}

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        void *(*in_thread)(void *), *(*in_main)(void *);
    } ends[] = {
        {"trap-while-main-waits", trap, wait_for_ever},         {"trap-while-main-spins", trap, spin},
        {"exit-while-main-waits", exit_with_3, wait_for_ever},  {"abort-while-main-waits", abort_it, wait_for_ever},
        {"overflow-while-main-waits", overflow, wait_for_ever}, {"trap-in-main", wait_for_ever, trap},
    };
    const char *mode = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (strcmp(mode, ends[i].name) == 0) {
            start(ends[i].in_thread);
            ends[i].in_main(NULL);
        }
    }
    if (strcmp(mode, "return-5") == 0) {
        start(wait_for_ever);
        start(spin);
        return 5;
    }
    if (strcmp(mode, "threads") == 0)
        return count_threads();
    if (strcmp(mode, "memory") == 0)
        return count_memory();
    if (strcmp(mode, "read") == 0)
        return read_by_another(argv[2]);
    if (strcmp(mode, "echo") == 0)
        return echo();
    if (strcmp(mode, "show") == 0)
        return show(argc, argv);
    fprintf(stderr, "unknown mode: %s\n", mode);
    return 99;
}
