/*
 * tern_bench.h: the part of Tern's C ABI that benchmarks use, plain C11. It times any op of a step on its own, the very code that serves,
 * on data that lies on the device, and measures the ceilings to compare with. Rules, errors and handles: as in tern.h.
 */
#ifndef TERN_BENCH_H
#define TERN_BENCH_H

#include "tern.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What is timed. */
enum {
  TERN_BENCH_ATTENTION_DECODE = 0,
  TERN_BENCH_ATTENTION_PREFILL = 1,
  TERN_BENCH_TERNARY = 2,
  TERN_BENCH_DENSE = 3,
  TERN_BENCH_NORM_QUANTIZE = 4,
  TERN_BENCH_GATE_NORM_QUANTIZE = 5,
  TERN_BENCH_ROPE_APPEND = 6,
  TERN_BENCH_EMBED = 7,
  TERN_BENCH_SAMPLE = 8,
  TERN_BENCH_COUNT = 9
};

/*
 * One problem. Sizes that an op does not have are 0.
 *   ATTENTION_DECODE    n_rows sequences of one row, each of which sees n_in keys of its own
 *   ATTENTION_PREFILL   one sequence of n_in keys, whose last n_rows tokens are the rows, causal
 *   TERNARY, DENSE      x [n_rows, n_in] W^T, W [n_out, n_in] kept as TERN_STORE_TERNARY (x in int8 already) or _DENSE
 *   NORM_QUANTIZE       n_rows rows of n_in floats
 *   GATE_NORM_QUANTIZE  the same for relu(gate)^2 * up
 *   ROPE_APPEND         n_rows tokens: q rotated once, k rotated, k and v written to the arena
 *   EMBED               n_rows different rows of a table [n_out, n_in]
 *   SAMPLE              n_rows rows of n_in logits: temperature 0.8, top_k 40, top_p 0.95
 * type: of W's rows and the table's (TERNARY: TQ2_0 or F32); attention and ROPE_APPEND: of keys and values; else F32.
 * kernel: TERNARY's number in tern_bench_kernel_name, from 1 on; 0, and for all others: the one that the device picks.
 * cold 1: calls take turns with data of their own, of 4 times the last cache's size together, or twice where that is 1 GiB; 0: all calls have the same data.
 */
typedef struct tern_bench_case {
  uint32_t struct_size;
  int32_t op;
  int32_t type;
  int32_t n_rows;
  int32_t n_out;
  int32_t n_in;
  int32_t n_heads;
  int32_t n_kv_heads;
  int32_t head_dim;
  int32_t cold;
  int32_t kernel;
} tern_bench_case;

/* Arithmetic that has a peak of its own. HALF: F16 and BF16 operands, sums in floats; tensor cores, cuda only. */
enum { TERN_PEAK_F32 = 0, TERN_PEAK_HALF = 1, TERN_PEAK_INT8 = 2, TERN_PEAK_COUNT = 3 };

/*
 * What one call must do at least, by its shape: multiplications and additions (exponentials, comparisons and conversions are not counted),
 * and bytes, each read or written once, weights and keys as they are kept. docs/bench.md has the formulas.
 */
typedef struct tern_bench_counts {
  uint32_t struct_size;
  int32_t peak; /* TERN_PEAK_*: the arithmetic that does most of the ops */
  int64_t ops;
  int64_t bytes_read;
  int64_t bytes_written;
  int64_t data_bytes; /* of all calls' data together */
  int32_t n_sets;     /* calls until data is used again */
  int32_t reserved;
} tern_bench_counts;

typedef struct tern_bench tern_bench;

/*
 * Makes the data and runs the case once; an element of the result that was not written, or is NaN, is TERN_ERR_INTERNAL. TERN_ERR_UNSUPPORTED:
 * this device does not have the op with this type. A bench keeps its device alive.
 */
int32_t tern_bench_create(tern_device* device, const tern_bench_case* c, tern_bench** out);
void tern_bench_destroy(tern_bench* bench);

/* Whether a case is one of this device: what tern_bench_create would refuse as TERN_ERR_INVALID_ARGUMENT before it makes any data. */
int32_t tern_bench_check(tern_device* device, const tern_bench_case* c);

/*
 * Name of a kernel that a case of an op may ask for, as "avx512_lookup": numbers 1, 2 and so on, NULL after the last. None where an op has one
 * kernel, or where the device picks for each number of rows, as a GPU does. Valid as long as the process.
 */
const char* tern_bench_kernel_name(tern_device* device, int32_t op, int32_t number);

/*
 * Runs the case n_calls times in a row, 1..TERN_BENCH_MAX_CALLS; seconds: of all of them together, wall time on the cpu, between events on a
 * GPU, where the calls are one graph. A first call may warm up: throw its time away.
 */
#define TERN_BENCH_MAX_CALLS 4096
int32_t tern_bench_run(tern_bench* bench, int32_t n_calls, double* seconds);

/* The caller sets struct_size. */
int32_t tern_bench_count(const tern_bench* bench, tern_bench_counts* counts);

/* The kernel that the case asked for or the device picked, as "avx512_lookup"; "" where there is no choice. Valid as long as the bench. */
const char* tern_bench_kernel(const tern_bench* bench);

/* The cases that are timed on a device if nothing else is asked for, warm: numbers 0 to tern_bench_n_defaults - 1. The caller sets struct_size. */
int32_t tern_bench_n_defaults(tern_device* device);
int32_t tern_bench_default(tern_device* device, int32_t index, tern_bench_case* out);

/* Bytes read and written in a second by copying n_bytes n_passes times: device memory to device memory, on the cpu with all threads. */
int32_t tern_bench_copy_bandwidth(tern_device* device, int64_t n_bytes, int32_t n_passes, double* bytes_per_second);

/* Size of the last cache before the memory, in bytes. */
int32_t tern_bench_cache_bytes(tern_device* device, int64_t* n_bytes);

/*
 * Multiplications and additions in a second, of a loop on registers (tensor cores: on shared memory where that is faster) on all threads or
 * SMs: the best of several runs. TERN_ERR_UNSUPPORTED: the device has no such arithmetic.
 */
int32_t tern_bench_peak(tern_device* device, int32_t peak, double* ops_per_second);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
