// The metrics of pt_bench.c on Go's package sync and its channels. What each one means is said there; the loops are the same. The
// threads are goroutines, as in any Go program: the Go runtime, not the system, lets them sleep and puts them on its own
// threads. To start one is therefore no spawn_join, and a ping-pong of two says what a switch by the runtime costs.
package main

import (
	"sync"
	"time"
	"unsafe"
)

// ---- Mutex -------------------------------------------------------------------------------------

// Counter and lock on one cache line.
type guarded struct {
	mutex   sync.Mutex
	counter uint64
}

// onItsOwnLine allocates a T, which must not contain pointers, at a multiple of 128.
func onItsOwnLine[T any]() *T {
	const line = 128
	var one T
	memory := make([]byte, line+(unsafe.Sizeof(one)+line-1)/line*line)
	start := unsafe.Pointer(&memory[0])
	return (*T)(unsafe.Add(start, (line-uintptr(start)%line)%line))
}

func lockAndCount(guarded *guarded, n uint64) {
	for i := uint64(0); i < n; i++ {
		guarded.mutex.Lock()
		guarded.counter++
		guarded.mutex.Unlock()
	}
}

func mutexUncontendedNs(threads int) float64 {
	guarded := onItsOwnLine[guarded]()
	return aloneNs(func(n uint64) { lockAndCount(guarded, n) })
}

func contend(threads, rounds int) crowdResult {
	guarded := onItsOwnLine[guarded]()
	result := crowd(threads, rounds, func(n uint64) { lockAndCount(guarded, n) })
	check(guarded.counter == result.total, "the mutex let two threads in at once")
	return result
}

func mutexContendedMops(threads int) float64 {
	return contend(threads, 1).mops
}

func mutexFairness(threads int) float64 {
	return contend(threads, 5).slowestShare
}

// ---- Read-write lock ---------------------------------------------------------------------------

type shared struct {
	rwlock  sync.RWMutex
	counter uint64
}

func readLockAndUnlock(shared *shared, n uint64) {
	for i := uint64(0); i < n; i++ {
		shared.rwlock.RLock()
		shared.rwlock.RUnlock()
	}
}

func writeLockAndCount(shared *shared, n uint64) {
	for i := uint64(0); i < n; i++ {
		shared.rwlock.Lock()
		shared.counter++
		shared.rwlock.Unlock()
	}
}

// n: a multiple of 16, of which one counts. A reader that saw the counter fall was not alone with readers.
func readAndSometimesCount(shared *shared, n uint64) {
	last := uint64(0)
	for i := uint64(0); i < n; i++ {
		if i%16 == 0 {
			writeLockAndCount(shared, 1)
			continue
		}
		shared.rwlock.RLock()
		seen := shared.counter
		shared.rwlock.RUnlock()
		check(seen >= last, "the read-write lock let a writer in beside a reader")
		last = seen
	}
}

func rwlockReadUncontendedNs(threads int) float64 {
	shared := onItsOwnLine[shared]()
	return aloneNs(func(n uint64) { readLockAndUnlock(shared, n) })
}

func rwlockWriteUncontendedNs(threads int) float64 {
	shared := onItsOwnLine[shared]()
	return aloneNs(func(n uint64) { writeLockAndCount(shared, n) })
}

func rwlockMixedMops(threads int) float64 {
	shared := onItsOwnLine[shared]()
	result := crowd(threads, 1, func(n uint64) { readAndSometimesCount(shared, n) })
	check(shared.counter*16 == result.total, "the read-write lock let two writers in at once")
	return result.mops
}

// ---- Waking ------------------------------------------------------------------------------------

type tableTennis struct {
	mutex      sync.Mutex
	pongIsNext bool // under mutex
	ping, pong *sync.Cond
}

func condsPing(table *tableTennis, n uint64) {
	table.mutex.Lock()
	for i := uint64(0); i < n; i++ {
		table.pongIsNext = true
		table.pong.Signal()
		for table.pongIsNext {
			table.ping.Wait()
		}
	}
	table.mutex.Unlock()
}

