/* server.c: a TCP server on a libuv loop whose work is done by a pool, so that it answers while all workers are busy.

   A client sends numbers, a line each, and gets back how many primes there are up to that one. Computing takes up to seconds, and
   is the pool's; "ping" is answered at once, by the loop. server --check is its own client, and says whether both work.

     server [--port N]      listens on 127.0.0.1 until it is ended; port 7777 unless said
     server --check         asks itself for ten large counts, then pings, and waits for all answers */
#include <pt_loop.h>
#include <pt_uv.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { LINE = 64, MOST = 200000000 };

struct client {
    uv_tcp_t tcp; /* first */
    char line[LINE];
    size_t length;
    unsigned jobs; /* that are to be answered still */
    bool gone;
};

struct job {
    pt_uv_request request;
    struct client *client;
    uint64_t number, primes;
};

static pt_uv *bridge;

static void *need(void *block)
{
    if (block == NULL) {
        fprintf(stderr, "server: out of memory\n");
        exit(1);
    }
    return block;
}

/* ---- Counting, in the pool ------------------------------------------------------------------ */

static bool is_prime(uint64_t n)
{
    for (uint64_t d = 2; d * d <= n; d++) {
        if (n % d == 0)
            return false;
    }
    return n >= 2;
}

static void begin_count(void *into, void *arg)
{
    (void)arg;
    *(uint64_t *)into = 0;
}

static void count_part(pt_loop *loop, uint64_t begin, uint64_t end, void *into, void *arg)
{
    (void)loop, (void)arg;
    for (uint64_t n = begin; n < end; n++)
        *(uint64_t *)into += is_prime(n);
}

static void add_counts(void *into, const void *right, void *arg)
{
    (void)arg;
    *(uint64_t *)into += *(const uint64_t *)right;
}

static void *count_primes(void *arg)
{
    static const pt_reduction how = {sizeof(uint64_t), begin_count, count_part, add_counts};
    struct job *job = arg;
    return pt_parallel_reduce(0, job->number + 1, &how, &job->primes, NULL, NULL) == PT_OK ? job : NULL;
}

/* ---- Answering, in the loop ------------------------------------------------------------------ */

static void free_client(uv_handle_t *handle)
{
    free(handle);
}

/* The last of its jobs may come after it has gone. */
static void let_go(struct client *client)
{
    if (client->gone && client->jobs == 0)
        uv_close((uv_handle_t *)&client->tcp, free_client);
}

static void sent(uv_write_t *write, int status)
{
    (void)status;
    free(write);
}

static void answer(struct client *client, const char *text)
{
    if (client->gone)
        return;
    uv_write_t *write = need(malloc(sizeof *write + LINE));
    char *copy = (char *)(write + 1);
    snprintf(copy, LINE, "%s\n", text);
    uv_buf_t buffer = uv_buf_init(copy, (unsigned)strlen(copy));
    if (uv_write(write, (uv_stream_t *)&client->tcp, &buffer, 1, sent) != 0)
        free(write);
}

static void counted(pt_uv_request *request, pt_future *future, pt_status status)
{
    struct job *job = request->data;
    char text[LINE];
    bool well = status == PT_OK && pt_future_try_get(future, NULL) == PT_OK;
    snprintf(text, sizeof text, "%" PRIu64 " %s%" PRIu64, job->number, well ? "" : "failed ", job->primes);
    answer(job->client, text);
    job->client->jobs--;
    let_go(job->client);
    free(job);
}

static void take_line(struct client *client, const char *line)
{
    char *end;
    uint64_t number = strtoull(line, &end, 10);
    if (strcmp(line, "ping") == 0) {
        answer(client, "pong");
        return;
    }
    if (end == line || *end != 0 || number > MOST) {
        answer(client, "send a number up to 200000000, or ping");
        return;
    }
    struct job *job = need(calloc(1, sizeof *job));
    job->client = client;
    job->number = number;
    job->request.data = job;
    if (pt_uv_queue_work(bridge, NULL, count_primes, job, &job->request, counted) == PT_OK) {
        client->jobs++;
    } else {
        answer(client, "busy, try again later");
        free(job);
    }
}

static void get_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    static char room[4096];
    (void)handle, (void)wanted;
    *buffer = uv_buf_init(room, sizeof room);
}

static void take_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct client *client = (struct client *)stream;
    for (ssize_t i = 0; i < count; i++) {
        if (buffer->base[i] == '\n') {
            client->line[client->length] = 0;
            client->length = 0;
            take_line(client, client->line);
        } else if (client->length < LINE - 1) {
            client->line[client->length++] = buffer->base[i];
        }
    }
    if (count < 0) {
        uv_read_stop(stream);
        client->gone = true;
        let_go(client);
    }
}

