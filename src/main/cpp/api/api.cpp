// extern "C" shell of device, model and engine: check the pointers, take the device's lock, call, catch everything.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include <sched.h>

#include "api/handles.h"
#include "core/memory.h"
#include "core/pool.h"

namespace tern {
namespace {

thread_local char last_error[600] = "";

int usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, std::min(CPU_COUNT(&set), Pool::kMaxThreads));
}

int threads_of(int32_t n) {
  TERN_CHECK_ARG(n >= 1 && n <= Pool::kMaxThreads, "n_threads is %d, it must be 1 to %d", n, Pool::kMaxThreads);
  return n;
}

std::shared_ptr<Backend> open_backend(const char* name, int n_threads) {
  if (!std::strcmp(name, "cpu")) return open_cpu_backend(n_threads == 0 ? usable_cores() : threads_of(n_threads));
  int index = 0, end = 0;
  if (!std::strcmp(name, "cuda") || (std::sscanf(name, "cuda:%4d%n", &index, &end) == 1 && !name[end] && index >= 0)) {
    TERN_CHECK_ARG(n_threads == 0 || n_threads == 1, "%d threads: the cuda backend computes on the GPU and takes 0", n_threads);
    return open_cuda_backend(index);
  }
  fail(TERN_ERR_UNAVAILABLE, "no backend is called '%.64s'; there are cpu, cuda and cuda:N", name);
}

}  // namespace

void set_last_error(const char* text) noexcept {
  std::strncpy(last_error, text, sizeof last_error - 1);
  last_error[sizeof last_error - 1] = 0;
}

}  // namespace tern

using namespace tern;