func condsPong(table *tableTennis, n uint64) {
	table.mutex.Lock()
	for i := uint64(0); i < n; i++ {
		for !table.pongIsNext {
			table.pong.Wait()
		}
		table.pongIsNext = false
		table.ping.Signal()
	}
	table.mutex.Unlock()
}

func condPingpongUs(threads int) float64 {
	table := &tableTennis{}
	table.ping, table.pong = sync.NewCond(&table.mutex), sync.NewCond(&table.mutex)
	return pairUs(func(n uint64) { condsPing(table, n) }, func(n uint64) { condsPong(table, n) })
}

// ---- Channels ----------------------------------------------------------------------------------

func send(channel chan<- uint64, first, n uint64) {
	for i := uint64(0); i < n; i++ {
		channel <- first + i
	}
}

func receive(channel <-chan uint64, n uint64) uint64 {
	sum := uint64(0)
	for i := uint64(0); i < n; i++ {
		sum += <-channel
	}
	return sum
}

func chanFlowMmsgs(producers, consumers int) float64 {
	channel := make(chan uint64, 1024)
	return flowMmsgs(producers, consumers,
		func(_ int, first, n uint64) { send(channel, first, n) },
		func(n uint64) uint64 { return receive(channel, n) })
}

func chanMpscMmsgs(producers int) float64 {
	return chanFlowMmsgs(producers, 1)
}

func chanMpmcMmsgs(each int) float64 {
	return chanFlowMmsgs(each, each)
}

func receiveFromAny(a, b, c, d <-chan uint64, n uint64) uint64 {
	sum := uint64(0)
	for i := uint64(0); i < n; i++ {
		select {
		case value := <-a:
			sum += value
		case value := <-b:
			sum += value
		case value := <-c:
			sum += value
		case value := <-d:
			sum += value
		}
	}
	return sum
}

func chanSelectMmsgs(threads int) float64 {
	var channels [4]chan uint64
	for i := range channels {
		channels[i] = make(chan uint64, 1024)
	}
	return flowMmsgs(4, 1,
		func(producer int, first, n uint64) { send(channels[producer], first, n) },
		func(n uint64) uint64 { return receiveFromAny(channels[0], channels[1], channels[2], channels[3], n) })
}

// room: how many values each channel can hold.
func chanRoundTripUs(room int) float64 {
	toPong, toPing := make(chan uint64, room), make(chan uint64, room)
	ping := func(n uint64) {
		for i := uint64(0); i < n; i++ {
			toPong <- i
			check(<-toPing == i, "another value came back")
		}
	}
	pong := func(n uint64) {
		for i := uint64(0); i < n; i++ {
			toPing <- <-toPong
		}
	}
	return pairUs(ping, pong)
}

// ---- All of them -------------------------------------------------------------------------------

// Names, units and the rest are those of ../../metrics.c; run.mjs checks that units and directions are the same.
// ---- Timers ------------------------------------------------------------------------------------

func stoppedTimer() *time.Timer {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}

func timerLateUs(int) float64 {
	timer := stoppedTimer()
	return lateUs(func(length time.Duration) {
		timer.Reset(length)
		<-timer.C
	})
}

func timerStartStopNs(int) float64 {
	timer, other := stoppedTimer(), time.NewTimer(20*time.Second)
	defer other.Stop()
	return aloneNs(func(n uint64) {
		for i := uint64(0); i < n; i++ {
			timer.Reset(30 * time.Second)
			timer.Stop()
		}
	})
}

