//! The pools of the crate rayon. What each metric means is said in pt_bench.c; the loops are the same.

use harness::{cpu_percent, fib_ms, go_ms, parfor_ms, parfor_tiny_us, single_us, sort_ms, Case};
use rayon::prelude::*;
use rayon::{join, ThreadPool, ThreadPoolBuilder};

/// The thread that measures is never one of them: while they work it sleeps.
fn new_pool(workers: usize) -> ThreadPool {
    let pool = ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
    run_tasks(&pool, 1000);
    pool
}

// ---- Fork and join -----------------------------------------------------------------------------

fn fork_fib(n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (left, right) = join(|| fork_fib(n - 1), || fork_fib(n - 2));
    left + right
}

fn forkjoin_ms(workers: usize) -> f64 {
    let pool = new_pool(workers);
    fib_ms(&|n| pool.install(|| fork_fib(n)))
}

// ---- Tasks from outside ------------------------------------------------------------------------

fn run_tasks(pool: &ThreadPool, n: u64) {
    pool.in_place_scope(|scope| {
        for _ in 0..n {
            scope.spawn(|_| ());
        }
    });
}

fn pool_tasks_ms(workers: usize) -> f64 {
    let pool = new_pool(workers);
    go_ms(&|n| run_tasks(&pool, n), 1_000_000)
}

fn pool_submit_wait_us(workers: usize) -> f64 {
    let pool = new_pool(workers);
    single_us(|| pool.install(|| ()), 10_000)
}

fn pool_idle_percent(workers: usize) -> f64 {
    let _pool = new_pool(workers);
    cpu_percent(None)
}

fn pool_trickle_percent(workers: usize) -> f64 {
    let pool = new_pool(workers);
    cpu_percent(Some(&|| pool.spawn(|| ())))
}

// ---- Loops and sorting -------------------------------------------------------------------------

fn for_each(pool: &ThreadPool, values: &mut [f64]) {
    pool.install(|| values.par_iter_mut().for_each(|x| *x = *x * 1.0001 + 1.0));
}

fn parallel_for_ms(workers: usize) -> f64 {
    let pool = new_pool(workers);
    parfor_ms(&|values| for_each(&pool, values))
}

fn parallel_for_tiny_us(workers: usize) -> f64 {
    let pool = new_pool(workers);
    parfor_tiny_us(&|values| for_each(&pool, values))
}

fn sort_unstable_ms(workers: usize) -> f64 {
    let pool = new_pool(workers);
    sort_ms(&|values| pool.install(|| values.par_sort_unstable()))
}

fn sort_stable_ms(workers: usize) -> f64 {
    let pool = new_pool(workers);
    sort_ms(&|values| pool.install(|| values.par_sort()))
}

// ---- All of them -------------------------------------------------------------------------------

const CASES: &[Case] = &[
    Case { metric: "forkjoin_fib32_ms", measure: forkjoin_ms, threads: 2 },
    Case { metric: "forkjoin_fib32_1_ms", measure: forkjoin_ms, threads: 1 },
    Case { metric: "forkjoin_fib32_8_ms", measure: forkjoin_ms, threads: 8 },
    Case { metric: "pool_1M_tasks_ms", measure: pool_tasks_ms, threads: 2 },
    Case { metric: "pool_submit_wait_us", measure: pool_submit_wait_us, threads: 2 },
    Case { metric: "pool_idle_cpu_percent", measure: pool_idle_percent, threads: 2 },
    Case { metric: "pool_trickle_cpu_percent", measure: pool_trickle_percent, threads: 2 },
    Case { metric: "parfor_10M_ms", measure: parallel_for_ms, threads: 2 },
    Case { metric: "parfor_10M_8_ms", measure: parallel_for_ms, threads: 8 },
    Case { metric: "parfor_tiny_us", measure: parallel_for_tiny_us, threads: 2 },
    Case { metric: "sort_10M_ms", measure: sort_unstable_ms, threads: 2 },
    Case { metric: "sort_stable_10M_ms", measure: sort_stable_ms, threads: 2 },
];

fn main() {
    harness::main("rayon", CASES);
}
