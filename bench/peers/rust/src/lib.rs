//! The harness of the Rust peers: what bench.c is for the C ones, by the same method, with the same options and the same
//! lines of output. A peer is a table of cases and a `main()` that hands it to [`main`]; a measuring function
//! prepares its object and calls one of the shapes: [`alone_ns`], [`pair_us`], [`single_us`], [`crowd`], [`flow_mmsgs`],
//! and those of the module pools.

mod options;
mod pin;
mod pools;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use options::Options;
pub use pools::{cpu_percent, fib_ms, go_ms, parfor_ms, parfor_tiny_us, sort_ms};

const LEAST_GOES: usize = 10;
const RUNS: u32 = 9;
const FLOW_RUNS: u32 = 3;
const FLOW_UNIT: u64 = 4 * 32;
const BATCH: u64 = 64;

/// Do the operation n times.
pub type Loop<'a> = &'a (dyn Fn(u64) + Sync);

/// How one library measures a metric: one round, in the metric's unit.
pub struct Case {
    pub metric: &'static str,
    pub measure: fn(usize) -> f64,
    /// Passed to `measure`, for metrics that come in several sizes.
    pub threads: usize,
}

/// Something on cache lines of its own.
#[repr(align(128))]
pub struct Line<T>(pub T);

struct Metric {
    name: &'static str,
    unit: &'static str,
    better: &'static str,
    what: &'static str,
}

const fn metric(name: &'static str, unit: &'static str, better: &'static str, what: &'static str) -> Metric {
    Metric { name, unit, better, what }
}

/// Those of ../../metrics.c that a Rust peer has; run.mjs checks that units and directions are the same.
const METRICS: &[Metric] = &[
    metric("spawn_join_us", "us", "lower", "start a thread with an empty function and join it; median of 2,000"),
    metric("spawn_join_reused_us", "us", "lower", "the same on a parked carrier; a peer, which parks none: as above"),
    metric("mutex_uncontended_ns", "ns", "lower", "lock + unlock that nobody else wants"),
    metric("mutex_contended_2_Mops", "Mops", "higher", "2 threads increment one counter under one lock"),
    metric("mutex_contended_4_Mops", "Mops", "higher", "4 threads increment one counter under one lock"),
    metric("mutex_contended_8_Mops", "Mops", "higher", "8 threads increment one counter under one lock"),
    metric("mutex_fairness_8", "share", "higher", "8 threads, one lock, 1 s: the slowest one's count by the mean"),
    metric("rwlock_read_uncontended_ns", "ns", "lower", "lock for reading + unlock that nobody else wants"),
    metric("rwlock_write_uncontended_ns", "ns", "lower", "lock for writing + unlock that nobody else wants"),
    metric("rwlock_mixed_4_Mops", "Mops", "higher", "4 threads read one counter; 1 of 16 times they increment it"),
    metric("barrier_2_us", "us", "lower", "two threads meet at a barrier again and again; a meeting"),
    metric("cond_pingpong_us", "us", "lower", "round trip of two threads by one mutex and two conditions"),
    metric("chan_spsc_1024_Mmsgs", "Mmsgs", "higher", "1 producer, 1 consumer, 8-byte values, room for 1,024"),
    metric("chan_spsc_unbounded_Mmsgs", "Mmsgs", "higher", "1 producer, 1 consumer, 8-byte values, any number of them"),
    metric("chan_mpsc4_1024_Mmsgs", "Mmsgs", "higher", "4 producers, 1 consumer, room for 1,024"),
    metric("chan_mpmc4x4_1024_Mmsgs", "Mmsgs", "higher", "4 producers, 4 consumers, room for 1,024"),
    metric("chan_select4_Mmsgs", "Mmsgs", "higher", "1 receiver selects from 4 channels, each with its own producer"),
    metric("chan_pingpong_us", "us", "lower", "round trip of two threads over two channels with room for 1"),
    metric("chan_rendezvous_us", "us", "lower", "the same over channels without room: both ends meet"),
    metric("timer_late_us", "us", "lower", "how much later than its 2 ms a timer's tick reaches the thread that waits"),
    metric("forkjoin_fib32_ms", "ms", "lower", "fib(32), a fork at every call, 2 workers"),
    metric("forkjoin_fib32_1_ms", "ms", "lower", "fib(32), a fork at every call, 1 worker"),
    metric("forkjoin_fib32_8_ms", "ms", "lower", "fib(32), a fork at every call, 8 workers"),
    metric("pool_1M_tasks_ms", "ms", "lower", "1,000,000 empty tasks from one outside thread, wait for all, 2 workers"),
    metric("pool_submit_wait_us", "us", "lower", "an empty job from outside, wait for its result, 2 workers; median"),
    metric("pool_idle_cpu_percent", "%", "lower", "processor time that 2 warm workers take with nothing to do"),
    metric("pool_trickle_cpu_percent", "%", "lower", "the same with one empty task each millisecond from outside"),
    metric("parfor_10M_ms", "ms", "lower", "x = x * 1.0001 + 1 over 10 M doubles, 2 workers"),
    metric("parfor_10M_8_ms", "ms", "lower", "x = x * 1.0001 + 1 over 10 M doubles, 8 workers"),
    metric("parfor_tiny_us", "us", "lower", "x = x * 1.0001 + 1 over 5,000 doubles, 2 workers: again and again"),
    metric("sort_10M_ms", "ms", "lower", "10 M random 64-bit integers, equal ones in any order, 2 workers"),
    metric("sort_stable_10M_ms", "ms", "lower", "the same, equal ones in the order they had"),
];

