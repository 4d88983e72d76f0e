// harness.go: what bench.c is for the C peers, by the same method, with the same options and the same lines of output.
// For --pin alone there is no way: which thread a goroutine runs on is not the program's to say.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	leastGoes = 10
	runs      = 9
	flowRuns  = 3
	flowUnit  = 4 * 32
	batch     = 64
)

// A benchCase is how one metric is measured: one round, in the metric's unit.
type benchCase struct {
	metric, unit, better, what string
	measure                    func(threads int) float64
	threads                    int
}

// Does the operation n times.
type loop func(n uint64)

var options = struct {
	filters                      []string
	rounds                       int
	quick, list, table, progress bool
}{rounds: 1}

func check(ok bool, what string) {
	if !ok {
		fmt.Fprintln(os.Stderr, "bench: "+what)
		os.Exit(1)
	}
}

// ---- Medians and clocks ------------------------------------------------------------------------

func median(values []float64) float64 {
	sort.Float64s(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// How long one round of a measurement is to take.
func roundLength() time.Duration {
	if options.quick {
		return time.Second / 100
	}
	return time.Second / 5
}

// ---- Shapes: one thread, and two ---------------------------------------------------------------

// Nanoseconds an operation. First raise n until a run takes its part of a round, which warms everything up, too. Twice
// in a row it must, since a single run may have taken long because somebody else had the processor.
func calibratedNs(runs int, run func(n uint64) time.Duration) float64 {
	length, n := roundLength()/time.Duration(runs), uint64(1)
	for {
		took := run(n)
		if took >= length/2 {
			took = run(n)
		}
		if took >= length/2 {
			break
		}
		if took < length/20 {
			n *= 10
		} else {
			n *= 2
		}
	}
	ns := make([]float64, runs)
	for i := range ns {
		ns[i] = float64(run(n).Nanoseconds()) / float64(n)
	}
	return median(ns)
}

// One thread: nanoseconds an operation, the median of several runs. Another one sleeps all the time.
func aloneNs(operations loop) float64 {
	gate, passed := make(chan struct{}), make(chan struct{})
	go func() {
		<-gate
		close(passed)
	}()
	ns := calibratedNs(runs, func(n uint64) time.Duration {
		begin := time.Now()
		operations(n)
		return time.Since(begin)
	})
	close(gate)
	<-passed
	return ns
}

// Two threads, each running its loop n times, that keep each other going: microseconds a round trip. ping runs in the
// calling one and is timed. Otherwise as above.
func pairUs(ping, pong loop) float64 {
	return calibratedNs(runs, func(n uint64) time.Duration {
		ready, gate, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			close(ready)
			<-gate
			pong(n)
			close(done)
		}()
		<-ready
		close(gate)
		begin := time.Now()
		ping(n)
		took := time.Since(begin)
		<-done
		return took
	}) / 1e3
}

// ---- Shape: something slow ---------------------------------------------------------------------

// Microseconds that one go takes: the median of so many goes, or of as many as fit in 2 s.
func singleUs(once func(), count int) float64 {
	end := time.Now().Add(10 * roundLength())
	var took []float64
	once() // to warm up
	for len(took) < count && (len(took) < leastGoes || time.Now().Before(end)) {
		begin := time.Now()
		once()
		took = append(took, float64(time.Since(begin).Nanoseconds())/1e3)
	}
	return median(took)
}

// ---- Shape: waiting for a moment ---------------------------------------------------------------

func lateUs(wait func(length time.Duration)) float64 {
	const length = 2 * time.Millisecond
	waits := 100
	if options.quick {
		waits = 3
	}
	late := make([]float64, waits)
	for i := range late {
		begin := time.Now()
		wait(length)
		late[i] = float64((time.Since(begin) - length).Nanoseconds()) / 1e3
	}
	return median(late)
}

// ---- Shape: a crowd ----------------------------------------------------------------------------

type crowdResult struct {
	total        uint64  // operations of all threads together
	mops         float64 // millions of them in a second
	slowestShare float64 // of the slowest thread, as against the mean: 1 is perfectly fair
}

// On cache lines that nobody writes meanwhile.
type stopSign struct {
	_    [128]byte
	stop atomic.Bool
	_    [128]byte
}

// So many threads, all running the loop, with a small n, again and again, for so many times 0.2 s by the clock.
func crowd(threads, rounds int, operations loop) crowdResult {
	sign := new(stopSign)
	ready, gate, counts := make(chan struct{}), make(chan struct{}), make(chan uint64)
	for i := 0; i < threads; i++ {
		go func() {
			ready <- struct{}{}
			<-gate
			done := uint64(0)
			for !sign.stop.Load() {
				operations(batch)
				done += batch
			}
			counts <- done
		}()
	}
	for i := 0; i < threads; i++ {
		<-ready
	}
	close(gate)
	begin := time.Now()
	time.Sleep(time.Duration(rounds) * roundLength())
	sign.stop.Store(true)
	took := time.Since(begin)

	var result crowdResult
	slowest := ^uint64(0)
	for i := 0; i < threads; i++ {
		done := <-counts
		result.total += done
		if done < slowest {
			slowest = done
		}
	}
	result.mops = float64(result.total) / float64(took.Nanoseconds()) * 1e3
	result.slowestShare = float64(slowest) * float64(threads) / float64(result.total)
	return result
}

// ---- Shape: a flow -----------------------------------------------------------------------------

// Producers send values, consumers receive them, each in a thread of its own: millions of values a second. A producer
// sends n values, each one more than the one before; a consumer receives n, and returns their sum, by which a lost or
// doubled value shows. All send, and receive, equally many.
func flowMmsgs(producers, consumers int, send func(producer int, first, n uint64), receive func(n uint64) uint64) float64 {
	check(flowUnit%(producers*32) == 0 && flowUnit%(consumers*32) == 0, "shares are not equal")
	return flowUnit * 1e3 / calibratedNs(flowRuns, func(n uint64) time.Duration {
		total := n * flowUnit
		sent, received := total/uint64(producers), total/uint64(consumers)
		ready, gate, sums := make(chan struct{}), make(chan struct{}), make(chan uint64)
		start := func(run func() uint64) {
			go func() {
				ready <- struct{}{}
				<-gate
				sums <- run()
			}()
		}
		for i := 0; i < producers; i++ {
			i := i
			start(func() uint64 { send(i, 1+uint64(i)*sent, sent); return 0 })
		}
		for i := 0; i < consumers; i++ {
			start(func() uint64 { return receive(received) })
		}
		for i := 0; i < producers+consumers; i++ {
			<-ready
		}
		begin, sum := time.Now(), uint64(0) // before they are let go: after it they may keep this one off the processor
		close(gate)
		for i := 0; i < producers+consumers; i++ {
			sum += <-sums
		}
		took := time.Since(begin)
		check(sum == total*(total+1)/2, "values were lost, doubled or changed on their way")
		return took
	})
}

// ---- Options -----------------------------------------------------------------------------------

const help = `Usage: %s [options]
Measures, and prints a line for each metric: library, metric, value, unit.
  --list             only list the metrics: name, unit, which is better, what it is
  --filter TEXT,...  only metrics whose name contains one of the texts; may be repeated
  --rounds N         measure N times and print the median (default 1)
  --format tsv       fields separated by tabs, for programs (default)
  --format table     aligned, for people
  --quick            rounds of 0.01 s, not 0.2 s: shows that it runs, not how fast
  --progress         say on standard error what is being measured
  --help             print this
`

// Ends the program with status 2, as a wrong command line does.
func usage(problem, what string) {
	fmt.Fprintf(os.Stderr, "%s: %s: %s\nTry --help.\n", os.Args[0], problem, what)
	os.Exit(2)
}

func setValue(name, value string) {
	switch name {
	case "--filter":
		options.filters = append(options.filters, strings.FieldsFunc(value, func(c rune) bool { return c == ',' })...)
	case "--rounds":
		rounds, err := strconv.Atoi(value)
		if err != nil || rounds < 1 || rounds > 1000 {
			usage("--rounds wants a number from 1 to 1000", value)
		}
		options.rounds = rounds
	case "--format":
		if value != "tsv" && value != "table" {
			usage("--format wants tsv or table", value)
		}
		options.table = value == "table"
	}
}

func setFlag(argument string) {
	switch argument {
	case "--list":
		options.list = true
	case "--quick":
		options.quick = true
	case "--progress":
		options.progress = true
	case "--pin":
		usage("threads cannot be tied to processors here", argument)
	case "--help":
		fmt.Printf(help, os.Args[0])
		os.Exit(0)
	default:
		usage("unknown option", argument)
	}
}

func parseOptions() {
	for i := 1; i < len(os.Args); i++ {
		name, value, given := strings.Cut(os.Args[i], "=")
		if name != "--filter" && name != "--rounds" && name != "--format" {
			setFlag(os.Args[i])
			continue
		}
		if !given {
			if i++; i == len(os.Args) {
				usage("option wants a value", name)
			}
			value = os.Args[i]
		}
		setValue(name, value)
	}
}

// ---- Running the cases -------------------------------------------------------------------------

func wanted(metric string) bool {
	for _, text := range options.filters {
		if strings.Contains(metric, text) {
			return true
		}
	}
	return len(options.filters) == 0
}

func runCase(library string, one benchCase) {
	values := make([]float64, options.rounds)
	for round := range values {
		values[round] = one.measure(one.threads)
	}
	format := "%s\t%s\t%.3f\t%s\n"
	if options.table {
		format = "%-11s %-28s %12.3f %s\n"
	}
	fmt.Printf(format, library, one.metric, median(values), one.unit)
}

func benchMain(library string, cases []benchCase) {
	parseOptions()
	var chosen []benchCase
	for _, one := range cases {
		if wanted(one.metric) {
			chosen = append(chosen, one)
		}
	}
	if len(chosen) == 0 {
		usage("no metric has a name with", options.filters[0])
	}
	for i, one := range chosen {
		if options.list {
			fmt.Printf("%s\t%s\t%s\t%s\n", one.metric, one.unit, one.better, one.what)
			continue
		}
		if options.progress {
			fmt.Fprintf(os.Stderr, "%s: %s (%d of %d)\n", library, one.metric, i+1, len(chosen))
		}
		runCase(library, one)
	}
}
