//! The metrics of pt_bench.c on Rust's own std::sync, its mpsc, and std::thread. What each one means is said there; the loops are the
//! same. Each lock also looks whether a panic has poisoned it, as it does in every Rust program.

use harness::{alone_ns, crowd, flow_mmsgs, pair_us, single_us, Case, Crowd, Line};
use std::sync::mpsc::{channel, sync_channel, Receiver, Sender, SyncSender};
use std::sync::{Barrier, Condvar, Mutex, RwLock};
use std::thread;

// ---- Threads -----------------------------------------------------------------------------------

fn spawn_and_join() {
    thread::spawn(|| {}).join().unwrap();
}

fn spawn_join_us(_threads: usize) -> f64 {
    single_us(spawn_and_join, 2000)
}

// ---- Mutex -------------------------------------------------------------------------------------

/// The counter is in the lock, so on one cache line with it.
type Guarded = Line<Mutex<u64>>;

fn lock_and_count(guarded: &Guarded, n: u64) {
    for _ in 0..n {
        *guarded.0.lock().unwrap() += 1;
    }
}

fn mutex_uncontended_ns(_threads: usize) -> f64 {
    let guarded = Line(Mutex::new(0));
    alone_ns(&|n| lock_and_count(&guarded, n))
}

fn contend(threads: usize, rounds: u32) -> Crowd {
    let guarded = Line(Mutex::new(0));
    let crowd = crowd(threads, rounds, &|n| lock_and_count(&guarded, n));
    assert_eq!(guarded.0.into_inner().unwrap(), crowd.total, "the mutex let two threads in at once");
    crowd
}

fn mutex_contended_mops(threads: usize) -> f64 {
    contend(threads, 1).mops
}

fn mutex_fairness(threads: usize) -> f64 {
    contend(threads, 5).slowest_share
}

// ---- Read-write lock ---------------------------------------------------------------------------

type Shared = Line<RwLock<u64>>;

fn read_lock_and_unlock(shared: &Shared, n: u64) {
    for _ in 0..n {
        drop(shared.0.read().unwrap());
    }
}

fn write_lock_and_count(shared: &Shared, n: u64) {
    for _ in 0..n {
        *shared.0.write().unwrap() += 1;
    }
}

/// n: a multiple of 16, of which one counts. A reader that saw the counter fall was not alone with readers.
fn read_and_sometimes_count(shared: &Shared, n: u64) {
    let mut last = 0;
    for i in 0..n {
        if i % 16 == 0 {
            write_lock_and_count(shared, 1);
            continue;
        }
        let seen = *shared.0.read().unwrap();
        assert!(seen >= last, "the read-write lock let a writer in beside a reader");
        last = seen;
    }
}

fn rwlock_read_uncontended_ns(_threads: usize) -> f64 {
    let shared = Line(RwLock::new(0));
    alone_ns(&|n| read_lock_and_unlock(&shared, n))
}

fn rwlock_write_uncontended_ns(_threads: usize) -> f64 {
    let shared = Line(RwLock::new(0));
    alone_ns(&|n| write_lock_and_count(&shared, n))
}

fn rwlock_mixed_mops(threads: usize) -> f64 {
    let shared = Line(RwLock::new(0));
    let crowd = crowd(threads, 1, &|n| read_and_sometimes_count(&shared, n));
    assert_eq!(shared.0.into_inner().unwrap() * 16, crowd.total, "the read-write lock let two writers in at once");
    crowd.mops
}

// ---- Barrier -----------------------------------------------------------------------------------

fn meet(barrier: &Barrier, n: u64) {
    for _ in 0..n {
        barrier.wait();
    }
}

fn barrier_us(threads: usize) -> f64 {
    let barrier = Barrier::new(threads);
    pair_us(&|n| meet(&barrier, n), &|n| meet(&barrier, n))
}

// ---- Waking ------------------------------------------------------------------------------------

#[derive(Default)]
struct TableTennis {
    pong_is_next: Mutex<bool>,
    ping: Condvar,
    pong: Condvar,
}

fn conds_ping(table: &TableTennis, n: u64) {
    let mut pong_is_next = table.pong_is_next.lock().unwrap();
    for _ in 0..n {
        *pong_is_next = true;
        table.pong.notify_one();
        while *pong_is_next {
            pong_is_next = table.ping.wait(pong_is_next).unwrap();
        }
    }
}

