/*
 * tern.h: the whole C ABI of Tern, plain C11.
 *
 * Three handles: a device (a backend with its threads), a model (weights in kernel layout on a device) and an
 * engine (KV arena and scratch of a model). tern_step runs one forward pass for a batch of rows that Java, or
 * anyone, described in plain arrays; tern_op_* runs one kernel on its own, the very code that serves.
 *
 * Every function returns TERN_OK or an error code; tern_last_error() then gives this thread's text. Nothing here
 * prints, aborts, throws or calls back. Handles are reference-counted: a model keeps its device alive, an engine
 * its model, so destroy calls may come in any order. A device may be used by several threads: steps on one device
 * take turns. One engine must not be stepped by two threads at once. Destroying a handle in use is the caller's error.
 *
 * Sizes: n_* are counts, *_dim are vector lengths. Matrices are row-major; [a, b] means a rows of b elements.
 */
#ifndef TERN_H
#define TERN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define TERN_ABI_VERSION 5

/* Keys that share one allocation unit and one attention tile. A key's place in its page is its index mod 64. */
#define TERN_PAGE_LEN 64

/* Status codes. */
enum {
  TERN_OK = 0,
  TERN_ERR_INVALID_ARGUMENT = 1, /* a value out of range; nothing was changed */
  TERN_ERR_OUT_OF_MEMORY = 2,    /* host or device memory; nothing was changed */
  TERN_ERR_UNSUPPORTED = 3,      /* a combination that this build or device has no kernel for */
  TERN_ERR_UNAVAILABLE = 4,      /* the backend cannot run here; the text says why */
  TERN_ERR_NOT_TERNARY = 5,      /* rows loaded as ternary hold other values, or several scales in a row */
  TERN_ERR_DEVICE_LOST = 6,      /* sticky device error: the device and all on it are failed */
  TERN_ERR_INTERNAL = 7          /* a bug in Tern */
};

/* Tensor element types, numbered as in GGUF (135 and 134: ik_llama.cpp's numbers, 36: bitnet.cpp's). */
enum {
  TERN_TYPE_F32 = 0,
  TERN_TYPE_F16 = 1,
  TERN_TYPE_Q4_0 = 2,
  TERN_TYPE_Q8_0 = 8,
  TERN_TYPE_Q6_K = 14,
  TERN_TYPE_I8 = 24,   /* KV arena only: int8 with one float scale per slot and head */
  TERN_TYPE_BF16 = 30,
  TERN_TYPE_TQ1_0 = 34,
  TERN_TYPE_TQ2_0 = 35,
  TERN_TYPE_I2_S = 36, /* rows only; the tensor's one scale, which stands behind them, is tern_model_load_begin's */
  TERN_TYPE_Q2_0 = 42,
  TERN_TYPE_IQ1_BN = 134,
  TERN_TYPE_IQ2_BN = 135,
  /* Not of GGUF: the bytes [n_rows / 4, n_cols] of a packed tensor of Hugging Face, four times over. Of n_rows rows, those of quarter
     q, from 0, have their codes (trit + 1) in bits 2q and 2q + 1 of each byte. For TERN_STORE_TERNARY only. */
  TERN_TYPE_HF_PACKED = 1000
};

/* How a weight is kept in memory. */
enum {
  TERN_STORE_DENSE = 0,  /* the values of the rows, exactly: in the file's type or a wider one */
  TERN_STORE_TERNARY = 1 /* {-1, 0, +1} with one scale a row; multiplied in int32 with int8 activations */
};

