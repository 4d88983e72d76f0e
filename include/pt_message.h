/* pt_message.h: bytes that travel: shared buffers, and C structs as CBOR (RFC 8949) or JSON (RFC 8259).

   One constant table describes a struct; from it come both formats, both ways:

     struct step { char *name; double seconds; };
     struct job {
         uint32_t id;
         char *title;                        // owned: decoding allocates it, pt_message_free() frees it
         enum state state;
         bool has_note; char note[32];       // optional
         struct step *steps; size_t step_count;
     };

     static const pt_enum_name state_names[] = {{"waiting", WAITING}, {"running", RUNNING}};
     static const pt_enum state_enum = PT_ENUM(state_names);
     static const pt_field step_fields[] = {PT_FIELD(struct step, name, STRING), PT_FIELD(struct step, seconds, FLOAT)};
     static const pt_schema step_schema = PT_SCHEMA(struct step, step_fields);
     static const pt_field job_fields[] = {
         PT_FIELD(struct job, id, INT),
         PT_FIELD(struct job, title, STRING),
         PT_FIELD(struct job, state, ENUM, &state_enum),
         PT_FIELD_OPTIONAL(struct job, has_note, note, CHARS),
         PT_FIELD_VECTOR(struct job, steps, step_count, STRUCT, &step_schema),
     };
     static const pt_schema job_schema = PT_SCHEMA(struct job, job_fields);

     pt_buffer bytes = PT_BUFFER_INIT;                             // a message out of a job
     pt_output out = pt_to_buffer(&bytes);
     if (pt_cbor_encode(&out, &job_schema, &job, NULL, NULL) != PT_OK) ...

     struct job copy;                                              // and a job out of a message
     pt_message_error error;
     pt_input in = pt_from_memory(bytes.data, bytes.length);
     if (pt_cbor_decode(&in, &job_schema, &copy, NULL, &error) != PT_OK)
         printf("%s at byte %llu, %s\n", pt_fault_text(error.fault), (unsigned long long)error.offset, error.path);
     ...                                                           // as in: wrong type at byte 41, $.steps[3].name
     pt_message_free(&job_schema, &copy);
     pt_buffer_free(&bytes);

   pt_json_encode() and pt_json_decode() take the same arguments. A struct is a map with the fields' names as keys.

   Nothing here blocks, but for what a caller's own sink or source does. A table may be used by any number of threads at
   once; a value, an output, an input, a buffer by one at a time. Memory comes from the allocator hook (pt_base.h). Input may
   come from an enemy: whatever it is, decoding reads nothing outside of it, allocates no more than the options allow and
   the input's own length makes likely, nests no deeper than the options allow, and leaves nothing behind if it fails. */
#ifndef PT_MESSAGE_H
#define PT_MESSAGE_H

#include <pt_base.h>

