/* trace_text.c: the text of a trace: JSON in Chrome's trace event format. All under `writing` of trace.c.

   What is written gathers in `block`, and goes on from there when that is full. A file has no buffer of its own: so there is
   nothing in it that the child of a fork could write a second time. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "message/message.h"
#include "trace.h"

static struct {
    pt_trace_write write;
    void *arg;
    bool file, failed, begun; /* begun: there is an event before the next one */
    pt_time origin;
    size_t used;
    char block[4096];
} text;

bool pti_trace_text_to_file(const char *bytes, size_t size, void *arg)
{
    return fwrite(bytes, 1, size, arg) == size;
}

static void empty_block(void)
{
    if (text.used > 0 && !text.failed)
        text.failed = !text.write(text.block, text.used, text.arg);
    text.used = 0;
}

static void put(const char *bytes, size_t size)
{
    while (size > 0) {
        size_t room = sizeof text.block - text.used, part = size < room ? size : room;
        memcpy(text.block + text.used, bytes, part);
        text.used += part;
        bytes += part;
        size -= part;
        if (text.used == sizeof text.block)
            empty_block();
    }
}

static void put_text(const char *string)
{
    put(string, strlen(string));
}

/* Of valid UTF-8: what JSON wants escaped. */
static void put_escaped(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];
        char escape[8];
        if (c == '"' || c == '\\')
            put((const char[]){'\\', (char)c}, 2);
        else if (c < 0x20)
            put(escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else
            put(bytes + i, 1);
    }
}

/* Between quotes. What is not UTF-8, as the end of a name that was cut, becomes a replacement character for each byte. */
static void put_name(const char *name)
{
    size_t size = strlen(name);
    while (size > 0) {
        bool cut;
        size_t valid = pti_utf8_valid((const uint8_t *)name, size, &cut);
        put_escaped(name, valid);
        name += valid;
        size -= valid;
        if (size > 0) {
            put_text("\\ufffd");
            name++;
            size--;
        }
    }
}

/* "key":microseconds, with three decimals. */
static void put_time(const char *key, pt_time time)
{
    char member[48];
    if (time < 0)
        time = 0;
    snprintf(member, sizeof member, ",\"%s\":%" PRId64 ".%03d", key, time / 1000, (int)(time % 1000));
    put_text(member);
}

/* {"ph":phase and whose it is. */
static void open_event(const char *phase, uint64_t thread)
{
    char head[80];
    snprintf(head, sizeof head, "%s\n{\"ph\":\"%s\",\"pid\":1,\"tid\":%" PRIu64, text.begun ? "," : "", phase,
             thread);
    put_text(head);
    text.begun = true;
}

void pti_trace_text_begin(pt_trace_write write, void *arg, bool file, pt_time origin)
{
    text.write = write;
    text.arg = arg;
    text.file = file;
    text.failed = text.begun = false;
    text.origin = origin;
    text.used = 0;
    if (file)
        setvbuf(arg, NULL, _IONBF, 0);
    put_text("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
}

bool pti_trace_text_is_file(void)
{
    return text.file;
}

void pti_trace_text_event(uint64_t thread, const struct pti_trace_event *event)
{
    bool instant = event->kind == PTI_TRACE_INSTANT;
    open_event(instant ? "i" : "X", thread);
    put_time("ts", event->start - text.origin);
    if (!instant)
        put_time("dur", event->end - event->start);
    put_text(instant ? ",\"s\":\"t\",\"name\":\"" : ",\"name\":\"");
    if (event->kind == PTI_TRACE_WAIT)
        put_text("wait ");
    put_name(event->name == NULL ? "" : event->name);
    put_text("\"}");
}

void pti_trace_text_name(uint64_t thread, const char *name)
{
    open_event("M", thread);
    put_text(",\"name\":\"thread_name\",\"args\":{\"name\":\"");
    put_name(name);
    put_text("\"}}");
}

bool pti_trace_text_end(uint32_t dropped)
{
    char tail[64];
    snprintf(tail, sizeof tail, "\n],\"otherData\":{\"dropped\":%" PRIu32 "}}\n", dropped);
    put_text(tail);
    empty_block();
    bool whole = !text.failed;
    if (text.file && fclose(text.arg) != 0)
        whole = false;
    pti_trace_text_forget();
    return whole;
}

void pti_trace_text_forget(void)
{
    text.file = false;
    text.used = 0;
    text.arg = NULL;
}