/* Which weight of the graph. Layer roles take a layer index, the others layer -1. */
enum {
  TERN_ROLE_TOKEN_EMBD = 0, /* [vocab_size, hidden_dim] */
  TERN_ROLE_OUTPUT = 1,     /* [vocab_size, hidden_dim]; absent: tied to token_embd */
  TERN_ROLE_OUTPUT_NORM = 2,
  TERN_ROLE_ROPE_FREQS = 3, /* optional [rope_dim / 2]: divides each frequency */
  TERN_ROLE_ATTN_NORM = 4,
  TERN_ROLE_ATTN_SUB_NORM = 5, /* [n_heads * head_dim], only with sub_norms */
  TERN_ROLE_WQ = 6,
  TERN_ROLE_WK = 7,
  TERN_ROLE_WV = 8,
  TERN_ROLE_WO = 9,
  TERN_ROLE_FFN_NORM = 10,
  TERN_ROLE_FFN_SUB_NORM = 11, /* [ffn_dim], only with sub_norms */
  TERN_ROLE_W_GATE = 12,
  TERN_ROLE_W_UP = 13,
  TERN_ROLE_W_DOWN = 14,
  TERN_ROLE_ATTN_Q_NORM = 15, /* optional [head_dim]: norm of each head of q before RoPE; with ATTN_K_NORM, in all layers or none */
  TERN_ROLE_ATTN_K_NORM = 16,
  TERN_ROLE_COUNT = 17
};

/* RoPE pairs: elements (2i, 2i+1), or (i, i + rope_dim / 2). */
enum { TERN_ROPE_ADJACENT = 0, TERN_ROPE_HALVES = 1 };

/* Gating: silu(gate) * up, or relu(gate)^2 * up. */
enum { TERN_GATE_SILU = 0, TERN_GATE_RELU2 = 1 };

typedef struct tern_device tern_device;
typedef struct tern_model tern_model;
typedef struct tern_engine tern_engine;

/* Version of this ABI in the library that was loaded. */
int32_t tern_abi_version(void);

/* Text of the last error on this thread, never NULL; valid until the thread's next call. */
const char* tern_last_error(void);

/* Bytes of native memory that Tern holds now, all handles together. Back at its earlier value once handles are gone. */
int64_t tern_native_bytes(void);

/* ---- device ------------------------------------------------------------------------------------------------- */

/*
 * Opens a backend. name: "cpu", "cuda" (the first GPU) or "cuda:N". n_threads: 1..256, or 0 for one per core this process may
 * use; 0 for cuda. TERN_ERR_UNAVAILABLE: there is no driver, no such GPU, or no kernels for it; the text says which.
 */
int32_t tern_device_open(const char* name, int32_t n_threads, tern_device** out);
void tern_device_destroy(tern_device* device);

/*
 * Where the library of the CUDA backend is; NULL: beside this library. The environment variable TERN_CUDA_LIBRARY goes before it.
 * Looked at when a cuda device is first opened; a backend that was opened stays.
 */
int32_t tern_cuda_library(const char* path);

/* Threads that run kernels from now on, 1..256. Engines made with fewer refuse to step with more. */
int32_t tern_device_set_threads(tern_device* device, int32_t n_threads);
int32_t tern_device_n_threads(const tern_device* device);

/* What was chosen and why, as JSON: tier, features, reasons, plan per shape. Valid until the next call on the device. */
int32_t tern_device_describe(tern_device* device, const char** json);

/* ---- model -------------------------------------------------------------------------------------------------- */

typedef struct tern_model_config {
  uint32_t struct_size;
  int32_t n_layers;
  int32_t n_heads;
  int32_t n_kv_heads;
  int32_t head_dim; /* a multiple of 8, at most 256 */
  int32_t hidden_dim;
  int32_t ffn_dim;
  int32_t vocab_size;
  int32_t rope_dim; /* even, <= head_dim; elements beyond it are not rotated */
  int32_t rope_style;
  int32_t gate;
  int32_t sub_norms; /* 1: attn_sub_norm and ffn_sub_norm are there */
  float norm_eps;
  float reserved;
  double rope_freq_base;
} tern_model_config;

int32_t tern_model_create(tern_device* device, const tern_model_config* config, tern_model** out);
void tern_model_destroy(tern_model* model);

/*
 * Loads one weight: begin, then its rows in order, in pieces of any number of whole rows. Norms are one row.
 * type: of the rows given; store: TERN_STORE_*; scale: multiplies the whole weight (1 if there is none).
 * begin on a weight that was begun before starts it again. TERN_ERR_NOT_TERNARY from load_rows: begin again, dense (but HF_PACKED,
 * whose rows then hold the code 3, which is nothing).
 */
