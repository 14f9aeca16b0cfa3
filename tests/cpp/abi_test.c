/* tern.h, tern_bench.h and tern_check.h are plain C11, and what they promise about errors and memory holds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tern_bench.h"
#include "tern_check.h"

static int failures = 0;

static void check(int ok, const char* what, int line) {
  if (ok) return;
  fprintf(stderr, "abi_test.c:%d: %s (last error: %s)\n", line, what, tern_last_error());
  failures++;
}
#define CHECK(condition) check((condition), #condition, __LINE__)
#define REFUSED(call) check((call) == TERN_ERR_INVALID_ARGUMENT && tern_last_error()[0] != '\0', "refused: " #call, __LINE__)

static void test_open(void) {
  tern_device* device = NULL;
  CHECK(tern_device_open("cpu", 2, &device) == TERN_OK);
  CHECK(device != NULL);
  CHECK(tern_device_n_threads(device) == 2);
  CHECK(tern_device_set_threads(device, 1) == TERN_OK);
  CHECK(tern_device_n_threads(device) == 1);
  const char* json = NULL;
  CHECK(tern_device_describe(device, &json) == TERN_OK);
  CHECK(json != NULL && json[0] == '{');
  tern_device_destroy(device);

  device = NULL;
  CHECK(tern_device_open("abacus", 1, &device) == TERN_ERR_UNAVAILABLE);
  CHECK(device == NULL);
  CHECK(strstr(tern_last_error(), "abacus") != NULL);
}

/* x = (3, 4), weight = (1, 2): mean of squares 12.5, so out = (3, 8) / sqrt(12.5). Second row: (0, 0) stays. */
static void test_rmsnorm(tern_device* device) {
  const float x[4] = {3, 4, 0, 0};
  const float weight[2] = {1, 2};
  float out[6] = {-9, 0, 0, 0, 0, -9};
  CHECK(tern_op_rmsnorm(device, x, weight, 0.0f, 1, 2, out + 1) == TERN_OK);
  CHECK(fabsf(out[1] - 0.848528137f) < 1e-6f);
  CHECK(fabsf(out[2] - 2.262741700f) < 1e-6f);
  CHECK(out[3] == 0);
  CHECK(tern_op_rmsnorm(device, x, weight, 1e-5f, 2, 2, out + 1) == TERN_OK);
  CHECK(fabsf(out[1] - 0.848527798f) < 1e-6f);
  CHECK(out[3] == 0 && out[4] == 0);
  CHECK(out[0] == -9 && out[5] == -9);
}

static void test_sample(tern_device* device) {
  const float logits[3] = {0, 1, 1};
  int32_t token = -2;
  float logprob = 1;
  CHECK(tern_op_sample(device, logits, 3, 0, 0, 1, 0, 1, NULL, 0, 0, 0, &token, &logprob) == TERN_OK);
  CHECK(token == 1);
  CHECK(fabsf(logprob + 0.861994804f) < 1e-6f); /* 1 - log(1 + 2 e) */
}

static void test_null_arguments(tern_device* device) {
  const float one[1] = {1};
  float out[1];
  int32_t token;
  tern_model* model = NULL;
  tern_engine* engine = NULL;
  REFUSED(tern_device_open(NULL, 1, NULL));
  REFUSED(tern_device_open("cpu", 1, NULL));
  REFUSED(tern_device_describe(NULL, NULL));
  REFUSED(tern_device_set_threads(NULL, 1));
  REFUSED(tern_device_set_threads(device, 0));
  REFUSED(tern_device_set_threads(device, 257));
  REFUSED(tern_model_create(device, NULL, &model));
  CHECK(model == NULL);
  REFUSED(tern_model_create(NULL, NULL, NULL));
  REFUSED(tern_model_seal(NULL));
  REFUSED(tern_engine_create(NULL, NULL, &engine));
  CHECK(engine == NULL);
  REFUSED(tern_step(NULL, NULL));
  REFUSED(tern_engine_logits(NULL, 0, out));
  REFUSED(tern_op_rmsnorm(NULL, one, one, 1e-5f, 1, 1, out));
  REFUSED(tern_op_rmsnorm(device, NULL, one, 1e-5f, 1, 1, out));
  REFUSED(tern_op_rmsnorm(device, one, one, 1e-5f, 1, 1, NULL));
  REFUSED(tern_op_matmul(device, TERN_TYPE_F32, TERN_STORE_DENSE, NULL, 4, 1, 1, one, 1, out));
  REFUSED(tern_op_embed(device, TERN_TYPE_F32, one, 4, 1, 1, NULL, 1, out));
  REFUSED(tern_op_sample(device, NULL, 1, 0, 0, 1, 0, 1, NULL, 0, 0, 0, &token, out));
  REFUSED(tern_op_read_bandwidth(device, 1 << 20, 1, NULL));
  tern_bench* bench = NULL;
  double seconds = 0;
  int64_t n_bytes = 0;
  tern_bench_case none = {0};
  tern_bench_counts counts = {0};
  counts.struct_size = sizeof counts;
  REFUSED(tern_bench_create(device, NULL, &bench));
  REFUSED(tern_bench_create(NULL, &none, &bench));
  REFUSED(tern_bench_create(device, &none, NULL));
  REFUSED(tern_bench_create(device, &none, &bench));
  CHECK(bench == NULL);
  REFUSED(tern_bench_check(NULL, &none));
  REFUSED(tern_bench_check(device, NULL));
  REFUSED(tern_bench_check(device, &none));
  CHECK(tern_bench_kernel_name(NULL, TERN_BENCH_TERNARY, 1) == NULL);
  REFUSED(tern_check_count(NULL));
  REFUSED(tern_bench_run(NULL, 1, &seconds));
  REFUSED(tern_bench_count(NULL, &counts));
  REFUSED(tern_bench_default(NULL, 0, &none));
  REFUSED(tern_bench_copy_bandwidth(device, 1, 1, NULL));
  REFUSED(tern_bench_cache_bytes(NULL, &n_bytes));
  REFUSED(tern_bench_peak(device, TERN_PEAK_F32, NULL));
  CHECK(tern_bench_n_defaults(NULL) == 0);
  CHECK(tern_bench_kernel(NULL)[0] == '\0');
  tern_bench_destroy(NULL);
  tern_device_destroy(NULL);
  tern_model_destroy(NULL);
  tern_engine_destroy(NULL);
}

int main(void) {
  CHECK(tern_abi_version() == TERN_ABI_VERSION);
  CHECK(tern_last_error() != NULL);
  const int64_t bytes = tern_native_bytes();

  test_open();
  tern_device* device = NULL;
  CHECK(tern_device_open("cpu", 1, &device) == TERN_OK);
  if (device == NULL) return 1;
  test_rmsnorm(device);
  test_sample(device);
  test_null_arguments(device);
  tern_device_destroy(device);

  CHECK(tern_native_bytes() == bytes);
  return failures != 0;
}
