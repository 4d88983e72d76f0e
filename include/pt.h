/* pt.h: all of libportalis_thread. */
#ifndef PT_H
#define PT_H

#include <pt_atomic.h>
#include <pt_base.h>
#include <pt_cancel.h>
#include <pt_channel.h>
#include <pt_checked.h>
#include <pt_future.h>
#include <pt_loop.h>
#include <pt_message.h>
#include <pt_mutex.h>
#include <pt_parallel.h>
#include <pt_pool.h>
#include <pt_sort.h>
#include <pt_thread.h>
#include <pt_timer.h>
#include <pt_trace.h>

#endif
