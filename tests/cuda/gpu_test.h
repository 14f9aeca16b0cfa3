// What tests of kernels share: arrays on the device between guard bands, a stream, the device's properties, and a record of the error
// of each case beside its bound. The tests run on a GPU, or with TERN_SIMT on the emulator; without a device they are skipped.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "launch.h"

#if defined(TERN_SIMT) && defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define TERN_POISON(address, size) ASAN_POISON_MEMORY_REGION(address, size)
#define TERN_UNPOISON(address, size) ASAN_UNPOISON_MEMORY_REGION(address, size)
#else
#define TERN_POISON(address, size) ((void)0)
#define TERN_UNPOISON(address, size) ((void)0)
#endif

namespace tern::cuda {

// Random cases start from this; TERN_SEED replays one. Print it where a test fails.
inline uint64_t test_seed(uint64_t otherwise) {
  const char* text = std::getenv("TERN_SEED");
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Of a table of cases as many as TERN_CASES says at most, from all over it: for sanitizers, which take long. All, if it is not set.
template <class Case>
std::vector<Case> some_of(std::vector<Case> cases) {
  const char* const text = std::getenv("TERN_CASES");
  const size_t most = text && *text ? std::strtoull(text, nullptr, 10) : 0, n = cases.size();
  if (most == 0 || n <= most) return cases;
  std::vector<Case> some;
  for (size_t i = 0; i < most; i++) some.push_back(std::move(cases[i * n / most]));
  return some;
}

namespace test {

inline cudaStream_t& stream_slot() {
  static cudaStream_t stream = nullptr;
  return stream;
}

// Counts resets of the device: memory from before one is gone.
inline int& epoch() {
  static int n = 0;
  return n;
}
inline void reset_device() {
  stream_slot() = nullptr;
  epoch()++;
  cudaDeviceReset();
}

// Skips everything, with the reason, where there is no device.
class Environment : public testing::Environment {
 public:
  void SetUp() override {
    int n = 0;
    const cudaError_t status = cudaGetDeviceCount(&n);
    if (status == cudaSuccess && n > 0) return;
    std::printf("[  SKIPPED ] all tests\n");  // what CTest looks for
    GTEST_SKIP() << "no CUDA device: " << (status != cudaSuccess ? cudaGetErrorString(status) : "there are 0");
  }
};

// A test must leave no error behind. On the emulator, faults of kernels fail the test that they happen in, and the next one starts
// with a new context.
class Listener : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo&) override {
    const cudaError_t status = cudaDeviceSynchronize();
#ifdef TERN_SIMT
    for (const std::string& fault : simt::take_faults()) ADD_FAILURE() << fault;
    simt::clear_failures();
    if (status != cudaSuccess) reset_device();
#endif
    if (status != cudaSuccess && status != cudaErrorInsufficientDriver && status != cudaErrorNoDevice)
      ADD_FAILURE() << cudaGetErrorName(status) << ": " << cudaGetErrorString(status);
    cudaGetLastError();
  }
};

inline const bool kInstalled = [] {
  testing::AddGlobalTestEnvironment(new Environment);
  testing::UnitTest::GetInstance()->listeners().Append(new Listener);
  return true;
}();

}  // namespace test

