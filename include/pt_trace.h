/* pt_trace.h: what each thread did when, as a file to look at in a browser.

     pt_trace_start("out.json");                             or PT_TRACE=out.json in the environment
     ...
     pt_trace_begin("decode");                               spans of your own
     decode(picture);
     pt_trace_end();
     ...
     pt_trace_stop();

   What comes out is Chrome's trace event format, JSON: https://ui.perfetto.dev shows it, and so does chrome://tracing. Each thread
   has a track with its name. On it are, as spans, what the thread waited for ("wait mutex", "wait channel (send)": real sleeps
   only, no spinning), of workers of a pool each "job" and each "rest", and what the program itself notes by the calls below; as
   moments, where a worker took a job from another ("steal"). A span is inside another one or beside it. One is
   written when it ends: those that have not ended when tracing stops are left out, and so are waits that began before it
   started. The file ends with the count of events that were dropped: "otherData":{"dropped":0}.

   What is dropped   Each thread keeps its events to itself, and writes them out when it has some thousand: in a call below, between
                     two jobs, and as it ends; if the text goes to a file, also before it waits. Between two such places it
                     keeps 2,048 and drops the rest; and all while there is no memory. Of a thread that has had
                     no event yet, a wait that begins just as tracing starts may be dropped too. Every event is in the text, or counted as
                     dropped.

   What they share
     Threads   Any thread may call any of these. Signal handlers may not.
     Targets   native, WASI: as described. Browser: a file would be in Emscripten's own file system; pt_trace_start_to() gives
               the text to the page. A page's main thread may call all of these; where it would have to wait for another
               thread's writing, its events are dropped, and starting and stopping answer PT_ERR_NOBLOCK.
     Fork      The child is not traced, and writes nothing to the parent's file; it may start anew.
     Memory    64 KiB for each thread that has had an event, until it ends. An allocator of your own (pt_set_allocator) is called by
               threads that are about to wait: if its functions wait for locks of this library themselves, do not trace.
     Cost      While tracing is off: one read of memory and a branch in each. On: two readings of the clock for a span, and some
               dozen nanoseconds; some hundred more for each when they are written out. */
#ifndef PT_TRACE_H
#define PT_TRACE_H

#include <pt_base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_TRACE_DEPTH 64 /* of spans of one's own that are open in one thread; deeper ones are dropped */

/* Takes the next piece of the text, which is not zero-terminated and is gone when the call returns. Called by one thread at a
   time, by whichever one writes out. It may use the library, and is not traced meanwhile; but it must not wait for a thread
   that is within one of the calls below, is between two jobs, or ends: that one may be waiting for this call to return.
   Returns   false: it could not. It is not called again then, and pt_trace_stop() says so */
typedef bool (*pt_trace_write)(const char *text, size_t size, void *arg);

/* ---- Starting and stopping ----------------------------------------------------------------- */

/* Start, and write to a file, which is made anew; or to whatever write(..., arg) does with it.

   Returns   PT_OK
             PT_ERR_BUSY     it is on already; start it after pt_trace_stop()
             PT_ERR_FAILED   the file cannot be made: errno says why
             PT_ERR_NOBLOCK  another thread is writing, and this one may not wait
             PT_ERR_INVALID  path or write is NULL
   Blocks    while another thread writes out

   With PT_TRACE=path in the environment a program starts before main(), and stops as it exits: by exit() or by
   returning from main(), not by _Exit() or a signal. If the file cannot be made, it says so on stderr and runs all the same. */
PT_API PT_NODISCARD pt_status pt_trace_start(const char *path);
PT_API PT_NODISCARD pt_status pt_trace_start_to(pt_trace_write write, void *arg);

/* Stop, write all that is left, and close the file. What happened before this call, in the sense of C11, is in the text or
   counted; what other threads do meanwhile may be.

   Returns   PT_OK           the text is whole
             PT_ERR_FAILED   a part of it could not be written
             PT_ERR_NOBLOCK  another thread is writing, and this one may not wait; tracing goes on
             PT_ERR_DEADLOCK called by the function that takes the text
             PT_ERR_INVALID  it is not on
   Blocks    while another thread writes out */
PT_API pt_status pt_trace_stop(void);

/* ---- Spans and moments of one's own --------------------------------------------------------- */

/* Begin a span in the calling thread; end the one that began last; note a moment. Nothing happens while tracing is off, and
   an end without a beginning is ignored, as it may have been on only since.

   name      UTF-8, kept as a pointer until it is written out: so a string literal, or what else stays until tracing
             has stopped. NULL is ""
   Blocks    may wait for another thread's writing out, once in some thousand calls */
PT_API void pt_trace_begin(const char *name);
PT_API void pt_trace_end(void);
PT_API void pt_trace_instant(const char *name);

#ifdef __cplusplus
}
#endif

#endif