int32_t tern_model_load_begin(tern_model* model, int32_t role, int32_t layer, int32_t type, int32_t store,
                              int32_t n_rows, int32_t n_cols, float scale);
int32_t tern_model_load_rows(tern_model* model, int32_t role, int32_t layer, int32_t n_rows, const void* data,
                             int64_t n_bytes);

/* Checks that every weight is whole. A model must be sealed before an engine is made on it, and is immutable then. */
int32_t tern_model_seal(tern_model* model);

/* Bytes held by the weights in kernel layout, and bytes one decoded token must read of them. */
int64_t tern_model_bytes(const tern_model* model);
int64_t tern_model_decode_bytes(const tern_model* model);

/* ---- engine: KV arena, scratch ------------------------------------------------------------------------------ */

typedef struct tern_engine_config {
  uint32_t struct_size;
  int32_t n_pages;         /* of TERN_PAGE_LEN slots each */
  int32_t kv_type;         /* cpu: F32, F16; cuda: F16, BF16, I8 */
  int32_t max_rows;        /* rows (query tokens) of one step */
  int32_t max_seqs;        /* sequences of one step */
  int32_t max_segments;    /* segments of one step, all sequences together */
  int32_t max_rotations;   /* 1..4 */
  int32_t max_outputs;     /* rows of one step that get logits */
} tern_engine_config;

int32_t tern_engine_create(tern_model* model, const tern_engine_config* config, tern_engine** out);
void tern_engine_destroy(tern_engine* engine);

/* Bytes of the KV arena and of the scratch; estimate: what an engine of this config would take, without making it. */
int64_t tern_engine_kv_bytes(const tern_engine* engine);
int64_t tern_engine_scratch_bytes(const tern_engine* engine);
int32_t tern_engine_estimate(const tern_model* model, const tern_engine_config* config, int64_t* kv_bytes,
                             int64_t* scratch_bytes);

/* Overwrites K and V of slots [slot, slot + len) in every layer with value: NaN shows that nothing reads them. */
int32_t tern_engine_fill(tern_engine* engine, int32_t slot, int32_t len, float value);

/*
 * One step. Rows are query tokens; the rows of a sequence stand together, in order. For each row, in every layer,
 * K rotated at rope_pos and V are written to slot; then its query attends to the keys of its sequence's segments.
 *
 * A segment is a run of consecutive slots. Key t of a segment has the mask index segment_index + t, and stands in
 * slot segment_slot + t with (segment_slot + t) mod 64 == (segment_index + t) mod 64: the tiling of the sums then
 * depends on indices alone, so that a row's result has the same bits however it was batched or chunked. A sequence's
 * segments are in ascending order of index and do not overlap. Row i sees key j if
 *     index_j < sink_end_i  or  lo_i <= index_j <= hi_i.
 * In a segment with rotation r the query is rotated at q_pos[i, r]. Rows' own slots must lie in their segments if
 * they are to see themselves. A row that sees nothing gets attention output 0.
 *
 * Outputs: for each output row the logits are computed and one token drawn (or, with target >= 0, that token
 * taken). logprob is the log-probability (natural) of the token under the plain softmax of the raw logits. A row with
 * a NaN or +infinite logit, or with no finite one, gets out_token -1 and logprob NaN, whatever was asked for.
 *
 * Sampling, in this order: repetition penalty over penalty tokens (positive logits divided, negative multiplied);
 * temperature 0 takes the largest (lowest id on ties); else logits / temperature, top_k (0: off), softmax, top_p (1: off),
 * min_p (0: off; relative to the largest), and a draw with a generator that is a pure function of (seed, draw).
 */