var cases = []benchCase{
	{"mutex_uncontended_ns", "ns", "lower", "lock + unlock that nobody else wants", mutexUncontendedNs, 1},
	{"mutex_contended_2_Mops", "Mops", "higher", "2 threads increment one counter under one lock", mutexContendedMops, 2},
	{"mutex_contended_4_Mops", "Mops", "higher", "4 threads increment one counter under one lock", mutexContendedMops, 4},
	{"mutex_contended_8_Mops", "Mops", "higher", "8 threads increment one counter under one lock", mutexContendedMops, 8},
	{"mutex_fairness_8", "share", "higher", "8 threads, one lock, 1 s: the slowest one's count by the mean",
		mutexFairness, 8},
	{"rwlock_read_uncontended_ns", "ns", "lower", "lock for reading + unlock that nobody else wants",
		rwlockReadUncontendedNs, 1},
	{"rwlock_write_uncontended_ns", "ns", "lower", "lock for writing + unlock that nobody else wants",
		rwlockWriteUncontendedNs, 1},
	{"rwlock_mixed_4_Mops", "Mops", "higher", "4 threads read one counter; 1 of 16 times they increment it",
		rwlockMixedMops, 4},
	{"cond_pingpong_us", "us", "lower", "round trip of two threads by one mutex and two conditions", condPingpongUs, 2},
	{"chan_spsc_1024_Mmsgs", "Mmsgs", "higher", "1 producer, 1 consumer, 8-byte values, room for 1,024", chanMpscMmsgs, 1},
	{"chan_mpsc4_1024_Mmsgs", "Mmsgs", "higher", "4 producers, 1 consumer, room for 1,024", chanMpscMmsgs, 4},
	{"chan_mpmc4x4_1024_Mmsgs", "Mmsgs", "higher", "4 producers, 4 consumers, room for 1,024", chanMpmcMmsgs, 4},
	{"chan_select4_Mmsgs", "Mmsgs", "higher", "1 receiver selects from 4 channels, each with its own producer",
		chanSelectMmsgs, 5},
	{"chan_pingpong_us", "us", "lower", "round trip of two threads over two channels with room for 1",
		func(int) float64 { return chanRoundTripUs(1) }, 2},
	{"chan_rendezvous_us", "us", "lower", "the same over channels without room: both ends meet",
		func(int) float64 { return chanRoundTripUs(0) }, 2},
	{"timer_late_us", "us", "lower", "how much later than its 2 ms a timer's tick reaches the thread that waits",
		timerLateUs, 1},
	{"timer_start_stop_ns", "ns", "lower", "start a timer and stop it, long before it is due, while another one runs",
		timerStartStopNs, 1},
	{"forkjoin_fib32_ms", "ms", "lower", "fib(32), a fork at every call, 2 workers", forkjoinMs, 2},
	{"forkjoin_fib32_1_ms", "ms", "lower", "fib(32), a fork at every call, 1 worker", forkjoinMs, 1},
	{"forkjoin_fib32_8_ms", "ms", "lower", "fib(32), a fork at every call, 8 workers", forkjoinMs, 8},
	{"pool_1M_tasks_ms", "ms", "lower", "1,000,000 empty tasks from one outside thread, wait for all, 2 workers",
		poolTasksMs, 2},
	{"pool_submit_wait_us", "us", "lower", "an empty job from outside, wait for its result, 2 workers; median",
		poolSubmitWaitUs, 2},
	{"pool_idle_cpu_percent", "%", "lower", "processor time that 2 warm workers take with nothing to do",
		poolIdlePercent, 2},
	{"pool_trickle_cpu_percent", "%", "lower", "the same with one empty task each millisecond from outside",
		poolTricklePercent, 2},
	{"parfor_10M_ms", "ms", "lower", "x = x * 1.0001 + 1 over 10 M doubles, 2 workers", parforMs, 2},
	{"parfor_10M_8_ms", "ms", "lower", "x = x * 1.0001 + 1 over 10 M doubles, 8 workers", parforMs, 8},
	{"parfor_tiny_us", "us", "lower", "x = x * 1.0001 + 1 over 5,000 doubles, 2 workers: again and again",
		parforTinyUs, 2},
}

func main() {
	benchMain("go", cases)
}