// ---- Medians and clocks ------------------------------------------------------------------------

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(|a, b| a.total_cmp(b));
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}

/// How long one round of a measurement is to take.
fn round_length() -> Duration {
    Duration::from_millis(if options::quick() { 10 } else { 200 })
}

// ---- A gate: threads wait at it until all are there and it is opened ---------------------------

#[derive(Default)]
struct Gate {
    state: Mutex<(usize, bool)>, // how many wait, and whether it is open
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        while !state.1 {
            state = self.changed.wait(state).unwrap();
        }
    }

    fn gather(&self, expected: usize) {
        let mut state = self.state.lock().unwrap();
        while state.0 < expected {
            state = self.changed.wait(state).unwrap();
        }
    }

    fn open(&self, expected: usize) {
        self.gather(expected);
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

// ---- Shapes: one thread, and two ---------------------------------------------------------------

/// Nanoseconds an operation. First raise n until a run takes its part of a round, which warms everything up, too. Twice
/// in a row it must, since a single run may have taken long because somebody else had the processor.
fn calibrated_ns(runs: u32, run: &mut dyn FnMut(u64) -> Duration) -> f64 {
    let length = round_length() / runs;
    let mut n = 1;
    loop {
        let mut took = run(n);
        if took >= length / 2 {
            took = run(n);
        }
        if took >= length / 2 {
            break;
        }
        n *= if took < length / 20 { 10 } else { 2 };
    }
    let mut ns: Vec<f64> = (0..runs).map(|_| run(n).as_nanos() as f64 / n as f64).collect();
    median(&mut ns)
}

/// One thread: nanoseconds an operation, the median of several runs. Another thread sleeps all the time.
pub fn alone_ns(operations: Loop) -> f64 {
    let gate = Gate::default();
    thread::scope(|scope| {
        scope.spawn(|| gate.pass());
        let ns = calibrated_ns(RUNS, &mut |n| {
            let begin = Instant::now();
            operations(n);
            begin.elapsed()
        });
        gate.open(1);
        ns
    })
}

/// Two threads, each running its loop n times, that keep each other going: microseconds a round trip. ping runs in the
/// calling thread and is timed. Otherwise as above.
pub fn pair_us(ping: Loop, pong: Loop) -> f64 {
    let mut run = |n| {
        let gate = Gate::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                pin::thread(1);
                gate.pass();
                pong(n);
            });
            gate.open(1);
            let begin = Instant::now();
            ping(n);
            begin.elapsed()
        })
    };
    pin::thread(0);
    let ns = calibrated_ns(RUNS, &mut run);
    pin::undo();
    ns / 1e3
}

// ---- Shape: something slow ---------------------------------------------------------------------

/// Something slow: microseconds that one go takes, the median of `count` goes, or of as many as fit in 2 s.
pub fn single_us(go: impl Fn(), count: usize) -> f64 {
    let end = Instant::now() + 10 * round_length();
    let mut took = Vec::with_capacity(count);
    go(); // once to warm up
    while took.len() < count && (took.len() < LEAST_GOES || Instant::now() < end) {
        let begin = Instant::now();
        go();
        took.push(begin.elapsed().as_nanos() as f64 / 1e3);
    }
    median(&mut took)
}

/// By how many microseconds too late what is waited for comes, the median of 100 waits of 2 ms each.
pub fn late_us(wait: fn(Duration)) -> f64 {
    const LENGTH: Duration = Duration::from_millis(2);
    let waits = if options::quick() { 3 } else { 100 };
    let mut late = Vec::with_capacity(waits);
    for _ in 0..waits {
        let begin = Instant::now();
        wait(LENGTH);
        late.push((begin.elapsed() - LENGTH).as_nanos() as f64 / 1e3);
    }
    median(&mut late)
}

// ---- Shape: a crowd ----------------------------------------------------------------------------

pub struct Crowd {
    /// Operations of all threads together.
    pub total: u64,
    /// Millions of them in a second.
    pub mops: f64,
    /// Of the slowest thread, as against the mean: 1 is perfectly fair.
    pub slowest_share: f64,
}