typedef struct tern_batch {
  uint32_t struct_size;
  int32_t n_rows;
  int32_t n_seqs;
  int32_t n_segments;
  int32_t n_rotations;
  int32_t n_outputs;
  const int32_t* token;              /* [n_rows] */
  const int32_t* slot;               /* [n_rows], all different */
  const int64_t* rope_pos;           /* [n_rows], 0 <= pos < 2^40, as all positions and indices */
  const int64_t* q_pos;              /* [n_rows, n_rotations] */
  const int64_t* sink_end;           /* [n_rows] */
  const int64_t* lo;                 /* [n_rows] */
  const int64_t* hi;                 /* [n_rows] */
  const int32_t* seq_row_begin;      /* [n_seqs + 1] */
  const int32_t* seq_segment_begin;  /* [n_seqs + 1] */
  const int32_t* segment_slot;       /* [n_segments] */
  const int32_t* segment_len;        /* [n_segments] */
  const int64_t* segment_index;      /* [n_segments] */
  const int32_t* segment_rotation;   /* [n_segments] */
  const int32_t* output_row;         /* [n_outputs], ascending */
  const int32_t* target;             /* [n_outputs]: -1 to sample */
  const float* temperature;          /* [n_outputs] */
  const int32_t* top_k;              /* [n_outputs] */
  const float* top_p;                /* [n_outputs] */
  const float* min_p;                /* [n_outputs] */
  const float* repeat_penalty;       /* [n_outputs], 1: off */
  const int64_t* seed;               /* [n_outputs] */
  const int64_t* draw;               /* [n_outputs] */
  const int32_t* penalty_begin;      /* [n_outputs + 1] */
  const int32_t* penalty_token;      /* [penalty_begin[n_outputs]] */
  int32_t* out_token;                /* [n_outputs] */
  float* out_logprob;                /* [n_outputs] */
} tern_batch;

int32_t tern_step(tern_engine* engine, const tern_batch* batch);

/* Copies the logits [vocab_size] of output o of the last step. */
int32_t tern_engine_logits(tern_engine* engine, int32_t output, float* logits);

/* ---- where the time of steps goes ---------------------------------------------------------------------------- */

/* The parts of a step, in the order of their first use; the last is all of it, once its description is checked. */
enum {
  TERN_PROFILE_EMBED = 0,
  TERN_PROFILE_ROPE_TABLE = 1,
  TERN_PROFILE_NORM = 2,        /* of rows and heads, with their quantisation: one kernel */
  TERN_PROFILE_QKV = 3,         /* products with wq, wk, wv */
  TERN_PROFILE_ROPE_APPEND = 4, /* rotation of q and k, and writing k and v to the cache */
  TERN_PROFILE_ATTENTION = 5,
  TERN_PROFILE_ATTN_OUT = 6,  /* product with wo */
  TERN_PROFILE_GATE_UP = 7,   /* products with w_gate, w_up */
  TERN_PROFILE_GATE_NORM = 8, /* act(gate) * up, its norm and its quantisation */
  TERN_PROFILE_DOWN = 9,      /* product with w_down */
  TERN_PROFILE_GATHER = 10,
  TERN_PROFILE_HEAD = 11,
  TERN_PROFILE_SAMPLE = 12,
  TERN_PROFILE_STEP = 13,
  TERN_PROFILE_COUNT = 14
};

typedef struct tern_profile {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t calls;
  int64_t nanos; /* wall time */
  int64_t bytes; /* of weights, and of keys and values that some row's segments hold, that the calls read */
} tern_profile;

/*
 * on 1: times the parts of the engine's steps from now on, from zero; 0, as at first: does not, at no cost. cpu only, else
 * TERN_ERR_UNSUPPORTED: a step of the cuda backend is one graph.
 */
int32_t tern_engine_set_profiling(tern_engine* engine, int32_t on);

/* One part's sums since tern_engine_set_profiling; an error if that is off. The caller sets struct_size. */
int32_t tern_engine_profile(tern_engine* engine, int32_t op, tern_profile* out);

/* Name of a part, as "attention"; NULL if there is none. */
const char* tern_profile_name(int32_t op);

/* ---- every kernel on its own --------------------------------------------------------------------------------- */

/* out = x / sqrt(mean(x^2) + eps) * weight, row by row. x, out: [n_rows, dim]; weight: [dim]. (Zhang & Sennrich 2019) */
int32_t tern_op_rmsnorm(tern_device* device, const float* x, const float* weight, float eps, int32_t n_rows, int32_t dim,
                        float* out);

