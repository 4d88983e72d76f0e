"""The channels' metrics of pt_bench.c on CPython's module queue, and the pools' on concurrent.futures. What each one means is
said there; the loops are the same. Only one thread of CPython runs at a time."""

from concurrent.futures import ThreadPoolExecutor, wait
from queue import Queue, SimpleQueue

from harness import Case, check, cpu_percent, flow_mmsgs, go_ms, main, pair_us, single_us


def flow(queue, producers, consumers):
    def send(first, n):
        put = queue.put
        for value in range(first, first + n):
            put(value)

    def receive(n):
        get, total = queue.get, 0
        for _ in range(n):
            total += get()
        return total

    return flow_mmsgs(producers, consumers, send, receive)


def chan_pingpong_us(_threads):
    to_pong, to_ping = Queue(1), Queue(1)

    def ping(n):
        for i in range(n):
            to_pong.put(i)
            check(to_ping.get() == i, "another value came back")

    def pong(n):
        for _ in range(n):
            to_ping.put(to_pong.get())

    return pair_us(ping, pong)


def do_nothing():
    pass


def new_pool(workers):
    """All its threads are there: it starts one for each of the first tasks, if no other one is idle."""
    pool = ThreadPoolExecutor(workers)
    wait([pool.submit(do_nothing) for _ in range(1000)])
    return pool


def pool_tasks_ms(workers):
    """A tenth of the tasks, and ten times what they take: all of them would take a quarter of a minute."""
    with new_pool(workers) as pool:
        return 10 * go_ms(lambda n: wait([pool.submit(do_nothing) for _ in range(n)]), 100_000)


def pool_submit_wait_us(workers):
    with new_pool(workers) as pool:
        return single_us(lambda: pool.submit(do_nothing).result(), 10_000)


def pool_idle_percent(workers):
    with new_pool(workers):
        return cpu_percent()


def pool_trickle_percent(workers):
    with new_pool(workers) as pool:
        return cpu_percent(lambda: pool.submit(do_nothing))


# Names, units and the rest are those of ../../metrics.c; run.mjs checks that units and directions are the same. The queue
# without a bound is SimpleQueue, which is written in C; Queue is not.
CASES = [
    Case("chan_spsc_1024_Mmsgs", "Mmsgs", "higher", "1 producer, 1 consumer, 8-byte values, room for 1,024",
         lambda producers: flow(Queue(1024), producers, 1), 1),
    Case("chan_spsc_unbounded_Mmsgs", "Mmsgs", "higher", "1 producer, 1 consumer, 8-byte values, any number of them",
         lambda producers: flow(SimpleQueue(), producers, 1), 1),
    Case("chan_mpsc4_1024_Mmsgs", "Mmsgs", "higher", "4 producers, 1 consumer, room for 1,024",
         lambda producers: flow(Queue(1024), producers, 1), 4),
    Case("chan_mpmc4x4_1024_Mmsgs", "Mmsgs", "higher", "4 producers, 4 consumers, room for 1,024",
         lambda each: flow(Queue(1024), each, each), 4),
    Case("chan_pingpong_us", "us", "lower", "round trip of two threads over two channels with room for 1",
         chan_pingpong_us, 2),
    Case("pool_1M_tasks_ms", "ms", "lower", "1,000,000 empty tasks from outside, 2 workers: 10 times what 100,000 take",
         pool_tasks_ms, 2),
    Case("pool_submit_wait_us", "us", "lower", "an empty job from outside, wait for its result, 2 workers; median",
         pool_submit_wait_us, 2),
    Case("pool_idle_cpu_percent", "%", "lower", "processor time that 2 warm workers take with nothing to do",
         pool_idle_percent, 2),
    Case("pool_trickle_cpu_percent", "%", "lower", "the same with one empty task each millisecond from outside",
         pool_trickle_percent, 2),
]

main("python", CASES)