extern "C" {

int32_t tern_abi_version(void) { return TERN_ABI_VERSION; }

const char* tern_last_error(void) { return last_error; }

int64_t tern_native_bytes(void) { return native_bytes() + cuda_native_bytes(); }

int32_t tern_cuda_library(const char* path) {
  return guarded([&] { set_cuda_library(path); });
}

int32_t tern_device_open(const char* name, int32_t n_threads, tern_device** out) {
  return guarded([&] {
    TERN_CHECK_HANDLE(out);
    *out = nullptr;
    TERN_CHECK_HANDLE(name);
    auto device = std::make_shared<Device>();
    device->backend = open_backend(name, n_threads);
    *out = new tern_device{std::move(device)};
  });
}

void tern_device_destroy(tern_device* device) { delete device; }

int32_t tern_device_set_threads(tern_device* device, int32_t n_threads) {
  return guarded([&] {
    TERN_CHECK_HANDLE(device);
    const std::lock_guard<std::mutex> lock(device->device->mutex);
    device->device->backend->set_threads(threads_of(n_threads));
  });
}

int32_t tern_device_n_threads(const tern_device* device) {
  if (!device) return 0;
  const std::lock_guard<std::mutex> lock(device->device->mutex);
  return device->device->backend->n_threads();
}

int32_t tern_device_describe(tern_device* device, const char** json) {
  return guarded([&] {
    TERN_CHECK_HANDLE(device);
    TERN_CHECK_HANDLE(json);
    const std::lock_guard<std::mutex> lock(device->device->mutex);
    device->device->description = device->device->backend->describe();
    *json = device->device->description.c_str();
  });
}

int32_t tern_model_create(tern_device* device, const tern_model_config* config, tern_model** out) {
  return guarded([&] {
    TERN_CHECK_HANDLE(out);
    *out = nullptr;
    TERN_CHECK_HANDLE(device);
    TERN_CHECK_HANDLE(config);
    *out = new tern_model{std::make_shared<Model>(device->device, *config)};
  });
}

void tern_model_destroy(tern_model* model) { delete model; }

int32_t tern_model_load_begin(tern_model* model, int32_t role, int32_t layer, int32_t type, int32_t store, int32_t n_rows,
                              int32_t n_cols, float scale) {
  return guarded([&] {
    TERN_CHECK_HANDLE(model);
    const std::lock_guard<std::mutex> lock(model->model->device().mutex);  // its threads make the memory
    model->model->load_begin(role, layer, type, store, n_rows, n_cols, scale);
  });
}

int32_t tern_model_load_rows(tern_model* model, int32_t role, int32_t layer, int32_t n_rows, const void* data,
                             int64_t n_bytes) {
  return guarded([&] {
    TERN_CHECK_HANDLE(model);
    TERN_CHECK_HANDLE(data);
    const std::lock_guard<std::mutex> lock(model->model->device().mutex);  // its threads pack the rows
    model->model->load_rows(role, layer, n_rows, data, n_bytes);
  });
}

int32_t tern_model_seal(tern_model* model) {
  return guarded([&] {
    TERN_CHECK_HANDLE(model);
    model->model->seal();
  });
}

int64_t tern_model_bytes(const tern_model* model) { return model ? model->model->bytes() : 0; }

int64_t tern_model_decode_bytes(const tern_model* model) { return model ? model->model->decode_bytes() : 0; }

int32_t tern_engine_create(tern_model* model, const tern_engine_config* config, tern_engine** out) {
  return guarded([&] {
    TERN_CHECK_HANDLE(out);
    *out = nullptr;
    TERN_CHECK_HANDLE(model);
    TERN_CHECK_HANDLE(config);
    const std::lock_guard<std::mutex> lock(model->model->device().mutex);
    *out = new tern_engine{std::make_shared<Engine>(model->model, *config)};
  });
}

void tern_engine_destroy(tern_engine* engine) { delete engine; }

int64_t tern_engine_kv_bytes(const tern_engine* engine) { return engine ? engine->engine->kv_bytes() : 0; }

int64_t tern_engine_scratch_bytes(const tern_engine* engine) { return engine ? engine->engine->scratch_bytes() : 0; }

int32_t tern_engine_estimate(const tern_model* model, const tern_engine_config* config, int64_t* kv_bytes,
                             int64_t* scratch_bytes) {
  return guarded([&] {
    TERN_CHECK_HANDLE(model);
    TERN_CHECK_HANDLE(config);
    TERN_CHECK_HANDLE(kv_bytes);
    TERN_CHECK_HANDLE(scratch_bytes);
    TERN_CHECK_ARG(model->model->sealed(), "the model is not sealed");
    const std::lock_guard<std::mutex> lock(model->model->device().mutex);
    *kv_bytes = Engine::kv_bytes(*model->model, *config);
    *scratch_bytes = Engine::scratch_bytes(*model->model, *config);
  });
}

int32_t tern_engine_fill(tern_engine* engine, int32_t slot, int32_t len, float value) {
  return guarded([&] {
    TERN_CHECK_HANDLE(engine);
    const std::lock_guard<std::mutex> lock(engine->engine->model().device().mutex);
    engine->engine->fill(slot, len, value);
  });
}

int32_t tern_step(tern_engine* engine, const tern_batch* batch) {
  return guarded([&] {
    TERN_CHECK_HANDLE(engine);
    TERN_CHECK_HANDLE(batch);
    const std::lock_guard<std::mutex> lock(engine->engine->model().device().mutex);
    engine->engine->step(*batch);
  });
}

int32_t tern_engine_logits(tern_engine* engine, int32_t output, float* logits) {
  return guarded([&] {
    TERN_CHECK_HANDLE(engine);
    TERN_CHECK_HANDLE(logits);
    const Engine& e = *engine->engine;
    const std::lock_guard<std::mutex> lock(e.model().device().mutex);
    e.logits(output, logits);
  });
}

int32_t tern_engine_set_profiling(tern_engine* engine, int32_t on) {
  return guarded([&] {
    TERN_CHECK_HANDLE(engine);
    TERN_CHECK_ARG(on == 0 || on == 1, "on is %d, it must be 0 or 1", on);
    const std::lock_guard<std::mutex> lock(engine->engine->model().device().mutex);
    engine->engine->set_profiling(on != 0);
  });
}

int32_t tern_engine_profile(tern_engine* engine, int32_t op, tern_profile* out) {
  return guarded([&] {
    TERN_CHECK_HANDLE(engine);
    TERN_CHECK_HANDLE(out);
    const std::lock_guard<std::mutex> lock(engine->engine->model().device().mutex);
    engine->engine->read_profile(op, out);
  });
}

const char* tern_profile_name(int32_t op) { return StepProfile::name(op); }

}  // extern "C"
