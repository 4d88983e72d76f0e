/* pt_uv.h: the bridge to a libuv loop: futures and channels whose news come as callbacks in the loop's thread.

     pt_uv *bridge;
     pt_uv_create(&bridge, loop);                            in the loop's thread, as all below
     pt_uv_on_future(bridge, answer, &request, got_answer);  got_answer(&request, answer, PT_OK), once it has ended
     pt_uv_receive(bridge, jobs, &receiver, got_job);        got_job(&receiver, &job, PT_OK), for each; then PT_ERR_CLOSED
     uv_run(loop, UV_RUN_DEFAULT);                           ends by itself when nothing is awaited any more
     pt_uv_close(bridge, NULL, NULL);
     uv_run(loop, UV_RUN_DEFAULT);                           what was awaited still gets PT_ERR_ABORTED
     uv_loop_close(loop);

   Any thread may end the future or send to the channel, and need not know of the loop.

   A library of its own, built where pkg-config finds libuv: portalis::thread_uv in CMake, portalis_thread_uv in pkg-config. pt.h
   does not include this header, and this one does not include uv.h.

   What they share
     Threads   A bridge belongs to the thread that created it, which must be the one that runs the loop. Its functions are for
               that thread; from another one they answer PT_ERR_INVALID. A loop may have several bridges, each thread a loop.
     Callbacks Run by uv_run() in the loop's thread, and never within a call of this header. They may call anything here, and
               anything of libuv that its own callbacks may. Of what comes at once some dozens of deliveries are made in a turn
               of the loop, then its other handles have theirs.
     Once      Each pt_uv_on_future() has its callback called exactly once, each pt_uv_receive() exactly once with something
               else than PT_OK, which is its last; unless it is taken back first. Closing the bridge does that too.
     Structs   pt_uv_request and pt_uv_receiver are the caller's, all zeroes before their first use, and must stay in place
               until the (last) callback has begun, or they were taken back. From then on they may be used again, or freed, also
               within that callback.
     The loop  goes on as long as something is awaited. A bridge for which nothing is does not keep it alive, but is a handle
               like others: until it is closed, uv_loop_close() answers UV_EBUSY.
     Blocks    Nothing here does, but for a moment: that a thread needs which is just telling the bridge of its news, a few
               instructions and one write to a file descriptor. So nothing here may be called from within the function of a
               pt_ready_hook, whose thread may be the one to wait for.
     Fork      In the child a bridge is of no use any more.
     Memory    A bridge, and the room for one value of each receiver, come from malloc().
     Cost      To end a future costs its thread some 80 ns more, and a system call if the loop has no other news; with 10,000 that
               are awaited at once 0.5 us, with 100,000 40 us, as the queues of the lot get long. The loop's thread takes as much to
               deliver it. A value of a channel that is sent to all the time takes some 0.12 us, sending included. */
#ifndef PT_UV_H
#define PT_UV_H

#include <pt_base.h>
#include <pt_channel.h>
#include <pt_future.h>
#include <pt_pool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;   /* uv_loop_t */
struct uv_handle_s; /* uv_handle_t */

typedef struct pt_uv pt_uv;

/* What is awaited, as the bridge sees it. All private. */
struct pti_uv_link {
    struct pti_uv_link *next, *previous;
};
struct pti_uv_entry {
    struct pti_uv_link link; /* first */
    struct pti_uv_entry *arrived;
    const struct pti_uv_kind *kind;
    pt_uv *bridge; /* NULL: nothing is awaited */
    pt_ready_hook hook;
};

/* ---- The bridge --------------------------------------------------------------------------- */

/* Make a bridge to the calling thread's loop.

   out       receives it; to be closed with pt_uv_close()
   loop      initialised, and not closed before the bridge is
   Returns   PT_OK
             PT_ERR_NOMEM    no memory, or libuv found no file descriptor for it
             PT_ERR_INVALID  one is NULL */
PT_API PT_NODISCARD pt_status pt_uv_create(pt_uv **out, struct uv_loop_s *loop);

/* Close it. In a later turn of the loop what is still awaited has its callback called with PT_ERR_ABORTED, in no particular
   order; then closed(arg) is called, and once it has returned the bridge is gone. Until then PT_ERR_CLOSED answers whoever
   asks it for more, and what is awaited may be taken back.

   closed    may be NULL
   Returns   PT_OK
             PT_ERR_CLOSED   it is being closed already
             PT_ERR_INVALID  bridge is NULL, this is not its thread, or somebody else has closed its handle: see
                             pt_uv_of_handle() */
PT_API pt_status pt_uv_close(pt_uv *bridge, void (*closed)(void *arg), void *arg);

/* For uv_walk(): the bridge that the handle belongs to, NULL if none. Such a handle must not be closed with uv_close(), but the
   bridge with pt_uv_close(); nor is it to be referenced or unreferenced. */
