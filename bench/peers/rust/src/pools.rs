//! The shapes of pools: what is worked on, and whether it came out right, is the harness's too, as in bench.c.

use std::cell::RefCell;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::{alone_ns, median, options, round_length, Loop};

/// Under --quick there is less to do, once.
fn work_size(full: usize) -> usize {
    if options::quick() {
        full / 100
    } else {
        full
    }
}

/// One go to warm up, then the median of 9, or of as many as fit in 2 s; before each, outside of the time, `prepare`.
fn goes_ms(prepare: &dyn Fn(), go: &dyn Fn()) -> f64 {
    const GOES: usize = 9;
    let end = Instant::now() + 10 * round_length();
    let mut took = vec![];
    if !options::quick() {
        prepare();
        go();
    }
    loop {
        prepare();
        let begin = Instant::now();
        go();
        took.push(begin.elapsed().as_nanos() as f64 / 1e6);
        if took.len() == GOES || Instant::now() >= end || options::quick() {
            return median(&mut took);
        }
    }
}

/// Milliseconds that a loop of n takes.
pub fn go_ms(operations: Loop, n: usize) -> f64 {
    goes_ms(&|| (), &|| operations(work_size(n) as u64))
}

/// The same of fib(32), which forks at every call with n > 1.
pub fn fib_ms(fib: &dyn Fn(u32) -> u64) -> f64 {
    let (n, result) = if options::quick() { (20, 6765) } else { (32, 2178309) };
    goes_ms(&|| (), &|| assert_eq!(fib(n), result))
}

// ---- Loops -------------------------------------------------------------------------------------

/// All values are the same at any time, so that one more says what they must be.
struct Parfor {
    values: Vec<f64>,
    expected: f64,
}

impl Parfor {
    fn new(count: usize) -> Parfor {
        Parfor { values: vec![1.0; count], expected: 1.0 }
    }

    fn go(&mut self, parfor: &dyn Fn(&mut [f64])) {
        parfor(&mut self.values);
        self.expected = self.expected * 1.0001 + 1.0;
    }

    fn check(&self) {
        assert!(self.values.iter().all(|x| *x == self.expected), "a value was left out, or had more than its turn");
    }
}

/// Make each of the values x * 1.0001 + 1: milliseconds for 10 M of them.
pub fn parfor_ms(parfor: &dyn Fn(&mut [f64])) -> f64 {
    let state = RefCell::new(Parfor::new(work_size(10_000_000)));
    let ms = goes_ms(&|| (), &|| state.borrow_mut().go(parfor));
    state.borrow().check();
    ms
}

/// The same: microseconds for 5,000 of them, which stay in the cache.
pub fn parfor_tiny_us(parfor: &(dyn Fn(&mut [f64]) + Sync)) -> f64 {
    let state = Mutex::new(Parfor::new(5000));
    let ns = alone_ns(&|n| {
        let mut state = state.lock().unwrap();
        for _ in 0..n {
            state.go(parfor);
        }
    });
    state.lock().unwrap().check();
    ns / 1e3
}

// ---- Sorting -----------------------------------------------------------------------------------

/// splitmix64, as in bench.c: the same values for all.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e3779b97f4a7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
    z ^ (z >> 31)
}

/// Milliseconds for sorting 10 M random values, a fresh copy of the same ones each time, which is not timed.
pub fn sort_ms(sort: &dyn Fn(&mut [u64])) -> f64 {
    let mut state = 1;
    let random: Vec<u64> = (0..work_size(10_000_000)).map(|_| next_random(&mut state)).collect();
    let values = RefCell::new(random.clone());
    let ms = goes_ms(&|| values.borrow_mut().copy_from_slice(&random), &|| sort(&mut values.borrow_mut()));
    let sum = |values: &[u64]| values.iter().fold(0, |sum: u64, value| sum.wrapping_add(*value));
    assert!(values.borrow().windows(2).all(|pair| pair[0] <= pair[1]), "the values are not sorted");
    assert_eq!(sum(&values.borrow()), sum(&random), "values were lost or doubled while they were sorted");
    ms
}

// ---- Processor time ----------------------------------------------------------------------------

/// Of all threads of the process, so far.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The processor time that the process takes in 2 s: 100 is one processor. The calling thread sleeps, and once a millisecond
/// calls `trickle`, if there is one.
pub fn cpu_percent(trickle: Option<&dyn Fn()>) -> f64 {
    const STEP: Duration = Duration::from_millis(1);
    let (used, begin) = (processor_time(), Instant::now());
    let end = begin + 10 * round_length();
    let sleep_until = |at: Instant| thread::sleep(at.saturating_duration_since(Instant::now()));
    if let Some(submit) = trickle {
        let mut at = begin + STEP;
        while at < end {
            sleep_until(at);
            submit();
            at += STEP;
        }
    }
    sleep_until(end);
    (processor_time() - used).as_secs_f64() * 100.0 / begin.elapsed().as_secs_f64()
}
