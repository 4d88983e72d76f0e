"""The harness of the Python peer: what bench.c is for the C ones, by the same method, with the same options and the same
lines of output. For --pin alone there is no way: a thread has to hold the interpreter's lock to run at all."""

import argparse
import statistics
import sys
import threading
import time
from collections import namedtuple

LEAST_GOES = 10
RUNS = 9
FLOW_RUNS = 3
FLOW_UNIT = 4 * 32

# How one metric is measured: one round, in the metric's unit. threads: passed to measure.
Case = namedtuple("Case", "metric unit better what measure threads")

options = None


def check(ok, what):
    if not ok:
        sys.exit(f"bench: {what}")


# ---- Clocks and medians ------------------------------------------------------------------------


def round_length():
    """How long one round of a measurement is to take, in nanoseconds."""
    return 10_000_000 if options.quick else 200_000_000


def calibrated_ns(runs, run):
    """Nanoseconds an operation. First raise n until a run takes its part of a round, which warms everything up, too.
    Twice in a row it must, since a single run may have taken long because somebody else had the processor."""
    length, n = round_length() / runs, 1
    while True:
        took = run(n)
        if took >= length / 2:
            took = run(n)
        if took >= length / 2:
            break
        n *= 10 if took < length / 20 else 2
    return statistics.median(run(n) / n for _ in range(runs))


# ---- Shapes ------------------------------------------------------------------------------------


class Gate:
    """Threads wait at it until all are there and it is opened."""

    def __init__(self, expected):
        self.ready = threading.Semaphore(0)
        self.opened = threading.Event()
        self.expected = expected

    def pass_through(self):
        self.ready.release()
        self.opened.wait()

    def gather(self):
        for _ in range(self.expected):
            self.ready.acquire()


def start(gate, work, *args):
    """A thread that does the work once it has passed the gate."""

    def run():
        gate.pass_through()
        work(*args)

    thread = threading.Thread(target=run, daemon=True)  # a failed check is to end the program
    thread.start()
    return thread


def pair_us(ping, pong):
    """Two threads, each running its loop n times, that keep each other going: microseconds a round trip. ping runs in
    the calling one and is timed."""

    def run(n):
        gate = Gate(1)
        thread = start(gate, pong, n)
        gate.gather()
        gate.opened.set()
        begin = time.perf_counter_ns()
        ping(n)
        took = time.perf_counter_ns() - begin
        thread.join()
        return took

    return calibrated_ns(RUNS, run) / 1e3


def flow_mmsgs(producers, consumers, send, receive):
    """Producers send values, consumers receive them, each in a thread of its own: millions of values a second. send gets
    the first value and how many there are to send, each one more than the last; receive gets how many there are to
    receive, and returns their sum, by which a lost or doubled value shows. All send, and receive, equally many."""
    check(FLOW_UNIT % (producers * 32) == 0 and FLOW_UNIT % (consumers * 32) == 0, "shares are not equal")

    def run(n):
        total, sums = n * FLOW_UNIT, []
        sent, received = total // producers, total // consumers
        gate = Gate(producers + consumers)
        threads = [start(gate, send, 1 + i * sent, sent) for i in range(producers)]
        threads += [start(gate, lambda: sums.append(receive(received))) for _ in range(consumers)]
        gate.gather()
        begin = time.perf_counter_ns()
        gate.opened.set()
        for thread in threads:
            thread.join()
        took = time.perf_counter_ns() - begin
        check(sum(sums) == total * (total + 1) // 2, "values were lost, doubled or changed on their way")
        return took

    return FLOW_UNIT * 1e3 / calibrated_ns(FLOW_RUNS, run)


def single_us(go, count):
    """Microseconds that one go takes: the median of so many goes, or of as many as fit in 2 s."""
    end, took = time.perf_counter_ns() + 10 * round_length(), []
    go()  # to warm up
    while len(took) < count and (len(took) < LEAST_GOES or time.perf_counter_ns() < end):
        begin = time.perf_counter_ns()
        go()
        took.append((time.perf_counter_ns() - begin) / 1e3)
    return statistics.median(took)


def go_ms(loop, n):
    """Milliseconds that a loop of n takes: one go to warm up, then the median of 9, or of as many as fit in 2 s. Under
    --quick one hundredth of it, once."""
    goes, n = (1, n // 100) if options.quick else (9, n)
    end, took = time.perf_counter_ns() + 10 * round_length(), []
    if not options.quick:
        loop(n)
    while len(took) < goes and (not took or time.perf_counter_ns() < end):
        begin = time.perf_counter_ns()
        loop(n)
        took.append((time.perf_counter_ns() - begin) / 1e6)
    return statistics.median(took)


def cpu_percent(trickle=None):
    """The processor time that the process takes in 2 s: 100 is one processor. The calling thread sleeps, and once a
    millisecond calls trickle, if there is one."""
    used, begin = time.process_time_ns(), time.perf_counter_ns()
    at, end = begin, begin + 10 * round_length()
    while at < end:
        at = min(at + 1_000_000, end) if trickle else end
        time.sleep(max(0, at - time.perf_counter_ns()) / 1e9)
        if trickle:
            trickle()
    return (time.process_time_ns() - used) * 100 / (time.perf_counter_ns() - begin)


# ---- Options -----------------------------------------------------------------------------------


def rounds(text):
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"wants a number from 1 to 1000: {text}")
    return int(text)


def parse_options():
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="Measures, and prints a line for each metric: library, metric, value, unit."
    )
    parser.add_argument("--list", action="store_true", help="only list the metrics: name, unit, which is better, what it is")
    parser.add_argument("--filter", action="append", default=[], metavar="TEXT,...",
                        help="only metrics whose name contains one of the texts; may be repeated")
    parser.add_argument("--rounds", type=rounds, default=1, metavar="N", help="measure N times and print the median (default 1)")
    parser.add_argument("--format", choices=["tsv", "table"], default="tsv",
                        help="tsv: fields separated by tabs, for programs (default); table: aligned, for people")
    parser.add_argument("--quick", action="store_true", help="rounds of 0.01 s, not 0.2 s: shows that it runs, not how fast")
    parser.add_argument("--progress", action="store_true", help="say on standard error what is being measured")
    parsed = parser.parse_args()
    parsed.filter = [text for texts in parsed.filter for text in texts.split(",") if text]
    return parser, parsed


# ---- Running the cases -------------------------------------------------------------------------


def run_case(library, case):
    value = statistics.median(case.measure(case.threads) for _ in range(options.rounds))
    if options.format == "table":
        print(f"{library:<11} {case.metric:<28} {value:12.3f} {case.unit}", flush=True)
    else:
        print(f"{library}\t{case.metric}\t{value:.3f}\t{case.unit}", flush=True)


def main(library, cases):
    global options
    parser, options = parse_options()
    wanted = [case for case in cases if not options.filter or any(text in case.metric for text in options.filter)]
    if not wanted:
        parser.error(f"no metric has a name with: {options.filter[0]}")
    for index, case in enumerate(wanted, 1):
        if options.list:
            print(case.metric, case.unit, case.better, case.what, sep="\t")
            continue
        if options.progress:
            print(f"{library}: {case.metric} ({index} of {len(wanted)})", file=sys.stderr, flush=True)
        run_case(library, case)