PT_API pt_uv *pt_uv_of_handle(const struct uv_handle_s *handle);

/* Its loop; NULL for NULL. Any thread may ask. */
PT_API struct uv_loop_s *pt_uv_loop(const pt_uv *bridge);

/* How many are awaited: requests and receivers whose (last) callback has not begun. 0 for NULL. */
PT_API size_t pt_uv_awaited(const pt_uv *bridge);

/* ---- Requests: one callback ---------------------------------------------------------------- */

typedef struct pt_uv_request pt_uv_request;

/* status    PT_OK           the future has ended; pt_future_try_get() says how, and has its result
             PT_ERR_ABORTED  the bridge was closed first; the future may have ended meanwhile
   future    for the time of the call; retain it to keep it */
typedef void (*pt_uv_future_callback)(pt_uv_request *request, pt_future *future, pt_status status);

struct pt_uv_request {
    void *data;                /* the caller's */
    struct pti_uv_entry entry; /* from here on all private */
    void *object;
    pt_uv_future_callback callback;
};

/* Have the callback called in the loop's thread once the future has ended. A reference to the future is held until the callback
   has returned.
   Returns   PT_OK
             PT_ERR_CLOSED   the bridge is being closed; the callback will not be called, here and below
             PT_ERR_INVALID  an argument is NULL, this is not the bridge's thread, or the request is in use */
PT_API PT_NODISCARD pt_status pt_uv_on_future(pt_uv *bridge, pt_future *future, pt_uv_request *request,
                                              pt_uv_future_callback callback);

/* Have a pool run function(arg), and the callback called in the loop's thread once it has: pt_pool_submit() without waiting, and
   pt_uv_on_future(). Where libuv's uv_queue_work() has one pool for all, of four threads that may all be waiting, this one's
   workers are made up for when they wait.
   pool      NULL: pt_pool_default()
   Returns   as pt_uv_on_future(), and
             PT_ERR_BUSY     as many jobs as the pool's `limit` are queued; the callback will not be called, here and below
             PT_ERR_AGAIN    there is no default pool, and none can be made now
             PT_ERR_NOMEM, PT_ERR_CLOSED  as pt_pool_submit() */
PT_API PT_NODISCARD pt_status pt_uv_queue_work(pt_uv *bridge, pt_pool *pool, pt_task_function function, void *arg,
                                               pt_uv_request *request, pt_uv_future_callback callback);

/* Take a request back: its callback will not be called. The future itself goes on: see pt_future_cancel().
   Returns   PT_OK           also if the future has ended, as long as the callback has not begun
             PT_ERR_INVALID  the callback has begun, the request was never used, it is NULL, or this is not the bridge's
                             thread */
PT_API pt_status pt_uv_cancel(pt_uv_request *request);

/* ---- Receivers: a callback for each value -------------------------------------------------- */

typedef struct pt_uv_receiver pt_uv_receiver;

/* status    PT_OK           value has it, for the time of the call, aligned as malloc() does; what it holds is the callback's
             PT_ERR_CLOSED   the channel is closed and empty: this is the last call; value is NULL, here and below
             PT_ERR_ABORTED  the bridge was closed first: this is the last call; what is left is in the channel */
typedef void (*pt_uv_receive_callback)(pt_uv_receiver *receiver, void *value, pt_status status);

struct pt_uv_receiver {
    void *data;                /* the caller's */
    struct pti_uv_entry entry; /* from here on all private */
    pt_channel *channel;
    void *value;
    pt_uv_receive_callback callback;
};

/* Have the callback called in the loop's thread for each value that is received from the channel, and once when there will be no
   more. The receiver takes one value at a time, when its callback is about to be called, and has a receiving reference
   until its last callback has returned. Others may receive from the same channel, if it has no `one_receiver`; each value goes to
   one of them. With `one_receiver` the loop's thread is that one.
   A broadcast is received from by way of a subscriber.
   Returns   PT_OK
             PT_ERR_NOMEM    no memory for a value
             PT_ERR_CLOSED   the bridge is being closed
             PT_ERR_INVALID  an argument is NULL, this is not the bridge's thread, the receiver is in use, or the channel is a
                             broadcast */
PT_API PT_NODISCARD pt_status pt_uv_receive(pt_uv *bridge, pt_channel *channel, pt_uv_receiver *receiver,
                                            pt_uv_receive_callback callback);

/* Take a receiver back, for good or for a pause: its callback will not be called any more. No value is lost: what was not delivered
   is in the channel, for the next pt_uv_receive() or whoever else receives. To be called within its callback too, whose value
   stays until it returns.
   Returns   PT_OK
             PT_ERR_INVALID  it has had its last callback, was never used, is NULL, or this is not the bridge's thread */
PT_API pt_status pt_uv_stop(pt_uv_receiver *receiver);

#ifdef __cplusplus
}
#endif

#endif