static void take_client(uv_stream_t *listener, int status)
{
    struct client *client = status != 0 ? NULL : need(calloc(1, sizeof *client));
    if (client == NULL || uv_tcp_init(listener->loop, &client->tcp) != 0)
        return;
    if (uv_accept(listener, (uv_stream_t *)&client->tcp) == 0)
        uv_read_start((uv_stream_t *)&client->tcp, get_room, take_bytes);
}

/* ---- Its own client, for --check -------------------------------------------------------------- */

enum { ASKED = 10 };

static struct {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    uv_tcp_t *listener;
    unsigned answers, before_pong;
    bool ponged;
} check;

static void take_answers(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    for (ssize_t i = 0; i < count; i++) {
        if (buffer->base[i] == '\n')
            check.answers++;
        if (buffer->base[i] == 'p') {
            check.ponged = true;
            check.before_pong = check.answers;
        }
    }
    if (count < 0 || check.answers == ASKED + 1) {
        uv_close((uv_handle_t *)stream, NULL);
        uv_close((uv_handle_t *)check.listener, NULL);
    }
}

static void ask(uv_connect_t *connect, int status)
{
    static char text[] = "300000\n300000\n300000\n300000\n300000\n300000\n300000\n300000\n300000\n300000\nping\n";
    uv_buf_t buffer = uv_buf_init(text, sizeof text - 1);
    if (status != 0 || uv_write(&check.write, connect->handle, &buffer, 1, NULL) != 0 ||
        uv_read_start(connect->handle, get_room, take_answers) != 0)
        uv_close((uv_handle_t *)check.listener, NULL);
}

static int report_check(void)
{
    bool quick = check.ponged && check.before_pong < ASKED;
    printf("server: %u answers of %u; ping was answered after %u of them: %s\n", check.answers, ASKED + 1,
           check.before_pong, quick && check.answers == ASKED + 1 ? "well" : "not as it should be");
    return quick && check.answers == ASKED + 1 ? 0 : 1;
}

/* ---- All of it ------------------------------------------------------------------------------ */

static int fail(const char *what, int error)
{
    fprintf(stderr, "server: %s: %s\n", what, uv_strerror(error));
    return 1;
}

static int listen_on(uv_loop_t *loop, uv_tcp_t *listener, int port)
{
    struct sockaddr_in address;
    int error = uv_tcp_init(loop, listener);
    if (error == 0)
        error = uv_ip4_addr("127.0.0.1", port, &address);
    if (error == 0)
        error = uv_tcp_bind(listener, (const struct sockaddr *)&address, 0);
    return error == 0 ? uv_listen((uv_stream_t *)listener, 16, take_client) : error;
}

static int begin_check(uv_loop_t *loop, uv_tcp_t *listener)
{
    struct sockaddr_storage address;
    int length = sizeof address, error = uv_tcp_getsockname(listener, (struct sockaddr *)&address, &length);
    check.listener = listener;
    if (error == 0)
        error = uv_tcp_init(loop, &check.tcp);
    return error == 0 ? uv_tcp_connect(&check.connect, &check.tcp, (const struct sockaddr *)&address, ask) : error;
}

int main(int argc, char **argv)
{
    bool checks = argc == 2 && strcmp(argv[1], "--check") == 0, ports = argc == 3 && strcmp(argv[1], "--port") == 0;
    int port = checks ? 0 : ports ? atoi(argv[2]) : 7777;
    if ((argc != 1 && !checks && !ports) || port < 0 || port > 65535) {
        fprintf(stderr,
                "Usage: server [--port N | --check]\nThen: printf '1000000\\nping\\n' | nc -N 127.0.0.1 7777\n");
        return 2;
    }
    uv_loop_t loop;
    uv_tcp_t listener;
    int error = uv_loop_init(&loop);
    if (error == 0)
        error = listen_on(&loop, &listener, port);
    if (error != 0)
        return fail("cannot listen", error);
    if (pt_uv_create(&bridge, &loop) != PT_OK)
        return fail("no bridge to the loop", UV_ENOMEM);
    if (checks && (error = begin_check(&loop, &listener)) != 0)
        return fail("cannot connect", error);
    if (!checks)
        printf("server: listens on 127.0.0.1:%d\n", port);
    fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    pt_uv_close(bridge, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return checks ? report_check() : 0;
}
