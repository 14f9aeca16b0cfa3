// Dense matmuls on the device against an fp64 sum. Bounds: oracle/dense_oracle.h.
#include <cmath>
#include <cstring>
#include <random>
#include <set>

#include "cases/dense_cases.h"
#include "core/half.h"
#include "cuda/gpu_test.h"
#include "dense.h"
#include "oracle/dense_oracle.h"

namespace tern::cuda {
namespace {

using cases::DenseCase;

const std::vector<int> kTypes = {TERN_TYPE_F32, TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_Q8_0, TERN_TYPE_Q6_K};
bool is_int8(int type) { return type == TERN_TYPE_Q8_0 || type == TERN_TYPE_Q6_K; }
bool is_half(int type) { return type == TERN_TYPE_F16 || type == TERN_TYPE_BF16; }

struct Weight {
  int n_rows, stride;
  std::vector<uint8_t> data;
  std::vector<uint8_t> block_scale;  // Q8_0: halves of 32; Q6_K: floats of 16
  std::vector<float> value;  // [n_rows, n_cols]
  std::vector<float> before;
};

struct Problem {
  std::vector<float> x;
  std::vector<Weight> weights;
};

Problem make(const DenseCase& c) {
  std::mt19937_64 rng(test_seed(c.seed));
  std::normal_distribution<float> normal;
  Problem p;
  p.x.resize(size_t(c.n_act_rows) * c.n_cols);
  for (float& x : p.x) x = normal(rng) * c.magnitude;
  if (c.n_act_rows > 2)
    for (int j = 0; j < c.n_cols; j++) p.x[size_t(c.n_cols) + j] = 0;  // a row of zeros
  for (int rows : c.n_rows) {
    Weight w = {rows, (c.n_cols + 63) / 64 * 64, {}, {}, {}, {}};
    const int bytes = c.type == TERN_TYPE_F32 ? 4 : is_int8(c.type) ? 1 : 2;
    w.data.assign(size_t(rows) * w.stride * bytes, 0);
    if (is_int8(c.type)) w.block_scale.assign(size_t(rows) * w.stride / (c.type == TERN_TYPE_Q8_0 ? 16 : 4), 0);
    float scale = 0;
    w.value.resize(size_t(rows) * c.n_cols);
    for (int r = 0; r < rows; r++)
      for (int j = 0; j < c.n_cols; j++) {
        float v = normal(rng);
        uint8_t* const at = &w.data[(size_t(r) * w.stride + j) * bytes];
        if (is_int8(c.type)) {
          const size_t i = size_t(r) * w.stride + j;
          if (c.type == TERN_TYPE_Q8_0 && j % 32 == 0) {
            const uint16_t d = half_from_float(0.01f * std::fabs(v) + 1e-4f);
            scale = float_from_half(d);
            std::memcpy(&w.block_scale[i / 32 * 2], &d, 2);
          }
          if (c.type == TERN_TYPE_Q6_K && j % 16 == 0) {
            scale = 0.01f * v;
            std::memcpy(&w.block_scale[i / 16 * 4], &scale, 4);
          }
          const int8_t q = static_cast<int8_t>(static_cast<int>(rng() % 255) - 127);
          std::memcpy(at, &q, 1);
          v = scale * q;
        } else if (c.type == TERN_TYPE_F32) {
          std::memcpy(at, &v, 4);
        } else {
          uint32_t bits;
          std::memcpy(&bits, &v, 4);
          const uint16_t h = c.type == TERN_TYPE_F16 ? half_from_float(v) : static_cast<uint16_t>(bits >> 16);
          std::memcpy(at, &h, 2);
          bits = uint32_t(h) << 16;
          if (c.type == TERN_TYPE_F16)
            v = float_from_half(h);
          else
            std::memcpy(&v, &bits, 4);
        }
        w.value[size_t(r) * c.n_cols + j] = v;
      }
    for (int i = 0; i < rows * c.n_act_rows; i++) w.before.push_back(c.accumulate ? normal(rng) : NAN);
    p.weights.push_back(std::move(w));
  }
  return p;
}

// The arrays of a problem on the device.
struct OnDevice {
  DeviceArray<float> x;
  std::vector<DeviceArray<uint8_t>> data;
  std::vector<DeviceArray<uint8_t>> scale;
  std::vector<DeviceArray<float>> out;
  std::vector<DenseProduct> products;

