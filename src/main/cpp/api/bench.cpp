// extern "C" shell of the benchmarks.
#include "bench/bench.h"

#include "api/handles.h"
#include "bench/bench_cases.h"

using namespace tern;

struct tern_bench {
  std::unique_ptr<Bench> bench;
};

namespace {

// Runs body with the backend, alone for the duration of the call.
template <class Body>
int32_t with_backend(tern_device* device, Body&& body) {
  return guarded([&] {
    TERN_CHECK_HANDLE(device);
    const std::lock_guard<std::mutex> lock(device->device->mutex);
    body(*device->device->backend);
  });
}

const std::vector<tern_bench_case>& cases_of(tern_device* device) { return bench_cases(!device->device->backend->host_memory()); }

}  // namespace

extern "C" {

int32_t tern_bench_create(tern_device* device, const tern_bench_case* c, tern_bench** out) {
  return guarded([&] {
    TERN_CHECK_HANDLE(out);
    *out = nullptr;
    TERN_CHECK_HANDLE(device);
    TERN_CHECK_HANDLE(c);
    const std::lock_guard<std::mutex> lock(device->device->mutex);
    *out = new tern_bench{std::make_unique<Bench>(device->device, *c)};
  });
}

void tern_bench_destroy(tern_bench* bench) { delete bench; }

int32_t tern_bench_check(tern_device* device, const tern_bench_case* c) {
  return with_backend(device, [&](Backend& b) {
    TERN_CHECK_HANDLE(c);
    check_bench_case(b, *c);
  });
}

const char* tern_bench_kernel_name(tern_device* device, int32_t op, int32_t number) {
  const char* name = nullptr;
  with_backend(device, [&](Backend& b) {
    const std::vector<const char*> names = bench_kernels(b, op);
    if (number >= 1 && number <= static_cast<int32_t>(names.size())) name = names[static_cast<size_t>(number - 1)];
  });
  return name;
}

int32_t tern_bench_run(tern_bench* bench, int32_t n_calls, double* seconds) {
  return guarded([&] {
    TERN_CHECK_HANDLE(bench);
    TERN_CHECK_HANDLE(seconds);
    const std::lock_guard<std::mutex> lock(bench->bench->device().mutex);
    *seconds = bench->bench->run(n_calls);
  });
}

int32_t tern_bench_count(const tern_bench* bench, tern_bench_counts* counts) {
  return guarded([&] {
    TERN_CHECK_HANDLE(bench);
    TERN_CHECK_HANDLE(counts);
    TERN_CHECK_ARG(counts->struct_size == sizeof(tern_bench_counts), "tern_bench_counts of another version: %u bytes, expected %zu",
                   counts->struct_size, sizeof(tern_bench_counts));
    *counts = bench->bench->counts();
  });
}

const char* tern_bench_kernel(const tern_bench* bench) { return bench ? bench->bench->kernel().c_str() : ""; }

int32_t tern_bench_n_defaults(tern_device* device) { return device ? static_cast<int32_t>(cases_of(device).size()) : 0; }

int32_t tern_bench_default(tern_device* device, int32_t index, tern_bench_case* out) {
  return guarded([&] {
    TERN_CHECK_HANDLE(device);
    TERN_CHECK_HANDLE(out);
    TERN_CHECK_ARG(out->struct_size == sizeof(tern_bench_case), "tern_bench_case of another version: %u bytes, expected %zu", out->struct_size,
                   sizeof(tern_bench_case));
    const std::vector<tern_bench_case>& cases = cases_of(device);
    TERN_CHECK_ARG(index >= 0 && index < static_cast<int32_t>(cases.size()), "case %d of %zu", index, cases.size());
    *out = cases[static_cast<size_t>(index)];
  });
}

int32_t tern_bench_copy_bandwidth(tern_device* device, int64_t n_bytes, int32_t n_passes, double* bytes_per_second) {
  return with_backend(device, [&](Backend& b) {
    TERN_CHECK_HANDLE(bytes_per_second);
    TERN_CHECK_ARG(n_bytes > 0 && n_bytes <= int64_t(1) << 40 && n_passes > 0, "a copy of %lld bytes in %d passes", static_cast<long long>(n_bytes), n_passes);
    *bytes_per_second = b.meter().copy_bandwidth(n_bytes, n_passes);
  });
}

int32_t tern_bench_cache_bytes(tern_device* device, int64_t* n_bytes) {
  return with_backend(device, [&](Backend& b) {
    TERN_CHECK_HANDLE(n_bytes);
    *n_bytes = b.meter().cache_bytes();
  });
}

int32_t tern_bench_peak(tern_device* device, int32_t peak, double* ops_per_second) {
  return with_backend(device, [&](Backend& b) {
    TERN_CHECK_HANDLE(ops_per_second);
    TERN_CHECK_ARG(peak >= 0 && peak < TERN_PEAK_COUNT, "peak %d is not one", peak);
    *ops_per_second = b.meter().peak(peak);
  });
}

}  // extern "C"
