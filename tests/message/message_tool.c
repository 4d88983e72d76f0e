/* message_tool.c: turns messages of everything.h from one format into the other, one after the other until the input ends:
     message_tool cbor|json cbor|json [deterministic]
   CBOR messages follow each other as they are, JSON messages are lines. Ends with status 1, and says where, at the first one that
   is no good. */
#include <stdio.h>

#include "everything.h"

static pt_status read_in(void *context, void *room, size_t size, size_t *got)
{
    *got = fread(room, 1, size < 100 ? size : 100, context); /* in small pieces */
    return ferror((FILE *)context) ? PT_ERR_INVALID : PT_OK;
}

static pt_status write_out(void *context, const void *data, size_t length)
{
    return fwrite(data, 1, length, context) == length ? PT_OK : PT_ERR_INVALID;
}

int main(int argc, char **argv)
{
    static uint8_t window[4096], out_window[256];
    if (argc < 3)
        return 2;
    bool from_json = strcmp(argv[1], "json") == 0, to_json = strcmp(argv[2], "json") == 0;
    pt_encode_options options = {.deterministic = argc > 3};
    pt_decode_options sequence = {.trailing = true};
    pt_input input = pt_from_source(read_in, stdin, window, sizeof window);
    pt_output output = pt_to_sink(write_out, stdout, out_window, sizeof out_window);
    for (;;) {
        struct everything e;
        pt_message_error error = {.offset = 0};
        pt_status status =
            (from_json ? pt_json_decode : pt_cbor_decode)(&input, &everything_schema, &e, &sequence, &error);
        if (status != PT_OK && error.fault == PT_FAULT_END)
            return 0;
        if (status == PT_OK)
            status = (to_json ? pt_json_encode : pt_cbor_encode)(&output, &everything_schema, &e, &options, &error);
        pt_message_free(&everything_schema, &e);
        if (status != PT_OK) {
            fflush(stdout);
            fprintf(stderr, "%s at byte %llu, %s\n", pt_fault_text(error.fault), (unsigned long long)error.offset,
                    error.path);
            return 1;
        }
        if (to_json)
            putchar('\n');
    }
}
