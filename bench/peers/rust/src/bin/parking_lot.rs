//! The metrics of pt_bench.c on the crate parking_lot. What each one means is said there; the loops are the same. Threads
//! it has none of its own.

use harness::{alone_ns, crowd, pair_us, Case, Crowd, Line};
use parking_lot::{Condvar, Mutex, RwLock};

// ---- Mutex -------------------------------------------------------------------------------------

/// The counter is in the lock, so on one cache line with it.
type Guarded = Line<Mutex<u64>>;

fn lock_and_count(guarded: &Guarded, n: u64) {
    for _ in 0..n {
        *guarded.0.lock() += 1;
    }
}

fn mutex_uncontended_ns(_threads: usize) -> f64 {
    let guarded = Line(Mutex::new(0));
    alone_ns(&|n| lock_and_count(&guarded, n))
}

fn contend(threads: usize, rounds: u32) -> Crowd {
    let guarded = Line(Mutex::new(0));
    let crowd = crowd(threads, rounds, &|n| lock_and_count(&guarded, n));
    assert_eq!(guarded.0.into_inner(), crowd.total, "the mutex let two threads in at once");
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
        drop(shared.0.read());
    }
}

fn write_lock_and_count(shared: &Shared, n: u64) {
    for _ in 0..n {
        *shared.0.write() += 1;
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
        let seen = *shared.0.read();
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
    assert_eq!(shared.0.into_inner() * 16, crowd.total, "the read-write lock let two writers in at once");
    crowd.mops
}

// ---- Waking ------------------------------------------------------------------------------------

#[derive(Default)]
struct TableTennis {
    pong_is_next: Mutex<bool>,
    ping: Condvar,
    pong: Condvar,
}

fn conds_ping(table: &TableTennis, n: u64) {
    let mut pong_is_next = table.pong_is_next.lock();
    for _ in 0..n {
        *pong_is_next = true;
        table.pong.notify_one();
        while *pong_is_next {
            table.ping.wait(&mut pong_is_next);
        }
    }
}

fn conds_pong(table: &TableTennis, n: u64) {
    let mut pong_is_next = table.pong_is_next.lock();
    for _ in 0..n {
        while !*pong_is_next {
            table.pong.wait(&mut pong_is_next);
        }
        *pong_is_next = false;
        table.ping.notify_one();
    }
}

fn cond_pingpong_us(_threads: usize) -> f64 {
    let table = TableTennis::default();
    pair_us(&|n| conds_ping(&table, n), &|n| conds_pong(&table, n))
}

// ---- All of them -------------------------------------------------------------------------------

const CASES: &[Case] = &[
    Case { metric: "mutex_uncontended_ns", measure: mutex_uncontended_ns, threads: 1 },
    Case { metric: "mutex_contended_2_Mops", measure: mutex_contended_mops, threads: 2 },
    Case { metric: "mutex_contended_4_Mops", measure: mutex_contended_mops, threads: 4 },
    Case { metric: "mutex_contended_8_Mops", measure: mutex_contended_mops, threads: 8 },
    Case { metric: "mutex_fairness_8", measure: mutex_fairness, threads: 8 },
    Case { metric: "rwlock_read_uncontended_ns", measure: rwlock_read_uncontended_ns, threads: 1 },
    Case { metric: "rwlock_write_uncontended_ns", measure: rwlock_write_uncontended_ns, threads: 1 },
    Case { metric: "rwlock_mixed_4_Mops", measure: rwlock_mixed_mops, threads: 4 },
    Case { metric: "cond_pingpong_us", measure: cond_pingpong_us, threads: 2 },
];

fn main() {
    harness::main("parking_lot", CASES);
}
