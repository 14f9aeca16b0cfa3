// activations.h and bandwidth.h: gating and norm against fp64, quantisation and rows looked up to the bit.
#include "activations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "activations_oracle.h"
#include "bandwidth.h"
#include "cases/activations_cases.h"
#include "core/half.h"
#include "cuda/gpu_test.h"
#include "norm_oracle.h"

namespace tern::cuda {
namespace {

using cases::ActivationsCase;
using cases::kNoGate;
using oracle::Bounded;
using oracle::kUnit;
using oracle::row64;
using Input = oracle::ActivationsInput;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> normal(uint64_t seed, size_t n, float sigma = 1) {
  std::mt19937_64 random(test_seed(seed));
  std::normal_distribution<float> distribution;
  std::vector<float> x(n);
  for (float& e : x) e = distribution(random) * sigma;
  return x;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Calls body in several orders of threads; on a GPU twice.
template <class Body>
void in_orders(const Body& body) {
#ifdef TERN_SIMT
  const unsigned before = simt::seed();
  for (const unsigned order : {1u, 7u, 23u}) {
    simt::set_seed(order);
    body();
  }
  simt::set_seed(before);
#else
  body();
  body();
#endif
}

struct Output {
  std::vector<float> f32;  // empty where not wanted
  std::vector<int8_t> int8;
  std::vector<float> scale;
  std::vector<int32_t> sum;
  bool operator==(const Output& o) const {
    return same(f32, o.f32) && same(int8, o.int8) && same(scale, o.scale) && same(sum, o.sum);
  }
};

int stride_of(int dim) { return (dim + kInt8Align - 1) / kInt8Align * kInt8Align; }

Output activations(const Input& in, bool f32, bool int8, bool in_place = false) {
  const size_t rows = size_t(in.n_rows), n = rows * size_t(in.dim);
  DeviceArray<float> x(in.x), up(in.up), norm(in.norm), y(f32 && !in_place ? n : 0), scale(int8 ? rows : 0);
  DeviceArray<int8_t> q(int8 ? rows * size_t(stride_of(in.dim)) : 0);
  DeviceArray<int32_t> sum(int8 ? rows : 0);
  launch_activations({x.data(), in.gate == kNoGate ? nullptr : up.data(), in.gate == kNoGate ? 0 : in.gate,
                      in.norm.empty() ? nullptr : norm.data(), in.eps, in.n_rows, in.dim,
                      !f32 ? nullptr : in_place ? x.data() : y.data(), int8 ? q.data() : nullptr, int8 ? scale.data() : nullptr, int8 ? sum.data() : nullptr},
                     stream());
  synchronize();
  return {f32 ? (in_place ? x : y).download() : std::vector<float>(), q.download(), scale.download(), sum.download()};
}

Input input_of(const ActivationsCase& c) {
  const size_t n = size_t(c.n_rows) * size_t(c.dim);
  Input in{c.gate, c.n_rows, c.dim, normal(c.seed, n, c.sigma), {}, {}};
  if (c.gate != kNoGate) in.up = normal(c.seed + 1000, n);
  if (c.norm) in.norm = normal(c.seed + 2000, size_t(c.dim));
  return in;
}

struct Worst {
  double error = 0, bound = 0, ratio = -1;
  void see(double e, double b) {
    if (const double r = b > 0 ? e / b : e > 0 ? kInfinity : 0; !(r <= ratio)) ratio = r, error = e, bound = b;
  }
};

void expect_f32(const Input& in, const Output& out, Worst& worst) {
  for (int row = 0; row < in.n_rows; row++) {
    const Bounded want = row64(in, row);
    for (size_t j = 0; j < want.z.size(); j++) {
      const float got = out.f32[size_t(row) * want.z.size() + j];
      const double error = std::fabs(got - want.z[j]);
      worst.see(error, want.bound[j]);
      ASSERT_LE(error, want.bound[j]) << "row " << row << " element " << j << ": " << got << " for " << want.z[j];
    }
  }
}

// The formula of the quantisation has one rounding per step: of the floats that the same launch wrote it is exact.
void expect_int8_of(const std::vector<float>& z, int n_rows, int dim, const Output& out) {
  const int stride = stride_of(dim);
  for (int row = 0; row < n_rows; row++) {
    const oracle::Quantized want = oracle::quantize(&z[size_t(row) * size_t(dim)], dim);
    const int8_t* const q = &out.int8[size_t(row) * size_t(stride)];
    for (int j = 0; j < dim; j++) ASSERT_EQ(int(q[j]), want.q[size_t(j)]) << "row " << row << " element " << j;
    for (int j = dim; j < stride; j++) ASSERT_EQ(int(q[j]), 0) << "row " << row << " padding " << j;
    ASSERT_EQ(out.scale[size_t(row)], want.scale) << "row " << row;
    ASSERT_EQ(out.sum[size_t(row)], want.sum) << "row " << row;
  }
}

// Against fp64: an element may be on the other side of a tie only if z s comes as near to it as z and s may be off. s is off by
// the largest bound of a z relative to max |z|, and two roundings with the product's; scale by one more.
void expect_int8(const Input& in, const Output& out, Worst& worst) {
  const int stride = stride_of(in.dim);
  for (int row = 0; row < in.n_rows; row++) {
    const Bounded want = row64(in, row);
    double largest = 0, off = 0;
    for (size_t j = 0; j < want.z.size(); j++) {
      largest = std::max(largest, std::fabs(want.z[j]));
      off = std::max(off, want.bound[j]);
    }
    largest = std::max(largest, double(1e-5f));
    const double s = 127 / largest, relative = (off / largest + 2 * kUnit) * 1.01;
    int32_t sum = 0;
    for (int j = 0; j < stride; j++) {
      const int q = out.int8[size_t(row) * size_t(stride) + size_t(j)];
      sum += q;
      if (j >= in.dim) {
        ASSERT_EQ(q, 0) << "row " << row << " padding " << j;
        continue;
      }
      const double t = want.z[size_t(j)] * s, bound = 0.5 + (std::fabs(t) * relative + want.bound[size_t(j)] * s) * 1.01;
      const double error = std::fabs(q - t);
      worst.see(error, bound);
      ASSERT_LE(error, bound) << "row " << row << " element " << j << ": " << q << " for " << t;
    }
    ASSERT_EQ(out.sum[size_t(row)], sum) << "row " << row;
    ASSERT_NEAR(out.scale[size_t(row)], 1 / s, (relative + kUnit) / s) << "row " << row;
  }
}

template <class Case>
struct Named : testing::TestWithParam<Case> {};
template <class Case>
std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}
using Activations = Named<ActivationsCase>;

TEST_P(Activations, AgainstOracle) {
  const ActivationsCase& c = GetParam();
  SCOPED_TRACE("TERN_SEED=" + std::to_string(test_seed(c.seed)));
  const Input in = input_of(c);
  const Output out = activations(in, c.f32, c.int8);
  Worst f32, int8;
  if (c.f32) {
    ASSERT_NO_FATAL_FAILURE(expect_f32(in, out, f32));
    Recorder::record("activations", c.name + "/f32", f32.error, f32.bound, true);
  }
  if (c.int8) {
    ASSERT_NO_FATAL_FAILURE(expect_int8(in, out, int8));
    Recorder::record("activations", c.name + "/int8", int8.error, int8.bound, true);
  }
  if (c.f32 && c.int8) {
    ASSERT_NO_FATAL_FAILURE(expect_int8_of(out.f32, c.n_rows, c.dim, out));
    // What is asked for besides does not change a result.
    EXPECT_TRUE(same(activations(in, true, false).f32, out.f32));
    Output only = activations(in, false, true);
    only.f32 = out.f32;
    EXPECT_TRUE(only == out);
  }
  if (c.f32) {
    EXPECT_TRUE(activations(in, true, c.int8, true) == out) << "in place differs";
  }
  in_orders([&] { EXPECT_TRUE(activations(in, c.f32, c.int8) == out); });
}
INSTANTIATE_TEST_SUITE_P(Cases, Activations, testing::ValuesIn(some_of(cases::activations_cases())), case_name<ActivationsCase>);

TEST(Activations, ARowIsTheSameInEveryBatch) {
  for (const int dim : {33, 2560, 12289}) {
    const ActivationsCase c{"", TERN_GATE_SILU, true, true, true, 7, dim, 1, 77};
    const Input all = input_of(c);
    const Output out = activations(all, true, true);
    for (const int row : {0, 6}) {
      Input one = all;
      one.n_rows = 1;
      one.x.assign(all.x.begin() + row * dim, all.x.begin() + (row + 1) * dim);
      one.up.assign(all.up.begin() + row * dim, all.up.begin() + (row + 1) * dim);
      const Output alone = activations(one, true, true);
      const size_t stride = size_t(stride_of(dim));
      EXPECT_EQ(std::memcmp(alone.f32.data(), &out.f32[size_t(row) * dim], size_t(dim) * 4), 0);
      EXPECT_EQ(std::memcmp(alone.int8.data(), &out.int8[size_t(row) * stride], stride), 0);
      EXPECT_EQ(alone.scale[0], out.scale[size_t(row)]);
      EXPECT_EQ(alone.sum[0], out.sum[size_t(row)]);
    }
  }
}

// Pointers at any float: rows that do not begin at 16 bytes.
TEST(Activations, UnalignedRows) {
  const int dim = 2560;
  const Input in = input_of({"", TERN_GATE_SILU, true, true, true, 2, dim, 1, 88});
  const Output want = activations(in, true, true);
  const auto shifted = [](const std::vector<float>& x) {
    std::vector<float> y(1, kNan);
    y.insert(y.end(), x.begin(), x.end());
    return y;
  };
  DeviceArray<float> x(shifted(in.x)), up(shifted(in.up)), norm(shifted(in.norm)), y(in.x.size() + 1), scale(2);
  DeviceArray<int8_t> q(2 * dim);
  DeviceArray<int32_t> sum(2);
  launch_activations({x.data() + 1, up.data() + 1, in.gate, norm.data() + 1, in.eps, 2, dim, y.data() + 1, q.data(),
                      scale.data(), sum.data()},
                     stream());
  synchronize();
  std::vector<float> got = y.download();
  got.erase(got.begin());
  EXPECT_TRUE((Output{got, q.download(), scale.download(), sum.download()}) == want);
}

TEST(Activations, TiesGoToEven) {
  // The largest is 127, so that the scale is 1 and values stand as they are.
  const std::vector<float> x = {127.f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, 125.5f,
                                -126.5f, 0.49999997f, 0.50000006f, -127.f};
  const std::vector<int> want = {127, 0, 2, 2, 0, -2, -2, 126, 126, -126, 0, 1, -127};
  const Output out = activations({kNoGate, 1, int(x.size()), x, {}, {}}, false, true);
  for (size_t j = 0; j < x.size(); j++) EXPECT_EQ(int(out.int8[j]), want[j]) << x[j];
  EXPECT_EQ(out.scale[0], 1.f);
}

TEST(Activations, SmallRowsMeetTheGuard) {
  for (const float value : {0.f, 1e-40f, 1e-6f, 9.9e-6f, 1e-5f, 1.1e-5f}) {
    const std::vector<float> x(33, value);
    expect_int8_of(x, 1, 33, activations({kNoGate, 1, 33, x, {}, {}}, false, true));
  }
}

// Where fp32 squares overflow or vanish, fp64 takes over: one rounding per output, and no more.
TEST(Activations, NormOfTheWholeRangeOfFloats) {
  for (const int dim : {1, 20, 64, 1500})
    for (const float value : {0.f, -0.f, 1e-44f, -1e-44f, 1e-38f, 1e-17f, 1e-14f, 1e18f, 1e20f, 3.4e38f, -3.4e38f})
      for (const float eps : {1e-5f, 1e-30f})
        for (const float weight : {2.f, 1e-10f, -1e25f}) {
          Input in{kNoGate, 1, dim, std::vector<float>(size_t(dim), value), {}, std::vector<float>(size_t(dim), weight), eps};
          in.x[size_t(dim) / 2] /= 3;
          const Output out = activations(in, true, true);
          Worst worst;
          expect_f32(in, out, worst);
          expect_int8_of(out.f32, 1, dim, out);
          ASSERT_FALSE(HasFailure()) << value << " eps " << eps << " weight " << weight << " dim " << dim;
        }
}

TEST(Activations, GateOfTheWholeRangeOfFloats) {
  std::vector<float> x = {0.f, -0.f, 1e-45f, -1e-45f, 1e-38f, -1e-38f, 17.f, -17.f, 80.f, -87.f, -88.f, -95.f, -103.f, -110.f,
                          1e10f, -1e10f, 3.4e38f, -3.4e38f};
  for (float v = -120; v < 120; v += 0.37f) x.push_back(v);
  const std::vector<float> up(x.size(), 1);
  const int dim = static_cast<int>(x.size());
  const Input silu{TERN_GATE_SILU, 1, dim, x, up, {}};
  Worst worst;
  expect_f32(silu, activations(silu, true, false), worst);
  Recorder::record("activations", "silu_whole_range", worst.error, worst.bound, !HasFailure());
  const Output relu2 = activations({TERN_GATE_RELU2, 1, dim, x, up, {}}, true, false);
  for (size_t i = 0; i < x.size(); i++) EXPECT_EQ(relu2.f32[i], x[i] > 0 ? x[i] * x[i] : 0.f) << x[i];

  for (const int kind : {TERN_GATE_SILU, TERN_GATE_RELU2}) {
    const Output out = activations({kind, 1, 4, {kInfinity, -kInfinity, kNan, 1}, {1, 1, 1, kNan}, {}}, true, false);
    EXPECT_EQ(out.f32[0], kInfinity);
    EXPECT_EQ(out.f32[1], 0.f);
    EXPECT_TRUE(std::isnan(out.f32[2]));
    EXPECT_TRUE(std::isnan(out.f32[3]));
  }
}

// A NaN or infinity must not pass for a number: it shows in the row's scale and floats, and only there.
TEST(Activations, NonFiniteRowsShowInTheScale) {
  for (const int dim : {40, 41, 2560, 12289})
    for (const int gate : {kNoGate, int(TERN_GATE_SILU), int(TERN_GATE_RELU2)})
      for (const float bad : {kNan, -kNan, kInfinity})
        for (const bool with_norm : {false, true}) {
          SCOPED_TRACE(testing::Message() << "dim " << dim << " gate " << gate << " bad " << bad << " norm " << with_norm);
          Input in = input_of({"", gate, with_norm, true, true, 3, dim, 1, 5});
          const Output clean = activations(in, true, true);
          const size_t n = size_t(dim), stride = size_t(stride_of(dim)), at = n + 13;
          in.x[at] = bad;
          const Output out = activations(in, true, true);
          EXPECT_FALSE(std::isfinite(out.scale[1]));
          EXPECT_FALSE(std::isfinite(out.f32[at]));
          for (size_t j = n; j < stride; j++) EXPECT_EQ(int(out.int8[stride + j]), 0);
          for (const size_t i : {0, 2}) {
            EXPECT_EQ(out.scale[i], clean.scale[i]);
            EXPECT_EQ(std::memcmp(&out.int8[i * stride], &clean.int8[i * stride], stride), 0);
            EXPECT_EQ(std::memcmp(&out.f32[i * n], &clean.f32[i * n], n * 4), 0);
          }
        }
}

float float_from_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

using Embed = Named<cases::EmbedCase>;

TEST_P(Embed, RowsAreExact) {
  const cases::EmbedCase& c = GetParam();
  SCOPED_TRACE("TERN_SEED=" + std::to_string(test_seed(c.seed)));
  std::mt19937_64 random(test_seed(c.seed));
  const size_t cols = size_t(c.n_cols), stride = (cols + kDenseAlign - 1) / kDenseAlign * kDenseAlign, n = c.n_table * stride;
  const bool q8 = c.type == TERN_TYPE_Q8_0, q6 = c.type == TERN_TYPE_Q6_K;
  const size_t size = c.type == TERN_TYPE_F32 ? 4 : q8 || q6 ? 1 : 2;
  std::vector<uint8_t> bytes(n * size);
  std::vector<uint16_t> scales(q8 ? n / 32 : 0);
  std::vector<float> wide_scales(q6 ? n / 16 : 0);
  std::vector<float> value(n);
  std::normal_distribution<float> normal;
  for (uint16_t& s : scales) s = half_from_float(normal(random) / 64);
  for (float& s : wide_scales) s = normal(random) / 64;
  for (size_t i = 0; i < n; i++) {
    const float drawn = i % stride < cols ? normal(random) : kNan;  // padding must not be read into a result
    uint32_t bits;
    std::memcpy(&bits, &drawn, 4);
    if (q8 || q6) {
      bits = static_cast<uint32_t>(random() & 0xff);
      value[i] = (q8 ? float_from_half(scales[i / 32]) : wide_scales[i / 16]) * static_cast<float>(static_cast<int8_t>(bits));
    } else if (c.type == TERN_TYPE_F16) {
      bits = half_from_float(drawn);
      value[i] = float_from_half(static_cast<uint16_t>(bits));
    } else if (c.type == TERN_TYPE_BF16) {
      bits >>= 16;
      value[i] = float_from_bits(bits << 16);
    } else {
      value[i] = drawn;
    }
    std::memcpy(&bytes[i * size], &bits, size);
  }
  std::vector<int32_t> ids;
  for (int i = 0; i < c.n_ids; i++) ids.push_back(static_cast<int32_t>(random() % c.n_table));
  ids[0] = c.n_table - 1;
  if (c.n_ids > 4) ids[2] = -1, ids[3] = c.n_table, ids[4] = std::numeric_limits<int32_t>::min();
  DeviceArray<uint8_t> data(bytes);
  DeviceArray<uint16_t> block_scale(scales);
  DeviceArray<float> wide_scale(wide_scales);
  DeviceArray<int32_t> device_ids(ids);
  const void* const table_scale = q8 ? static_cast<const void*>(block_scale.data()) : q6 ? wide_scale.data() : nullptr;
  const DenseMatrix table = {data.data(), table_scale, c.type, c.n_table, c.n_cols,
                             static_cast<int>(stride)};
  in_orders([&] {
    DeviceArray<float> out(ids.size() * cols);
    launch_embed(table, device_ids.data(), c.n_ids, out.data(), stream());
    synchronize();
    const std::vector<float> got = out.download();
    for (size_t i = 0; i < got.size(); i++) {
      const int id = ids[i / cols];
      ASSERT_EQ(got[i], id < 0 || id >= c.n_table ? 0.f : value[size_t(id) * stride + i % cols])
          << "id " << id << " column " << i % cols;
    }
  });
  Recorder::record("embed", c.name, 0, 0, !HasFailure());

  DeviceArray<float> x(std::vector<float>(value.begin(), value.begin() + static_cast<long>(c.n_table * cols)));
  for (int32_t& id : ids) id = id < 0 || id >= c.n_table ? 0 : id;
  device_ids.upload(ids);
  DeviceArray<float> gathered(ids.size() * cols);
  launch_gather(x.data(), device_ids.data(), c.n_ids, c.n_cols, gathered.data(), stream());
  synchronize();
  const std::vector<float> got = gathered.download();
  for (size_t i = 0; i < ids.size(); i++)
    ASSERT_EQ(std::memcmp(&got[i * cols], &value[size_t(ids[i]) * cols], cols * 4), 0) << "gathered row " << i;
  Recorder::record("gather", c.name, 0, 0, !HasFailure());
}
INSTANTIATE_TEST_SUITE_P(Cases, Embed, testing::ValuesIn(some_of(cases::embed_cases())), case_name<cases::EmbedCase>);

TEST(Activations, NothingToDo) {
  launch_activations({nullptr, nullptr, 0, nullptr, 0, 0, 64, nullptr, nullptr, nullptr, nullptr}, stream());
  launch_embed({nullptr, nullptr, TERN_TYPE_F16, 1, 64, 64}, nullptr, 0, nullptr, stream());
  launch_gather(nullptr, nullptr, 0, 64, nullptr, stream());
  synchronize();
}

// One word is the mark, all others are 0: whichever thread reads it, reads the mark in all.
TEST(Read, EveryWordIsRead) {
  const DeviceInfo device = {90, 1, 0};  // a grid of one SM's: each thread goes round several times
  for (const int64_t n_bytes : {4, 16, 20, 1540 * 16 + 12, 8 * 1536 * 16 + 16 * 700 + 4}) {
    const size_t words = static_cast<size_t>(n_bytes / 4);
    DeviceArray<float> sink(1);
    DeviceArray<uint32_t> data(std::vector<uint32_t>(words, 0));
    launch_read(data.data(), n_bytes, sink.data(), device, stream());
    synchronize();
    EXPECT_TRUE(std::isnan(sink.download()[0])) << "there is no mark";
    for (size_t at = 0; at < words; at += words < 10 ? 1 : words == 6163 ? 821 : 7001) {
      for (const size_t i : {at, words - 1 - at}) {
        std::vector<uint32_t> marked(words, 0);
        marked[i] = kReadMark;
        data.upload(marked);
        sink.fill_nan();
        launch_read(data.data(), n_bytes, sink.data(), device, stream());
        synchronize();
        EXPECT_EQ(sink.download()[0], 1.f) << "word " << i << " of " << words;
      }
    }
  }
}

}  // namespace
}  // namespace tern::cuda