/*
 * RMSNorm as above, then int8 activations per row: s = 127 / max(|y|max, 1e-5), q = clamp(round_half_even(y s), -128, 127).
 * weight NULL: no norm, quantises x itself. q: [n_rows, dim]; scale: [n_rows] = 1 / s; sum: [n_rows] = sum of q.
 */
int32_t tern_op_rmsnorm_quantize(tern_device* device, const float* x, const float* weight, float eps, int32_t n_rows,
                                 int32_t dim, int8_t* q, float* scale, int32_t* sum);

/* out = silu(gate) * up or relu(gate)^2 * up, elementwise over n. */
int32_t tern_op_gate(tern_device* device, int32_t kind, const float* gate, const float* up, int64_t n, float* out);

/*
 * Rotates the first rope_dim elements of every head of row i at pos[i]; angles pos * base^(-2j/rope_dim) / factor[j] in fp64.
 * x, out: [n_rows, n_heads, head_dim]; factor: [rope_dim / 2] or NULL. x may be out.
 */
int32_t tern_op_rope(tern_device* device, const float* x, const int64_t* pos, const float* factor, double freq_base,
                     int32_t style, int32_t n_rows, int32_t n_heads, int32_t head_dim, int32_t rope_dim, float* out);

/*
 * Interval-mask attention over a paged arena, as tern_step runs it on one layer, scores scaled by 1/sqrt(head_dim).
 * q: [n_rotations, n_rows, n_heads, head_dim], rotated; k, v: [n_slots, n_kv_heads, head_dim] in kv_type's precision after
 * rounding from f32, n_slots a multiple of 64; one sequence. out: [n_rows, n_heads, head_dim].
 */
int32_t tern_op_attention(tern_device* device, const float* q, const float* k, const float* v, int32_t kv_type,
                          int32_t n_slots, int32_t n_rows, int32_t n_heads, int32_t n_kv_heads, int32_t head_dim,
                          int32_t n_rotations, int32_t n_segments, const int32_t* segment_slot,
                          const int32_t* segment_len, const int64_t* segment_index, const int32_t* segment_rotation,
                          const int64_t* sink_end, const int64_t* lo, const int64_t* hi, float* out);

/*
 * out = x W^T with W [n_out, n_in] given as GGUF rows of type and kept as store. x: [n_rows, n_in]; out: [n_rows, n_out].
 * Ternary: x is quantised as in tern_op_rmsnorm_quantize; out = (sum w q) * (scale * row scale), the sum exact in int32.
 */
int32_t tern_op_matmul(tern_device* device, int32_t type, int32_t store, const void* weight, int64_t n_bytes,
                       int32_t n_out, int32_t n_in, const float* x, int32_t n_rows, float* out);

/*
 * The exact int32 product of ternary weights and int8 activations by the named kernel (names: tern_device_describe).
 * w: [n_out, n_in] of -1, 0, 1; q: [n_rows, n_in]; out: [n_rows, n_out]. kernel NULL: the one the plan picks.
 */
int32_t tern_op_ternary(tern_device* device, const char* kernel, const int8_t* w, int32_t n_out, int32_t n_in,
                        const int8_t* q, int32_t n_rows, int32_t* out);

/* Rows ids of a table [n_table, dim] given as GGUF rows of type. out: [n_ids, dim]. */
int32_t tern_op_embed(tern_device* device, int32_t type, const void* table, int64_t n_bytes, int32_t n_table,
                      int32_t dim, const int32_t* ids, int32_t n_ids, float* out);

/* One draw from logits [n] as described at tern_batch, failures included. */
int32_t tern_op_sample(tern_device* device, const float* logits, int32_t n, float temperature, int32_t top_k,
                       float top_p, float min_p, float repeat_penalty, const int32_t* penalty_token,
                       int32_t n_penalty, int64_t seed, int64_t draw, int32_t* token, float* logprob);

/* Sums of n_bytes read n_passes times by the device's threads: the read bandwidth here and now, in bytes per second. */
int32_t tern_op_read_bandwidth(tern_device* device, int64_t n_bytes, int32_t n_passes, double* bytes_per_second);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
