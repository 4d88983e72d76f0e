/* clock.c: the browser's clock, made one for all Workers.

   Each Worker has a clock of its own, and they agree only to some microseconds: one may read a moment that another
   thinks is still to come. So the latest moment that anybody has read is shared, and nobody reads an earlier one. */
#include <emscripten.h>

#include "atomic.h"
#include "port.h"

static pt_time latest; /* atomic, only grows; relaxed: it is a number, and orders nothing */

pt_time pti_port_now(void)
{
    pt_time now = (pt_time)(emscripten_get_now() * 1e6), seen = load_relaxed(&latest);
    while (seen < now) {
        if (cas_relaxed(&latest, &seen, now))
            return now;
    }
    return seen;
}