fn conds_pong(table: &TableTennis, n: u64) {
    let mut pong_is_next = table.pong_is_next.lock().unwrap();
    for _ in 0..n {
        while !*pong_is_next {
            pong_is_next = table.pong.wait(pong_is_next).unwrap();
        }
        *pong_is_next = false;
        table.ping.notify_one();
    }
}

fn cond_pingpong_us(_threads: usize) -> f64 {
    let table = TableTennis::default();
    pair_us(&|n| conds_ping(&table, n), &|n| conds_pong(&table, n))
}

// ---- Channels ----------------------------------------------------------------------------------

fn receive(receiver: &Receiver<u64>, n: u64) -> u64 {
    let mut sum = 0;
    for _ in 0..n {
        sum += receiver.recv().unwrap();
    }
    sum
}

fn chan_bounded_mmsgs(producers: usize) -> f64 {
    let (sender, receiver) = sync_channel(1024);
    let mut senders = vec![sender; producers];
    let send = |sender: &SyncSender<u64>, first, n| (first..first + n).for_each(|value| sender.send(value).unwrap());
    flow_mmsgs(&mut senders, &mut [receiver], send, receive)
}

fn chan_unbounded_mmsgs(_threads: usize) -> f64 {
    let (sender, receiver) = channel();
    let send = |sender: &Sender<u64>, first, n| (first..first + n).for_each(|value| sender.send(value).unwrap());
    flow_mmsgs(&mut [sender], &mut [receiver], send, receive)
}

/// What one of two threads has. In a mutex, since these ends are only for one thread at a time.
type Ends = Mutex<(SyncSender<u64>, Receiver<u64>)>;

fn chan_ping(ends: &Ends, n: u64) {
    let (sender, receiver) = &*ends.lock().unwrap();
    for i in 0..n {
        sender.send(i).unwrap();
        assert_eq!(receiver.recv(), Ok(i), "another value came back");
    }
}

fn chan_pong(ends: &Ends, n: u64) {
    let (sender, receiver) = &*ends.lock().unwrap();
    for _ in 0..n {
        sender.send(receiver.recv().unwrap()).unwrap();
    }
}

/// `room`: how many values each channel can hold.
fn chan_round_trip_us(room: usize) -> f64 {
    let (to_pong, from_ping) = sync_channel(room);
    let (to_ping, from_pong) = sync_channel(room);
    let (ping, pong) = (Mutex::new((to_pong, from_pong)), Mutex::new((to_ping, from_ping)));
    pair_us(&|n| chan_ping(&ping, n), &|n| chan_pong(&pong, n))
}

// ---- All of them -------------------------------------------------------------------------------

const CASES: &[Case] = &[
    Case { metric: "spawn_join_us", measure: spawn_join_us, threads: 1 },
    Case { metric: "spawn_join_reused_us", measure: spawn_join_us, threads: 1 },
    Case { metric: "mutex_uncontended_ns", measure: mutex_uncontended_ns, threads: 1 },
    Case { metric: "mutex_contended_2_Mops", measure: mutex_contended_mops, threads: 2 },
    Case { metric: "mutex_contended_4_Mops", measure: mutex_contended_mops, threads: 4 },
    Case { metric: "mutex_contended_8_Mops", measure: mutex_contended_mops, threads: 8 },
    Case { metric: "mutex_fairness_8", measure: mutex_fairness, threads: 8 },
    Case { metric: "rwlock_read_uncontended_ns", measure: rwlock_read_uncontended_ns, threads: 1 },
    Case { metric: "rwlock_write_uncontended_ns", measure: rwlock_write_uncontended_ns, threads: 1 },
    Case { metric: "rwlock_mixed_4_Mops", measure: rwlock_mixed_mops, threads: 4 },
    Case { metric: "barrier_2_us", measure: barrier_us, threads: 2 },
    Case { metric: "cond_pingpong_us", measure: cond_pingpong_us, threads: 2 },
    Case { metric: "chan_spsc_1024_Mmsgs", measure: chan_bounded_mmsgs, threads: 1 },
    Case { metric: "chan_spsc_unbounded_Mmsgs", measure: chan_unbounded_mmsgs, threads: 1 },
    Case { metric: "chan_mpsc4_1024_Mmsgs", measure: chan_bounded_mmsgs, threads: 4 },
    Case { metric: "chan_pingpong_us", measure: |_| chan_round_trip_us(1), threads: 2 },
    Case { metric: "chan_rendezvous_us", measure: |_| chan_round_trip_us(0), threads: 2 },
];

fn main() {
    harness::main("rust_std", CASES);
}