// A stream that does not wait for the legacy stream: results must be synchronised with.
inline cudaStream_t stream() {
  cudaStream_t& s = test::stream_slot();
  if (!s) check(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return s;
}
inline void synchronize() { check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize"); }

inline DeviceInfo device_info() {
  cudaDeviceProp p;
  check(cudaGetDeviceProperties(&p, 0), "cudaGetDeviceProperties");
  return {10 * p.major + p.minor, p.multiProcessorCount, static_cast<int>(p.sharedMemPerBlockOptin)};
}

// n elements on the device, first all NaN (bytes 0xff), between guard bands that hold NaN too and must not change. The emulator under
// AddressSanitizer stops at any access to a band.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t n) : n_(n) {
    check(cudaMalloc(reinterpret_cast<void**>(&memory_), bytes() + 2 * kBand), "cudaMalloc");
    const std::vector<unsigned char> band = pattern();
    check(cudaMemcpy(memory_, band.data(), kBand, cudaMemcpyHostToDevice), "guard band");
    check(cudaMemcpy(memory_ + kBand + bytes(), band.data(), kBand, cudaMemcpyHostToDevice), "guard band");
    fill_nan();
    poison();
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) { upload(values); }
  DeviceArray(DeviceArray&& other) noexcept
      : n_(other.n_), memory_(std::exchange(other.memory_, nullptr)), epoch_(other.epoch_) {}
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() {
    if (!memory_ || epoch_ != test::epoch()) return;
    if (cudaPeekAtLastError() == cudaSuccess) expect_guards();
    unpoison();
    cudaFree(memory_);
  }

  T* data() const { return reinterpret_cast<T*>(memory_ + kBand); }
  size_t size() const { return n_; }
  size_t bytes() const { return n_ * sizeof(T); }

  // These three wait for all work on the device.
  void upload(const std::vector<T>& values) {
    ASSERT_EQ(values.size(), n_);
    copy(data(), values.data(), bytes(), cudaMemcpyHostToDevice);
  }
  std::vector<T> download() const {
    std::vector<T> values(n_);
    copy(values.data(), data(), bytes(), cudaMemcpyDeviceToHost);
    return values;
  }
  void fill_nan() { fill(0xff); }
  void fill(int byte) {
    tern::cuda::check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    tern::cuda::check(cudaMemset(data(), byte, bytes()), "cudaMemset");
    tern::cuda::check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  }

  // Empty if the bands are as they were, else where one was written.
  std::string guards() const {
    unpoison();
    const std::vector<unsigned char> band = pattern();
    std::string text;
    for (const int64_t begin : {-static_cast<int64_t>(kBand), static_cast<int64_t>(bytes())}) {
      std::vector<unsigned char> now(kBand);
      copy(now.data(), memory_ + kBand + begin, kBand, cudaMemcpyDeviceToHost);
      for (size_t i = 0; i < kBand && text.empty(); i++)
        if (now[i] != band[i])
          text = "an array of " + std::to_string(n_) + " elements was written at byte " + std::to_string(begin + static_cast<int64_t>(i)) +
                 " of " + std::to_string(bytes());
    }
    poison();
    return text;
  }
  void expect_guards() const { EXPECT_EQ(guards(), ""); }

 private:
  static constexpr size_t kBand = 1024;

  // NaN as float, half and bfloat16, and no number that kernels write.
  static std::vector<unsigned char> pattern() {
    std::vector<unsigned char> band(kBand);
    for (size_t i = 0; i < kBand; i++) band[i] = i % 2 ? 0xff : 0xf1;
    return band;
  }
  static void check(cudaError_t status, const char* what) { tern::cuda::check(status, what); }
  static void copy(void* to, const void* from, size_t n_bytes, cudaMemcpyKind kind) {
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    check(cudaMemcpy(to, from, n_bytes, kind), "cudaMemcpy");
  }
  void poison() const {
    TERN_POISON(memory_, kBand);
    TERN_POISON(memory_ + kBand + bytes(), kBand);
  }
  void unpoison() const { TERN_UNPOISON(memory_, bytes() + 2 * kBand); }

  size_t n_;
  unsigned char* memory_ = nullptr;
  int epoch_ = test::epoch();
};

// Writes a line of JSON for each case to the file that TERN_REPORT names: the largest error, and the bound at that element.
class Recorder {
 public:
  static void record(const std::string& op, const std::string& case_name, double max_error, double bound, bool passed) {
    const char* path = std::getenv("TERN_REPORT");
    if (!path || !*path) return;
    std::FILE* const file = std::fopen(path, "a");
    if (!file) return;
    cudaDeviceProp p{};
    cudaGetDeviceProperties(&p, 0);
    std::fprintf(file, "{\"op\": \"%s\", \"case\": \"%s\", \"device\": \"%s\", \"max_error\": %s, \"bound\": %s, \"passed\": %s}\n",
                 escaped(op).c_str(), escaped(case_name).c_str(), escaped(p.name).c_str(), number(max_error).c_str(),
                 number(bound).c_str(), passed ? "true" : "false");
    std::fclose(file);
  }

 private:
  static std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      if (static_cast<unsigned char>(c) >= ' ') out += c;
    }
    return out;
  }
  static std::string number(double x) {
    char text[40];
    std::snprintf(text, sizeof text, "%.6g", x);
    return x - x == 0 ? text : "null";
  }
};
inline void record(const std::string& op, const std::string& case_name, double max_error, double bound, bool passed) {
  Recorder::record(op, case_name, max_error, bound, passed);
}

}  // namespace tern::cuda
