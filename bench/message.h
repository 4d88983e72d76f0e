/* message.h: the metrics of message.c. */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

double cbor_encode_20_ns(unsigned threads);
double cbor_decode_20_ns(unsigned threads);
double json_encode_20_ns(unsigned threads);
double json_decode_20_ns(unsigned threads);

#endif
