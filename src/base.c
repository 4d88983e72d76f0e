/* base.c: version, status texts, deadlines. */
#include <pt_base.h>

#include "port.h"

#define TEXT(x) #x
#define DOTTED(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *pt_version(void)
{
    return DOTTED(PT_VERSION_MAJOR, PT_VERSION_MINOR, PT_VERSION_PATCH);
}

const char *pt_strerror(pt_status status)
{
    switch (status) {
    case PT_OK: return "success";
    case PT_ERR_TIMEOUT: return "deadline passed";
    case PT_ERR_BUSY: return "would have to wait";
    case PT_ERR_NOBLOCK: return "would have to wait, and this thread must not (browser main thread)";
    case PT_ERR_AGAIN: return "no more threads can be had just now";
    case PT_ERR_NOMEM: return "out of memory";
    case PT_ERR_INVALID: return "invalid argument or state";
    case PT_ERR_DEADLOCK: return "the thread would wait for itself";
    case PT_ERR_OVERFLOW: return "a count would pass its maximum";
    case PT_ERR_UNSUPPORTED: return "not supported on this target";
    case PT_ERR_CANCELLED: return "cancelled";
    case PT_ERR_ABORTED: return "somebody gave it up";
    case PT_ERR_CLOSED: return "it is closed";
    case PT_ERR_FAILED: return "it ended with an error";
    case PT_ERR_MALFORMED: return "the input is not as it should be";
    }
    return "unknown status";
}

pt_time pt_now(void)
{
    return pti_port_now();
}

pt_until pt_after(pt_time nanoseconds)
{
    pt_time now = pti_port_now();
    return pt_at(nanoseconds > PT_TIME_NEVER - now ? PT_TIME_NEVER : now + nanoseconds);
}

pt_until pt_after_ms(int64_t milliseconds)
{
    if (milliseconds > PT_TIME_NEVER / PT_MILLISECOND)
        return PT_FOREVER;
    if (milliseconds < 0)
        milliseconds = 0;
    return pt_after(milliseconds * PT_MILLISECOND);
}
