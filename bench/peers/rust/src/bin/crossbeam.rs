//! The channels of the crate crossbeam-channel. What each metric means is said in pt_bench.c; the loops are the same.

use crossbeam_channel::{after, bounded, select, unbounded, Receiver, Sender};
use harness::{flow_mmsgs, late_us, pair_us, Case};

// ---- Flows -------------------------------------------------------------------------------------

fn send(sender: &Sender<u64>, first: u64, n: u64) {
    for value in first..first + n {
        sender.send(value).unwrap();
    }
}

fn receive(receiver: &Receiver<u64>, n: u64) -> u64 {
    let mut sum = 0;
    for _ in 0..n {
        sum += receiver.recv().unwrap();
    }
    sum
}

fn chan_mpsc_mmsgs(producers: usize) -> f64 {
    let (sender, receiver) = bounded(1024);
    flow_mmsgs(&mut vec![sender; producers], &mut [receiver], send, receive)
}

fn chan_mpmc_mmsgs(each: usize) -> f64 {
    let (sender, receiver) = bounded(1024);
    flow_mmsgs(&mut vec![sender; each], &mut vec![receiver; each], send, receive)
}

fn chan_unbounded_mmsgs(_threads: usize) -> f64 {
    let (sender, receiver) = unbounded();
    flow_mmsgs(&mut [sender], &mut [receiver], send, receive)
}

// ---- Select ------------------------------------------------------------------------------------

fn receive_from_any([a, b, c, d]: &[Receiver<u64>; 4], n: u64) -> u64 {
    let mut sum = 0;
    for _ in 0..n {
        sum += select! {
            recv(a) -> value => value.unwrap(),
            recv(b) -> value => value.unwrap(),
            recv(c) -> value => value.unwrap(),
            recv(d) -> value => value.unwrap(),
        };
    }
    sum
}

fn chan_select_mmsgs(_threads: usize) -> f64 {
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| bounded(1024)).unzip();
    let receivers: [Receiver<u64>; 4] = receivers.try_into().unwrap();
    flow_mmsgs(&mut senders, &mut [receivers], send, receive_from_any)
}

// ---- Round trips -------------------------------------------------------------------------------

fn ping((sender, receiver): &(Sender<u64>, Receiver<u64>), n: u64) {
    for i in 0..n {
        sender.send(i).unwrap();
        assert_eq!(receiver.recv(), Ok(i), "another value came back");
    }
}

fn pong((sender, receiver): &(Sender<u64>, Receiver<u64>), n: u64) {
    for _ in 0..n {
        sender.send(receiver.recv().unwrap()).unwrap();
    }
}

/// `room`: how many values each channel can hold.
fn chan_round_trip_us(room: usize) -> f64 {
    let (to_pong, from_ping) = bounded(room);
    let (to_ping, from_pong) = bounded(room);
    let (left, right) = ((to_pong, from_pong), (to_ping, from_ping));
    pair_us(&|n| ping(&left, n), &|n| pong(&right, n))
}

// ---- All of them -------------------------------------------------------------------------------

const CASES: &[Case] = &[
    Case { metric: "chan_spsc_1024_Mmsgs", measure: chan_mpsc_mmsgs, threads: 1 },
    Case { metric: "chan_spsc_unbounded_Mmsgs", measure: chan_unbounded_mmsgs, threads: 1 },
    Case { metric: "chan_mpsc4_1024_Mmsgs", measure: chan_mpsc_mmsgs, threads: 4 },
    Case { metric: "chan_mpmc4x4_1024_Mmsgs", measure: chan_mpmc_mmsgs, threads: 4 },
    Case { metric: "chan_select4_Mmsgs", measure: chan_select_mmsgs, threads: 5 },
    Case { metric: "chan_pingpong_us", measure: |_| chan_round_trip_us(1), threads: 2 },
    Case { metric: "chan_rendezvous_us", measure: |_| chan_round_trip_us(0), threads: 2 },
    // A channel that looks at the clock itself: no thread is started, or told.
    Case { metric: "timer_late_us", measure: |_| late_us(|length| _ = after(length).recv()), threads: 1 },
];

fn main() {
    harness::main("crossbeam", CASES);
}