  OnDevice(const DenseCase& c, const Problem& p) : x(p.x) {
    for (const Weight& w : p.weights) {
      data.emplace_back(w.data);
      scale.emplace_back(w.block_scale);
      out.emplace_back(w.before);
      const DenseMatrix m = {data.back().data(), w.block_scale.empty() ? nullptr : scale.back().data(), c.type, w.n_rows, c.n_cols, w.stride};
      products.push_back({m, out.back().data(), c.accumulate});
    }
  }
};

void expect_close(const char* op, const DenseCase& c, const Problem& p, const OnDevice& d) {
  double worst = -1, worst_error = 0, worst_bound = 0;
  std::string failure;
  for (size_t i = 0; i < p.weights.size(); i++) {
    const Weight& w = p.weights[i];
    const std::vector<float> got = d.out[i].download();
    for (int a = 0; a < c.n_act_rows; a++) {
      double largest = 0;
      for (int j = 0; j < c.n_cols; j++) largest = std::max(largest, double(std::fabs(p.x[size_t(a) * c.n_cols + j])));
      for (int r = 0; r < w.n_rows; r++) {
        double sum = 0, magnitude = 0, weights = 0;
        for (int j = 0; j < c.n_cols; j++) {
          const double term = double(w.value[size_t(r) * c.n_cols + j]) * p.x[size_t(a) * c.n_cols + j];
          sum += term, magnitude += std::fabs(term), weights += std::fabs(double(w.value[size_t(r) * c.n_cols + j]));
        }
        const size_t at = size_t(a) * w.n_rows + r;
        if (c.accumulate) sum += w.before[at];
        const double added = c.accumulate ? std::fabs(sum) + std::fabs(w.before[at]) : 0;
        const double bound = oracle::dense_cuda_bound(c.type, c.n_cols, {magnitude, largest, weights, added});
        const double error = std::fabs(got[at] - sum);
        if (!(error <= bound) && failure.empty())
          failure = "product " + std::to_string(i) + ", row " + std::to_string(r) + ", activation row " + std::to_string(a) + ": " +
                    std::to_string(got[at]) + ", oracle " + std::to_string(sum) + ", error " + std::to_string(error) + ", bound " +
                    std::to_string(bound);
        if (error / bound > worst) worst = error / bound, worst_error = error, worst_bound = bound;
      }
    }
  }
  EXPECT_EQ(failure, "") << op << ", " << c.name << ", TERN_SEED=" << test_seed(c.seed);
  Recorder::record(op, c.name, worst_error, worst_bound, failure.empty());
}

bool has_sm90() { return device_info().sm == 90; }

// kernel: of halves. n_sms: as if the device had so many, for the width of the sm90 kernel's blocks.
void multiply(const DenseCase& c, const OnDevice& d, DenseHalves kernel, int n_sms = 0) {
  const int n = static_cast<int>(d.products.size());
  DeviceInfo device = device_info();
  if (n_sms) device.n_sms = n_sms;
  if (is_half(c.type)) {
    const DeviceArray<uint8_t> scratch(static_cast<size_t>(dense_halves_scratch_bytes(c.n_cols, c.n_act_rows)));
    launch_dense_halves(kernel, d.products.data(), n, d.x.data(), c.n_act_rows, scratch.data(), device, stream());
    synchronize();
  } else {
    launch_dense_rows(d.products.data(), n, d.x.data(), c.n_act_rows, stream());
    synchronize();
  }
}

TEST(Dense, AgreesWithTheOracle) {
  for (const DenseCase& c : some_of(cases::dense_cases(kTypes, false))) {
    const Problem p = make(c);
    const OnDevice d(c, p);
    multiply(c, d, DenseHalves::rows);
    expect_close(is_half(c.type) ? "dense_halves_rows" : "dense_rows", c, p, d);
  }
}

TEST(Dense, OfManyRowsAgreesWithTheOracle) {
  for (const DenseCase& c : some_of(cases::dense_cases({TERN_TYPE_F16, TERN_TYPE_BF16}, true))) {
    const Problem p = make(c);
    const OnDevice d(c, p);
    multiply(c, d, DenseHalves::tiles);
    expect_close("dense_halves_tiles", c, p, d);
  }
}

TEST(Dense, OnHopperAgreesWithTheOracle) {
  if (!has_sm90()) GTEST_SKIP() << "the kernel is for compute capability 9.0";
  std::set<int> widths;
  for (const DenseCase& c : some_of(cases::dense_cases({TERN_TYPE_F16, TERN_TYPE_BF16}, true))) {
    const Problem p = make(c);
    std::set<int> done;
    for (int n_sms : {132, 1, 2, 3}) {
      DeviceInfo device = device_info();
      device.n_sms = n_sms;
      const OnDevice d(c, p);
      const int width = dense_halves_sm90_width(d.products.data(), static_cast<int>(d.products.size()), c.n_act_rows, device);
      if (!done.insert(width).second) continue;
      multiply(c, d, DenseHalves::sm90, n_sms);
      expect_close(("dense_halves_sm90_" + std::to_string(width)).c_str(), c, p, d);
    }
    widths.insert(done.begin(), done.end());
  }
  if (!std::getenv("TERN_CASES")) {
    EXPECT_EQ(widths, (std::set<int>{64, 128, 192}));
  }
}

// One activation row alone, among others, and at any place gives the same bits, in the kernel for few rows and in those for many.
TEST(Dense, ARowsBitsDoNotDependOnTheOthers) {
  for (int type : kTypes)
    for (int n_cols : {416, 2176}) {
      const DenseCase c = {"bits", type, {70}, n_cols, 150, false, 1, 3};
      const Problem p = make(c);
      const auto run = [&](const std::vector<float>& x, int n, DenseHalves kernel) {
        DenseCase some = c;
        some.n_act_rows = n;
        Problem q = p;
        q.x = x;
        q.weights[0].before.resize(size_t(n) * 70);
        const OnDevice d(some, q);
        multiply(some, d, kernel);
        return d.out[0].download();
      };
      const std::vector<float> all = run(p.x, 150, DenseHalves::tiles);
      for (int n : {1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 65})
        for (int first : {0, 4, 85}) {
          const std::vector<float> x = {p.x.begin() + first * n_cols, p.x.begin() + (first + n) * n_cols};
          const std::vector<float> part = run(x, n, dense_halves_kernel(n, false));
          EXPECT_EQ(std::memcmp(part.data(), all.data() + first * 70, part.size() * 4), 0)
              << "type " << type << ", " << n << " rows from " << first << ", " << n_cols << " columns";
        }
      if (!is_half(type) || !has_sm90()) continue;
      const std::vector<float> sm90 = run(p.x, 150, DenseHalves::sm90);
      const bool equal = !std::memcmp(sm90.data(), all.data(), all.size() * sizeof(float));
      Recorder::record("dense_halves_sm90_bits", (type == TERN_TYPE_F16 ? "f16 " : "bf16 ") + std::to_string(n_cols), 0, 0, equal);
#ifdef TERN_SIMT
      EXPECT_TRUE(equal) << "type " << type << ", " << n_cols << " columns";
#else
      if (!equal) std::printf("wgmma adds up otherwise than mma.sync here: DensePlan does without it\n");
#endif
    }
}

TEST(Dense, WhatIsNotFiniteSurfaces) {
  for (int n_rows : {9, 17})
    for (int type : kTypes) {
      const DenseCase c = {"not finite", type, {33}, 64, n_rows, false, 1, 9};
      Problem p = make(c);
      p.x[5 * 64 + 3] = NAN;
      p.x[7 * 64 + 60] = INFINITY;
      for (DenseHalves kernel : {DenseHalves::rows, DenseHalves::tiles, DenseHalves::sm90}) {
        if (kernel != DenseHalves::rows && (!is_half(type) || (kernel == DenseHalves::sm90 && !has_sm90()))) continue;
        const OnDevice d(c, p);
        multiply(c, d, kernel);
        const std::vector<float> out = d.out[0].download();
        for (int a = 0; a < n_rows; a++)
          for (int r = 0; r < 33; r++) {
            const float v = out[size_t(a) * 33 + r];
            if (a == 5)
              EXPECT_TRUE(std::isnan(v));
            else
              EXPECT_EQ(std::isfinite(v), a != 7) << a << " " << r;
          }
      }
    }
}

#ifdef TERN_SIMT
TEST(Dense, OtherOrdersOfThreads) {
  int i = 0;
  for (const bool many : {false, true})
    for (const DenseCase& c : cases::dense_cases({TERN_TYPE_F16, TERN_TYPE_Q8_0}, many)) {
      if (i++ % 6 || (many && !is_half(c.type))) continue;
      const Problem p = make(c);
      for (DenseHalves kernel : {DenseHalves::rows, DenseHalves::tiles, DenseHalves::sm90}) {
        if (many == (kernel == DenseHalves::rows)) continue;
        for (unsigned seed : {1u, 2u, 3u}) {
          simt::set_seed(seed);
          const OnDevice d(c, p);
          multiply(c, d, kernel);
          expect_close("dense_orders", c, p, d);
        }
      }
      simt::set_seed(0);
    }
}
#endif

}  // namespace
}  // namespace tern::cuda
