"""The channels' metrics of pt_bench.c on CPython's module queue. What each one means is said there; the loops are the same.
Only one thread of CPython runs at a time."""

from queue import Queue, SimpleQueue

from harness import Case, check, flow_mmsgs, main, pair_us


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
]

main("python", CASES)
