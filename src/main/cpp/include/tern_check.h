/*
 * tern_check.h: the part of Tern's C ABI that validates a device, plain C11: every kernel against the fp64 oracle, repeats bit for bit, memory,
 * copies, speed. Rules, errors and handles: as in tern.h.
 */
#ifndef TERN_CHECK_H
#define TERN_CHECK_H

#include "tern.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What became of a check. */
enum {
  TERN_CHECK_PASSED = 0,
  TERN_CHECK_FAILED = 1,
  TERN_CHECK_NOT_HERE = 2 /* the device has no such kernel or type */
};

/* What tern_check_repeat repeats: products of dense (BF16) and ternary weights, attention of prompts and of decoding rows. */
enum {
  TERN_REPEAT_DENSE = 0,
  TERN_REPEAT_TERNARY = 1,
  TERN_REPEAT_PREFILL = 2,
  TERN_REPEAT_DECODE = 3,
  TERN_REPEAT_DENSE_LARGE = 4,   /* as large as to keep the whole device busy */
  TERN_REPEAT_TERNARY_LARGE = 5,
  TERN_REPEAT_COUNT = 6
};

/* Patterns of tern_check_memory: each 64-bit word's own number, that inverted, and random words. */
enum { TERN_PATTERN_ADDRESS = 0, TERN_PATTERN_INVERSE = 1, TERN_PATTERN_RANDOM = 2 };

/* What tern_check_speed times. */
enum {
  TERN_SPEED_READ = 0,           /* the device's memory */
  TERN_SPEED_COPY_TO = 1,        /* from pageable host memory to the device */
  TERN_SPEED_COPY_FROM = 2,
  TERN_SPEED_DENSE = 3,          /* BF16 weights, many rows */
  TERN_SPEED_TERNARY = 4,        /* many rows */
  TERN_SPEED_TERNARY_DECODE = 5, /* one row */
  TERN_SPEED_PREFILL = 6,        /* attention of a prompt */
  TERN_SPEED_DECODE = 7,         /* attention of decoding rows */
  TERN_SPEED_LAUNCH = 8,         /* of the smallest kernel, until its result is there */
  TERN_SPEED_STEP = 9,           /* of the smallest decode step: a graph, where the device has them */
  TERN_SPEED_COPY = 10,          /* within the device's memory, bytes read and written */
  TERN_SPEED_PEAK_F32 = 11,      /* arithmetic without memory: fused multiply-adds */
  TERN_SPEED_PEAK_HALF = 12,     /* tensor cores, sums in floats; cuda only */
  TERN_SPEED_PEAK_INT8 = 13,
  TERN_SPEED_COUNT = 14
};

typedef struct tern_check_result {
  uint32_t struct_size;
  int32_t verdict;
  int64_t n_values; /* compared */
  int64_t n_wrong;
  int64_t n_bytes;  /* moved or read, where that is what was checked */
  int64_t n_ops;    /* of a call, where its speed was */
  double error;     /* of the value nearest to its bound; 0 where results must be exact */
  double bound;
  double seconds;   /* that the moves or the call took */
  char text[400];   /* where it failed, or why it is not for this device */
} tern_check_result;

/*
 * Where the library of checks is; NULL: beside this library. The environment variable TERN_CHECK_LIBRARY goes before it. It holds the
 * tests' tables of cases and their fp64 oracle, and is opened when it is first needed.
 */
int32_t tern_check_library(const char* path);

/* Number of cases, the same on every device; group and name of one, NULL if there is none. */
int32_t tern_check_count(int32_t* n);
const char* tern_check_group(int32_t i);
const char* tern_check_name(int32_t i);

/* The caller sets struct_size of out in all of these. TERN_OK says that the check was made; its verdict says what it found. */

/* Case i: a kernel against the oracle, with bounds computed from the case. */
int32_t tern_check_case(tern_device* device, int32_t i, tern_check_result* out);

/* One problem drawn from seed, computed n_repeats + 1 times; every result has the first one's bits. */
int32_t tern_check_repeat(tern_device* device, int32_t what, int32_t n_repeats, int64_t seed, tern_check_result* out);

/* n_bytes, a multiple of 8, of the device's memory written with a pattern and compared with it, both by the device. */
int32_t tern_check_memory(tern_device* device, int64_t n_bytes, int32_t pattern, int64_t seed, tern_check_result* out);

/* Random words copied to the device and compared there, and written there, copied back and compared. seconds: of the two copies. */
int32_t tern_check_copies(tern_device* device, int64_t n_bytes, int64_t seed, tern_check_result* out);

/* Time of one call among many, once; whoever asks repeats it. */
int32_t tern_check_speed(tern_device* device, int32_t what, tern_check_result* out);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