/// `threads` threads that all run the loop, with a small n, again and again, for `rounds` times 0.2 s by the clock.
pub fn crowd(threads: usize, rounds: u32, operations: Loop) -> Crowd {
    let gate = Gate::default();
    let stop = Line(AtomicBool::new(false)); // on a cache line that nobody writes meanwhile
    let member = |index: usize| {
        let mut done = 0;
        pin::thread(index);
        gate.pass();
        while !stop.0.load(Ordering::Relaxed) {
            operations(BATCH);
            done += BATCH;
        }
        done
    };
    let (done, took) = thread::scope(|scope| {
        let member = &member;
        let members: Vec<_> = (0..threads).map(|index| scope.spawn(move || member(index))).collect();
        gate.open(threads);
        let begin = Instant::now();
        thread::sleep(rounds * round_length());
        stop.0.store(true, Ordering::Relaxed);
        let took = begin.elapsed();
        let done: Vec<u64> = members.into_iter().map(|member| member.join().unwrap()).collect();
        (done, took)
    });
    let total: u64 = done.iter().sum();
    Crowd {
        total,
        mops: total as f64 / took.as_nanos() as f64 * 1e3,
        slowest_share: (*done.iter().min().unwrap() * threads as u64) as f64 / total as f64,
    }
}

// ---- Shape: a flow -----------------------------------------------------------------------------

/// Each sender sends values in a thread of its own, and each receiver receives in one: millions of values a second. `send`
/// gets the first value and how many there are to send, each one more than the last; `receive` gets how many there are
/// to receive, and returns their sum, by which a lost or doubled value shows. All send, and receive, equally many.
pub fn flow_mmsgs<S: Send, R: Send>(
    senders: &mut [S],
    receivers: &mut [R],
    send: impl Fn(&S, u64, u64) + Sync,
    receive: impl Fn(&R, u64) -> u64 + Sync,
) -> f64 {
    assert_eq!(FLOW_UNIT % (senders.len() as u64 * 32), 0, "equal shares");
    assert_eq!(FLOW_UNIT % (receivers.len() as u64 * 32), 0, "equal shares");
    let mut run = |n| run_flow(n * FLOW_UNIT, senders, receivers, &send, &receive);
    FLOW_UNIT as f64 * 1e3 / calibrated_ns(FLOW_RUNS, &mut run)
}

fn run_flow<S: Send, R: Send>(
    total: u64,
    senders: &mut [S],
    receivers: &mut [R],
    send: &(impl Fn(&S, u64, u64) + Sync),
    receive: &(impl Fn(&R, u64) -> u64 + Sync),
) -> Duration {
    let gate = &Gate::default();
    let (producers, consumers) = (senders.len(), receivers.len());
    let (sent, received) = (total / producers as u64, total / consumers as u64);
    let (took, sum) = thread::scope(|scope| {
        let mut producing = vec![];
        for (index, sender) in senders.iter_mut().enumerate() {
            producing.push(scope.spawn(move || {
                pin::thread(index);
                gate.pass();
                send(sender, 1 + index as u64 * sent, sent);
            }));
        }
        let mut consuming = vec![];
        for (index, receiver) in receivers.iter_mut().enumerate() {
            consuming.push(scope.spawn(move || {
                pin::thread(producers + index);
                gate.pass();
                receive(receiver, received)
            }));
        }
        gate.gather(producers + consumers);
        let begin = Instant::now(); // before they are let go: after it they may keep this thread off the processor
        gate.open(producers + consumers);
        for thread in producing {
            thread.join().unwrap();
        }
        let sum: u64 = consuming.into_iter().map(|thread| thread.join().unwrap()).sum();
        (begin.elapsed(), sum)
    });
    assert_eq!(sum, total * (total + 1) / 2, "values were lost, doubled or changed on their way");
    took
}

// ---- Running the cases -------------------------------------------------------------------------

fn metric_of(case: &Case) -> &'static Metric {
    METRICS.iter().find(|metric| metric.name == case.metric).expect("METRICS has all metrics of the cases")
}

fn run_case(library: &str, case: &Case, options: &Options) {
    let Metric { name, unit, .. } = metric_of(case);
    let mut values: Vec<f64> = (0..options.rounds).map(|_| (case.measure)(case.threads)).collect();
    let value = median(&mut values);
    if options.table {
        println!("{library:<11} {name:<28} {value:>12.3} {unit}");
    } else {
        println!("{library}\t{name}\t{value:.3}\t{unit}");
    }
}

/// Read the options, run the cases, print the medians.
pub fn main(library: &str, cases: &[Case]) {
    let options = options::parse();
    let wanted: Vec<&Case> = cases.iter().filter(|case| options.wants(case.metric)).collect();
    if options::pin() && !pin::possible() {
        options::usage("threads cannot be tied to processors here", "--pin");
    }
    if wanted.is_empty() {
        options::usage("no metric has a name with", &options.filters[0]);
    }
    for (index, case) in wanted.iter().enumerate() {
        let Metric { name, unit, better, what } = metric_of(case);
        if options.list {
            println!("{name}\t{unit}\t{better}\t{what}");
            continue;
        }
        if options.progress {
            eprintln!("{library}: {name} ({} of {})", index + 1, wanted.len());
        }
        run_case(library, case, &options);
    }
}
