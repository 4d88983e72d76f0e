// The shapes of pools: what is worked on, and whether it came out right, is the harness's too, as in bench.c. And the metrics on
// goroutines, of which as many run at once as a pool would have workers; the one that measures is one of them.
package main

import (
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Under --quick there is less to do, once.
func workSize(full int) int {
	if options.quick {
		return full / 100
	}
	return full
}

// Milliseconds: one go to warm up, then the median of 9, or of as many as fit in 2 s.
func goesMs(once func()) float64 {
	const goes = 9
	end := time.Now().Add(10 * roundLength())
	var took []float64
	if !options.quick {
		once()
	}
	for {
		begin := time.Now()
		once()
		took = append(took, float64(time.Since(begin).Nanoseconds())/1e6)
		if len(took) == goes || time.Now().After(end) || options.quick {
			return median(took)
		}
	}
}

// To be deferred: withWorkers(n)().
func withWorkers(count int) func() {
	before := runtime.GOMAXPROCS(count)
	return func() { runtime.GOMAXPROCS(before) }
}

// ---- Fork and join -----------------------------------------------------------------------------

func forkFib(n int) uint64 {
	if n < 2 {
		return uint64(n)
	}
	left := make(chan uint64, 1)
	go func() { left <- forkFib(n - 1) }()
	right := forkFib(n - 2)
	return <-left + right
}

func forkjoinMs(workers int) float64 {
	defer withWorkers(workers)()
	n, expected := 32, uint64(2178309)
	if options.quick {
		n, expected = 20, 6765
	}
	return goesMs(func() { check(forkFib(n) == expected, "another sum than fib's came out of the forks") })
}

// ---- Tasks -------------------------------------------------------------------------------------

func runTasks(n int) {
	var left sync.WaitGroup
	left.Add(n)
	for i := 0; i < n; i++ {
		go left.Done()
	}
	left.Wait()
}

func poolTasksMs(workers int) float64 {
	defer withWorkers(workers)()
	return goesMs(func() { runTasks(workSize(1_000_000)) })
}

func poolSubmitWaitUs(workers int) float64 {
	defer withWorkers(workers)()
	return singleUs(func() {
		done := make(chan struct{})
		go close(done)
		<-done
	}, 10000)
}

// Of all threads of the process, so far.
func processorTime() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil, "getrusage failed")
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// The processor time that the process takes in 2 s: 100 is one processor. trickle: called each millisecond, unless nil.
func cpuPercent(workers int, trickle func()) float64 {
	const step = time.Millisecond
	defer withWorkers(workers)()
	runTasks(1000)
	used, begin := processorTime(), time.Now()
	end := begin.Add(10 * roundLength())
	for at := begin.Add(step); trickle != nil && at.Before(end); at = at.Add(step) {
		time.Sleep(time.Until(at))
		trickle()
	}
	time.Sleep(time.Until(end))
	return float64(processorTime()-used) * 100 / float64(time.Since(begin))
}

func poolIdlePercent(workers int) float64 {
	return cpuPercent(workers, nil)
}

func poolTricklePercent(workers int) float64 {
	return cpuPercent(workers, func() { go func() {}() })
}

// ---- Loops -------------------------------------------------------------------------------------

func forEach(values []float64) {
	for i, x := range values {
		values[i] = x*1.0001 + 1
	}
}

// An equal part for each, the last one for the caller: as it is usually written, there being no loop in parallel.
func parallelFor(workers int, values []float64) {
	var left sync.WaitGroup
	left.Add(workers - 1)
	part := len(values) / workers
	for ; workers > 1; workers-- {
		mine := values[:part]
		values = values[part:]
		go func() {
			forEach(mine)
			left.Done()
		}()
	}
	forEach(values)
	left.Wait()
}

// All values are the same at any time, so that one more says what they must be.
type parforState struct {
	workers int
	values  []float64
	one     []float64
}

func newParfor(workers, count int) *parforState {
	state := &parforState{workers, make([]float64, count), []float64{1}}
	for i := range state.values {
		state.values[i] = 1
	}
	return state
}

func (state *parforState) step() {
	parallelFor(state.workers, state.values)
	forEach(state.one)
}

func (state *parforState) check() {
	for _, x := range state.values {
		check(x == state.one[0], "a value was left out, or had more than its turn")
	}
}

func parforMs(workers int) float64 {
	defer withWorkers(workers)()
	state := newParfor(workers, workSize(10_000_000))
	defer state.check()
	return goesMs(state.step)
}

func parforTinyUs(workers int) float64 {
	defer withWorkers(workers)()
	state := newParfor(workers, 5000)
	defer state.check()
	return aloneNs(func(n uint64) {
		for i := uint64(0); i < n; i++ {
			state.step()
		}
	}) / 1e3
}