#ifdef __cplusplus
#include <type_traits>
extern "C" {
#endif

/* ---- Shared buffers ----------------------------------------------------------------------- */

/* Bytes with several holders, or a part of such bytes. A small value: copy it only by pt_shared_retain() and
   pt_shared_slice(), or move it, as a channel does, and forget the original. Zeroed memory is an empty one, as is
   PT_SHARED_INIT. The bytes must not be written, but by pt_shared_make_unique().

   Each value wants one pt_shared_release(). Values of the same bytes may be used by several threads, each its own; one
   value is for one thread at a time. What a holder read or wrote before it released its value happened before whatever
   the last one does: freeing the bytes, or changing them by pt_shared_make_unique(). */
typedef struct pt_shared {
    const uint8_t *data;            /* to be read by anyone who holds it */
    size_t length;                  /* in bytes */
    struct pti_shared_block *block; /* private; NULL for bytes that nobody frees */
} pt_shared;

/* clang-format off */
#define PT_SHARED_INIT {NULL, 0, NULL}
/* clang-format on */

/* Make zeroed bytes with one holder.

   out       receives it
   bytes     receives where to write them, until the value is retained, sliced or handed on; may be NULL
   Returns   PT_ERR_NOMEM, PT_ERR_INVALID (out is NULL)
   Cost      one allocation */
PT_API PT_NODISCARD pt_status pt_shared_create(pt_shared *out, size_t length, uint8_t **bytes);

/* The same with a copy of data, which may be NULL if length is 0. */
PT_API PT_NODISCARD pt_status pt_shared_copy(pt_shared *out, const void *data, size_t length);

/* Take over memory from elsewhere: a mapped file, a buffer of another library. It must be writable.

   free_bytes  is called once, as free_bytes(data, length, context), by whichever thread releases the last value; NULL: nobody
             frees it, and it must outlive all
   Returns   PT_ERR_NOMEM, PT_ERR_INVALID: the memory is still the caller's
   Cost      one small allocation */
PT_API PT_NODISCARD pt_status pt_shared_adopt(pt_shared *out, void *data, size_t length,
                                              void (*free_bytes)(void *data, size_t length, void *context),
                                              void *context);

/* Bytes that outlive everything and never change, as string literals do. No allocation, nothing to free. */
static inline pt_shared pt_shared_constant(const void *data, size_t length)
{
    pt_shared shared;
    shared.data = (const uint8_t *)data;
    shared.length = length;
    shared.block = NULL;
    return shared;
}

/* One more value of the same bytes, or of no bytes. shared must not be NULL. Of the same bytes there may be 2^31 values at once;
   one more ends the program, as some must have been forgotten. Cost: one atomic addition. */
PT_API PT_NODISCARD pt_shared pt_shared_retain(const pt_shared *shared);

/* A value of a part of the bytes, which keeps all of them alive.

   from, length  within the bytes of shared
   out           receives it; not shared itself, whose value would be lost
   Returns   PT_ERR_INVALID if they are not, or an argument is NULL
   Cost      one atomic addition */
PT_API PT_NODISCARD pt_status pt_shared_slice(pt_shared *out, const pt_shared *shared, size_t from, size_t length);

/* Give a value back; it is empty then. The last one frees the bytes. NULL and empty ones are harmless. */
PT_API void pt_shared_release(pt_shared *shared);

/* Whether this value is the only one of its bytes, and they may be written. Never so of pt_shared_constant() and
   PT_SHARED_INIT. Once it is so, it stays so until this value is retained, sliced or copied. Cost: one atomic load. */
PT_API bool pt_shared_is_unique(const pt_shared *shared);

/* Make this value the only one of its bytes: if it is not, it becomes a copy of its part (copy on write).

   bytes     receives where to write them, until the value is retained, sliced or handed on
   Returns   PT_ERR_NOMEM: nothing changed; PT_ERR_INVALID (an argument is NULL)
   Cost      one atomic load; or an allocation and a copy */
PT_API PT_NODISCARD pt_status pt_shared_make_unique(pt_shared *shared, uint8_t **bytes);

/* Two hooks for channels whose values are of type pt_shared, and which then move an address, however many the bytes are:

     PT_CHANNEL_OF(pages, pt_shared);                              // see pt_channel.h
     pt_channel_config config = {.destroy = pt_shared_destroy_value, .copy = pt_shared_copy_value};
     pages_create(&channel, 16, &config);
     pages_send(channel, page);                                    // PT_OK: the value is the channel's, then the receiver's

   What nobody receives is released. A broadcast gives each subscriber a value of its own, of the same bytes. pt_buffer_share()
   makes such a value of an encoded message, and pt_from_memory(page.data, page.length) decodes one.

   value, to, from  of type pt_shared; need not be aligned
   arg              not used
   Returns          pt_shared_copy_value(): true */
PT_API void pt_shared_destroy_value(void *value, void *arg);
PT_API bool pt_shared_copy_value(void *to, const void *from, void *arg);

/* ---- Growable buffers --------------------------------------------------------------------- */

/* Bytes that grow at their end. Zeroed memory is an empty one. The functions below say PT_ERR_INVALID to a NULL. */
typedef struct pt_buffer {
    uint8_t *data; /* NULL while capacity is 0 */
    size_t length, capacity;
} pt_buffer;

/* clang-format off */
#define PT_BUFFER_INIT {NULL, 0, 0}
/* clang-format on */

/* Room for so many bytes more than there are. Grows at least by half.
   Returns   PT_ERR_NOMEM: as it was */
PT_API PT_NODISCARD pt_status pt_buffer_reserve(pt_buffer *buffer, size_t more);

/* Add bytes at the end, which must not be the buffer's own. Returns PT_ERR_NOMEM: as it was. */
PT_API PT_NODISCARD pt_status pt_buffer_append(pt_buffer *buffer, const void *data, size_t length);

/* Free the memory; the buffer is empty then and may be used again. To keep the memory, set length to 0 instead. NULL is
   harmless. */
PT_API void pt_buffer_free(pt_buffer *buffer);

/* Make what the buffer holds a shared one, without copying; the buffer is empty then.
   Returns   PT_ERR_NOMEM: as it was */
PT_API PT_NODISCARD pt_status pt_buffer_share(pt_buffer *buffer, pt_shared *out);

/* ---- Schemas: what a value looks like --------------------------------------------------------- */

/* Bytes, or text with a length, that a struct owns: for fields of kind BYTES and UTF8. */
typedef struct pt_bytes {
    uint8_t *data; /* from the allocator hook if it was decoded */
    size_t length;
} pt_bytes;

typedef struct pt_enum_name {
    const char *name;
    int64_t value;
} pt_enum_name;

/* The names of an enum's values, which are what travels. */
typedef struct pt_enum {
    const pt_enum_name *names;
    uint32_t count;
} pt_enum;

/* What one value is. The words in capitals are what the macros below take as KIND:

     KIND      in C                      in CBOR and in JSON
     INT       any integer type          an integer. Decoding also takes a float without fraction, 4.0 or 1e3
     FLOAT     float, double             a float; JSON: as many digits as are needed. Decoding also takes integers, which must be
                                         exact as a double in CBOR, and are rounded in JSON as all numbers are
     BOOL      bool                      true, false
     STRING    char *, owned             text; NULL is null. No zero bytes inside
     CHARS     char[N]                   text of at most N-1 bytes
     UTF8      pt_bytes, owned           text, may hold zero bytes; data == NULL is null
     BYTES     pt_bytes, owned           a byte string; JSON: base64url without padding. Decoding also takes base64's + and /, and
                                         padding. data == NULL is null
     OCTETS    uint8_t[N]                exactly N bytes
     ENUM      an enum or integer        the value's name as text; wants a pt_enum *
     STRUCT    a struct                  a map; wants a pt_schema *
     POINTER   struct *, owned           a map; NULL is null; wants a pt_schema *. May lead to its own struct: trees, lists */
typedef enum pt_kind {
    PT_KIND_INT = 1,
    PT_KIND_UINT,
    PT_KIND_FLOAT,
    PT_KIND_BOOL,
    PT_KIND_STRING,
    PT_KIND_CHARS,
    PT_KIND_UTF8,
    PT_KIND_BYTES,
    PT_KIND_OCTETS,
    PT_KIND_ENUM,
    PT_KIND_STRUCT,
    PT_KIND_POINTER
} pt_kind;

typedef enum pt_shape {
    PT_SHAPE_ONE,
    PT_SHAPE_ARRAY,  /* T member[N]: always N of them */
    PT_SHAPE_LIST,   /* T member[N] and a count: at most N */
    PT_SHAPE_VECTOR, /* T *member and a count, owned */
    PT_SHAPE_MAP     /* struct { char *key; T value; } *member and a count, owned */
} pt_shape;

enum {
    /* Of a field: it may be missing, or null, and is zero then; left out where it is zero (all bytes of it, so -0.0 stays),
       NULL, text or a vector without anything in it. Not for a STRUCT or arrays of them. */
    PT_OMIT_ZERO = 1,
    /* Of a schema: its only field's value stands for it, without a map around it. It still counts as a level of depth. */
    PT_BARE = 1
};

/* One member of a struct. Filled by the macros below. */
typedef struct pt_field {
    const char *name;
    const void *of;        /* pt_schema or pt_enum, by kind */
    uint32_t offset, size; /* of the member in its struct; of one value, in bytes */
    uint32_t count_offset; /* of the member that counts; LIST, VECTOR, MAP */
    uint32_t limit;        /* ARRAY: how many; LIST: at most */
    uint32_t stride;       /* MAP: of an entry */
    uint32_t value_offset; /* MAP: of the value in its entry */
    uint32_t has_offset;   /* optional: 1 more than the offset of the bool; 0: not optional */
    uint16_t name_length;
    uint8_t kind, shape, count_size, flags;
} pt_field;

/* A struct. Constant, and may lead to itself by POINTER, VECTOR and MAP. */
typedef struct pt_schema {
    const char *name;
    const pt_field *fields;
    uint32_t count, size, flags;
} pt_schema;

#define PT_SCHEMA_FIELDS_MOST 512 /* fields of one schema */
#define PT_SCHEMA_NAME_MOST 255   /* bytes of a field's name, or of an enum's */

/* A table of fields as a schema, an array of pt_enum_name as a pt_enum. */
/* clang-format off */
#define PT_SCHEMA(type, fields) {#type, fields, (uint32_t)(sizeof(fields) / sizeof((fields)[0])), (uint32_t)sizeof(type), 0}
#define PT_SCHEMA_BARE(type, fields) {#type, fields, (uint32_t)(sizeof(fields) / sizeof((fields)[0])), (uint32_t)sizeof(type), PT_BARE}
#define PT_ENUM(names) {names, (uint32_t)(sizeof(names) / sizeof((names)[0]))}

/* PT_FIELD(struct job, id, INT), PT_FIELD(struct job, state, ENUM, &state_enum)
   one value, always there. The compiler checks that the member's type suits the kind. */
#define PT_FIELD(type, member, ...) {PTI_ONE(#member, type, member, 0, 0, __VA_ARGS__)}

/* PT_FIELD_OPTIONAL(struct job, has_note, note, CHARS)
   one value, there if the bool has_note says so; null when decoding is as if it were missing. */
#define PT_FIELD_OPTIONAL(type, has, member, ...) {PTI_ONE(#member, type, member, PTI_HAS(type, has), 0, __VA_ARGS__)}

/* PT_FIELD_ARRAY(struct job, corners, INT)                    int corners[4]: always four
   PT_FIELD_LIST(struct job, retries, retry_count, INT)        int retries[8]; size_t retry_count: at most eight
   PT_FIELD_VECTOR(struct job, steps, step_count, STRUCT, &s)  struct step *steps; size_t step_count: owned
   PT_FIELD_MAP(struct job, prices, price_count, struct price, FLOAT)
       struct price { char *key; double value; } *prices; size_t price_count: owned, and its keys are. The
       members of an entry have these names, and the key comes first
   The count may be of any unsigned type that holds the limit of a list. Arrays of arrays, and maps of them: elements of a
   struct with one field, whose schema is a PT_SCHEMA_BARE. */
#define PT_FIELD_ARRAY(type, member, ...) {PTI_ARRAY(#member, type, member, 0, 0, __VA_ARGS__)}
#define PT_FIELD_LIST(type, member, count, ...) {PTI_LIST(#member, type, member, 0, 0, count, __VA_ARGS__)}
#define PT_FIELD_VECTOR(type, member, count, ...) {PTI_VECTOR(#member, type, member, 0, 0, count, __VA_ARGS__)}
#define PT_FIELD_MAP(type, member, count, entry, ...) {PTI_MAP(#member, type, member, 0, 0, count, entry, __VA_ARGS__)}

/* All of the above but PT_FIELD_OPTIONAL in a general form:
   PT_FIELD_AS("class", PT_OMIT_ZERO, VECTOR, struct job, classes, class_count, INT)
   name      the key, if it is not the member's name
   flags     PT_OMIT_ZERO or 0
   SHAPE     ONE, ARRAY, LIST, VECTOR, MAP; then what the macro of that shape takes. */
#define PT_FIELD_AS(name, flags, SHAPE, type, member, ...) {PTI_##SHAPE(name, type, member, 0, flags, __VA_ARGS__)}

/* ---- What the macros are made of; private ---- */

#define PTI_THE(type) ((type *)0)
#define PTI_HAS(type, has) (1 + (uint32_t)offsetof(type, has))

#define PTI_ONE(name, type, member, has, flags, ...) \
    PTI_FIELD(name, type, member, has, flags, PT_SHAPE_ONE, 0, 0, 0, 0, 0, PTI_THE(type)->member, __VA_ARGS__, NULL)
#define PTI_ARRAY(name, type, member, has, flags, ...) \
    PTI_FIELD(name, type, member, has, flags, PT_SHAPE_ARRAY, 0, 0, PTI_COUNT_OF(type, member), 0, 0, \
              PTI_THE(type)->member[0], __VA_ARGS__, NULL)
#define PTI_LIST(name, type, member, has, flags, count, ...) \
    PTI_FIELD(name, type, member, has, flags, PT_SHAPE_LIST, (uint32_t)offsetof(type, count), \
              PTI_COUNT_SIZE(PTI_THE(type)->count), PTI_COUNT_OF(type, member), 0, 0, PTI_THE(type)->member[0], __VA_ARGS__, NULL)
#define PTI_VECTOR(name, type, member, has, flags, count, ...) \
    PTI_FIELD(name, type, member, has, flags, PT_SHAPE_VECTOR, (uint32_t)offsetof(type, count), \
              PTI_COUNT_SIZE(PTI_THE(type)->count), 0, 0, 0, PTI_THE(type)->member[0], __VA_ARGS__, NULL)
#define PTI_MAP(name, type, member, has, flags, count, entry, ...) \
    PTI_FIELD(name, type, member, has, flags, PT_SHAPE_MAP, (uint32_t)offsetof(type, count), \
              PTI_COUNT_SIZE(PTI_THE(type)->count), 0, PTI_ENTRY_SIZE(entry), (uint32_t)offsetof(entry, value), \
              PTI_THE(entry)->value, __VA_ARGS__, NULL)
#define PTI_ENTRY_SIZE(entry) /* an error of the compiler if a char *key does not come first */ \
    ((uint32_t)(sizeof(entry) + 0 * PTI_KIND_STRING(PTI_THE(entry)->key) + 0 * sizeof(char[offsetof(entry, key) == 0 ? 1 : -1])))
#define PTI_COUNT_OF(type, member) ((uint32_t)(sizeof(PTI_THE(type)->member) / sizeof(PTI_THE(type)->member[0])))

/* The last arguments are KIND, perhaps of, NULL: without an of, it is that NULL. */
#define PTI_FIELD(...) PTI_FIELD_(__VA_ARGS__, 0)
#define PTI_FIELD_(name, type, member, has, flags, shape, count_offset, count_size, limit, stride, value_offset, x, KIND, of, ...) \
    name, of, (uint32_t)offsetof(type, member), (uint32_t)sizeof(x), count_offset, limit, stride, value_offset, has, \
    (uint16_t)(sizeof(name) - 1), (uint8_t)(PTI_KIND_##KIND(x)), shape, count_size, flags
/* clang-format on */

#ifdef __cplusplus
} /* extern "C" */

template <typename T> constexpr pt_kind pti_kind_of_integer()
{
    static_assert(std::is_integral<T>::value && !std::is_same<T, bool>::value, "an INT must be an integer");
    return std::is_signed<T>::value ? PT_KIND_INT : PT_KIND_UINT;
}
template <bool suits> constexpr pt_kind pti_kind_if(pt_kind kind)
{
    static_assert(suits, "the member's type does not suit the kind of its PT_FIELD");
    return kind;
}
#define PTI_IS(x, T) std::is_same<std::remove_cv_t<std::remove_reference_t<decltype(x)>>, T>::value
#define PTI_KIND_INT(x) (pti_kind_of_integer<std::remove_cv_t<std::remove_reference_t<decltype(x)>>>())
#define PTI_KIND_FLOAT(x) (pti_kind_if < PTI_IS(x, float) || PTI_IS(x, double) > (PT_KIND_FLOAT))
#define PTI_KIND_BOOL(x) (pti_kind_if<PTI_IS(x, bool)>(PT_KIND_BOOL))
#define PTI_KIND_STRING(x) (pti_kind_if<PTI_IS(x, char *)>(PT_KIND_STRING))
#define PTI_KIND_CHARS(x) (pti_kind_if<PTI_IS(x, char[sizeof(x)])>(PT_KIND_CHARS))
#define PTI_KIND_UTF8(x) (pti_kind_if<PTI_IS(x, pt_bytes)>(PT_KIND_UTF8))
#define PTI_KIND_BYTES(x) (pti_kind_if<PTI_IS(x, pt_bytes)>(PT_KIND_BYTES))
#define PTI_KIND_OCTETS(x) (pti_kind_if<PTI_IS(x, uint8_t[sizeof(x)])>(PT_KIND_OCTETS))
#define PTI_KIND_ENUM(x) PT_KIND_ENUM
#define PTI_COUNT_SIZE(x)                                                                                          \
    ((uint8_t)(0 * pti_kind_of_integer<std::remove_cv_t<std::remove_reference_t<decltype(x)>>>() + sizeof(x)))
extern "C" {
#else
/* What is no integer, or not of the type that the kind wants, is an error of the compiler here. */
/* clang-format off */
#define PTI_KIND_INT(x) \
    _Generic((x), char: (char)-1 < 0 ? PT_KIND_INT : PT_KIND_UINT, signed char: PT_KIND_INT, short: PT_KIND_INT, \
             int: PT_KIND_INT, long: PT_KIND_INT, long long: PT_KIND_INT, unsigned char: PT_KIND_UINT, \
             unsigned short: PT_KIND_UINT, unsigned: PT_KIND_UINT, unsigned long: PT_KIND_UINT, unsigned long long: PT_KIND_UINT)
#define PTI_KIND_FLOAT(x) _Generic((x), float: PT_KIND_FLOAT, double: PT_KIND_FLOAT)
#define PTI_KIND_BOOL(x) _Generic((x), bool: PT_KIND_BOOL)
#define PTI_KIND_STRING(x) _Generic(&(x), char **: PT_KIND_STRING)
#define PTI_KIND_CHARS(x) _Generic(&(x), char(*)[sizeof(x)]: PT_KIND_CHARS)
#define PTI_KIND_UTF8(x) _Generic((x), pt_bytes: PT_KIND_UTF8)
#define PTI_KIND_BYTES(x) _Generic((x), pt_bytes: PT_KIND_BYTES)
#define PTI_KIND_OCTETS(x) _Generic(&(x), uint8_t(*)[sizeof(x)]: PT_KIND_OCTETS)
#define PTI_KIND_ENUM(x) PT_KIND_ENUM
#define PTI_COUNT_SIZE(x) _Generic((x), unsigned char: 1, unsigned short: sizeof(short), unsigned: sizeof(int), \
                                   unsigned long: sizeof(long), unsigned long long: sizeof(long long))
/* clang-format on */
#endif
#define PTI_KIND_STRUCT(x) PT_KIND_STRUCT
#define PTI_KIND_POINTER(x) PT_KIND_POINTER

/* Look over a table, and up to 63 others that it leads to: names that are missing, too long, double or no UTF-8; kinds, sizes and
   offsets that do not go together; a schema that contains itself without a pointer between. For a program's own tests: decoding
   and encoding take a table as it is, and one with mistakes may lead them anywhere.

   message   receives a sentence on the first mistake, cut to size and closed with a zero; may be NULL
   Returns   PT_OK, or PT_ERR_INVALID if there is one, or schema is NULL
   Cost      grows with the square of a schema's fields */
PT_API pt_status pt_schema_check(const pt_schema *schema, char *message, size_t size);

/* Free what a value owns, and zero it. The value is one that was decoded, or was built with memory from pt_message_alloc(), where
   what there is not is zero, optional members included. Zeroed values and NULL are harmless.
   Lists that hang together by the last field of their schema, a POINTER, may be of any length; else each level of nesting takes
   some of the stack, as in decoding. */
PT_API void pt_message_free(const pt_schema *schema, void *value);

/* Zeroed memory for owned members, from the allocator hook, or NULL; and a copy of a string there. They are freed by
   pt_message_free() of the value that they hang in. */
PT_API void *pt_message_alloc(size_t size);
PT_API char *pt_message_strdup(const char *string);

/* ---- What went wrong ------------------------------------------------------------------------ */

typedef enum pt_fault {
    PT_FAULT_NONE,
    PT_FAULT_TRUNCATED,  /* the input ends too early; or claims a length that it cannot have */
    PT_FAULT_SYNTAX,     /* no CBOR, no JSON */
    PT_FAULT_TYPE,       /* another type than the schema's */
    PT_FAULT_RANGE,      /* a number that does not fit its member, or has a fraction */
    PT_FAULT_LENGTH,     /* too long for its member, or another count than that of the array */
    PT_FAULT_UNKNOWN,    /* a key that the schema has not */
    PT_FAULT_DUPLICATE,  /* a key for the second time; of a MAP the offset is the map's end, if not deterministic */
    PT_FAULT_MISSING,    /* a field without a value; the offset is the map's end */
    PT_FAULT_NAME,       /* no name, or no value, of the enum */
    PT_FAULT_UTF8,       /* text that is no UTF-8; a surrogate without its other half */
    PT_FAULT_ZERO,       /* a zero byte inside of a string that ends with one */
    PT_FAULT_BASE64,     /* bytes in JSON that are no base64 */
    PT_FAULT_NOT_FINITE, /* NaN or infinity where there is to be none */
    PT_FAULT_ORDER,      /* not deterministic: keys out of order, a longer form than needed */
    PT_FAULT_TRAILING,   /* more after the end */
    PT_FAULT_END,        /* no message: the input has ended before one began. Only with options.trailing */
    PT_FAULT_DEPTH,      /* nested deeper than options.depth */
    PT_FAULT_LIMIT,      /* more elements, bytes or memory than the options allow */
    PT_FAULT_MEMORY,     /* out of memory */
    PT_FAULT_ROOM,       /* the caller's memory is too small for the output */
    PT_FAULT_STREAM,     /* the source or the sink failed */
    PT_FAULT_ARGUMENT    /* NULL, or options out of range */
} pt_fault;

/* A few words for a fault: "wrong type". Never NULL. */
PT_API const char *pt_fault_text(pt_fault fault);

#define PT_MESSAGE_PATH_SIZE 128 /* bytes, with the closing zero */

/* Where an encode or decode failed. Filled in only then. */
typedef struct pt_message_error {
    pt_fault fault;
    uint64_t offset;                 /* decoding: bytes from the beginning of the input; encoding: of the output */
    char path[PT_MESSAGE_PATH_SIZE]; /* "$.jobs[3].name"; where it is too long, its outer part is "..." */
} pt_message_error;

/* ---- Output ------------------------------------------------------------------------------- */

/* Where encoded bytes go. Made by the functions below; used by one call after the other, whose messages then follow each
   other; not copied in between. */
typedef struct pt_output {
    uint8_t *at, *end, *start; /* all private */
    uint64_t passed;
    pt_buffer *buffer;
    pt_status (*sink)(void *context, const void *data, size_t length);
    void *context;
    pt_status status;
    bool counting;
} pt_output;

/* Into the caller's memory. If that is too small, encoding says PT_ERR_OVERFLOW (PT_FAULT_ROOM), and pt_output_length() how much
   it wants; what is in the memory then is of no use. With no memory at all (NULL) it only counts, and says the same. */
PT_API pt_output pt_to_memory(void *memory, size_t size);

/* At the end of a growable buffer, whose length grows when a message is complete. If encoding fails, it holds what it did,
   perhaps elsewhere in memory. */
PT_API pt_output pt_to_buffer(pt_buffer *buffer);

/* Piece by piece to a function, which is called when the window is full, and at the end of each message, by the thread that
   encodes; it may block. Any status but PT_OK ends the encoding with that status. Whatever encoding fails for, what went to the
   function is gone, though the message is not complete.

   window    memory of the caller's, of at least PT_WINDOW_LEAST bytes */
#define PT_WINDOW_LEAST 64
PT_API pt_output pt_to_sink(pt_status (*sink)(void *context, const void *data, size_t length), void *context,
                            void *window, size_t size);

/* How many bytes went to the output so far, or would have, if the memory is too small. */
PT_API uint64_t pt_output_length(const pt_output *output);

/* ---- Input -------------------------------------------------------------------------------- */

/* Where encoded bytes come from. As with outputs: one message after the other, if the options say so. */
typedef struct pt_input {
    const uint8_t *at, *end; /* all private */
    uint8_t *window;
    uint64_t passed;
    size_t size;
    pt_status (*source)(void *context, void *room, size_t size, size_t *got);
    void *context;
    const uint8_t *start;
    bool ended;
} pt_input;

/* From memory that stays as it is meanwhile. What is decoded keeps no address of it. */
PT_API pt_input pt_from_memory(const void *data, size_t length);

/* Piece by piece from a function, which puts up to size bytes into room and says how many; 0 is the end. It is called by the
   thread that decodes, and may block. Any status but PT_OK ends the decoding with that status, and the input. It is asked only
   when a byte is wanted that is not there yet; what it gives beyond a message's end stays in the window for the next.

   window    memory of the caller's, of at least PT_INPUT_WINDOW_LEAST bytes. A number in JSON must be shorter */
#define PT_INPUT_WINDOW_LEAST 1024
PT_API pt_input pt_from_source(pt_status (*source)(void *context, void *room, size_t size, size_t *got),
                               void *context, void *window, size_t size);

/* How many bytes were taken from the input so far. After a failure: some of the message's. There is no way on to the next one. */
PT_API uint64_t pt_input_offset(const pt_input *input);

/* ---- Encoding ------------------------------------------------------------------------------- */

/* The most that options.depth may be. Each level takes up to 700 bytes of the stack, in a build with optimisation, and a float in
   JSON some 10 KiB for a moment: 55 KiB at the default depth, 100 KiB at the most. The default stack of a pt_thread has room
   for that on every target; Emscripten's own of 64 KiB only for the former. */
#define PT_DEPTH_MOST 128

/* Start from zeroes: each zero is the default. */
typedef struct pt_encode_options {
    bool deterministic; /* keys sorted as RFC 8949, 4.2.1 says; CBOR: floats as short as goes without loss. JSON in
                                the same order. Maps with double keys are an error */
    bool not_finite_is_null; /* JSON: NaN and infinities become null. Otherwise they are an error */
    uint8_t indent;          /* JSON: spaces for each level, on lines of their own; 0: all in one line */
    uint32_t depth;          /* levels of maps and arrays; 0: 64; at most PT_DEPTH_MOST */
} pt_encode_options;

/* Encode a value.

   output    where to
   schema, value   what
   options   NULL: the defaults
   error     receives where it failed; may be NULL
   Returns   PT_OK
             PT_ERR_INVALID    an argument is NULL; or the value is none that can be encoded: text that is no UTF-8, an enum's
                               value without a name, a NULL where there are to be elements, a count beyond the array's,
                               NaN in JSON, with options.deterministic a key for the second time
             PT_ERR_OVERFLOW   the caller's memory is too small (PT_FAULT_ROOM), or the value nests deeper than options.depth
             PT_ERR_NOMEM      no memory for the buffer, or for sorting keys
             what the sink said
   Cost      one pass, no allocation but for a buffer's growth and, if options.deterministic asks for order, one of 4 bytes a
             key for each struct whose fields are not in order yet and for each map. Text is checked for UTF-8; an ENUM
             looks through its names */
PT_API PT_NODISCARD pt_status pt_cbor_encode(pt_output *output, const pt_schema *schema, const void *value,
                                             const pt_encode_options *options, pt_message_error *error);
PT_API PT_NODISCARD pt_status pt_json_encode(pt_output *output, const pt_schema *schema, const void *value,
                                             const pt_encode_options *options, pt_message_error *error);

/* ---- Decoding ------------------------------------------------------------------------------- */

typedef enum pt_unknown { PT_UNKNOWN_ERROR, PT_UNKNOWN_SKIP } pt_unknown;
typedef enum pt_duplicate { PT_DUPLICATE_ERROR, PT_DUPLICATE_LAST } pt_duplicate; /* LAST: the last one counts */

/* Start from zeroes: each zero is the default. */
typedef struct pt_decode_options {
    pt_unknown unknown;     /* keys that the schema has not */
    pt_duplicate duplicate; /* keys that come again. Of what is skipped, keys are not compared */
    bool missing_is_zero;   /* fields that do not come are zero, and not an error */
    bool deterministic; /* CBOR: only what RFC 8949, 4.2.1 asks for: shortest forms, known keys in order and none
                                twice, definite lengths; and no tags. JSON: the same of keys */
    bool finite_only;   /* CBOR: NaN and infinities are an error; in JSON there are none */
    bool not_finite_is_null; /* JSON: null is NaN where the schema wants a float */
    bool trailing;           /* more may follow, and stays in the input: CBOR sequences (RFC 8742), JSON lines */
    uint32_t depth;          /* levels of maps and arrays; 0: 64; at most PT_DEPTH_MOST */
    size_t length;           /* bytes of one string; 0: 16 MiB */
    size_t count;            /* elements of one array or map; 0: 1 Mi */
    size_t memory;           /* bytes allocated for the whole value, at any moment; 0: 64 MiB. What goes beyond
                                the address space, or a count beyond 2^32 - 2, is cut down to that */
} pt_decode_options;

/* Decode a value.

   input     where from. CBOR: any valid form is taken, also half floats, indefinite lengths, numbers longer than need be, and
             tags, which are skipped, but for those of bignums: they are integers if they fit. Undefined is taken for null
   schema    what is expected
   value     receives it. What was there before is overwritten, not freed. If decoding fails, it is zeroed, and owns nothing
   options   NULL: the defaults
   error     receives where it failed; may be NULL
   Returns   PT_OK             the value owns memory, perhaps: see pt_message_free()
             PT_ERR_MALFORMED  the input is not as it should be; error->fault says how
             PT_ERR_OVERFLOW   a limit of the options
             PT_ERR_NOMEM      out of memory
             PT_ERR_INVALID    an argument
             what the source said
   Cost      one pass; one allocation for each string, byte string, vector and pointer, and a few more for vectors and for
             strings with escapes, or in pieces, as they grow. Keys that come in the schema's order are found at once; others
             cost a binary search, and one allocation for each schema of more than 8 fields. An ENUM looks through its names.
             Keys of a MAP that are not in RFC 8949's order are sorted, to find double ones: n log n */
PT_API PT_NODISCARD pt_status pt_cbor_decode(pt_input *input, const pt_schema *schema, void *value,
                                             const pt_decode_options *options, pt_message_error *error);
PT_API PT_NODISCARD pt_status pt_json_decode(pt_input *input, const pt_schema *schema, void *value,
                                             const pt_decode_options *options, pt_message_error *error);

#ifdef __cplusplus
}
#endif
#endif
