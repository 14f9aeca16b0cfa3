// rope.h against long double and fp64, and what it leaves in the arena bit for bit.
#include "rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "cases/rope_cases.h"
#include "core/half.h"
#include "cuda/gpu_test.h"
#include "rope_oracle.h"

namespace tern::cuda {
namespace {

constexpr double kUnit = 0x1p-24;  // of fp32: half of the distance of 1 and the next float
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> normal(uint64_t seed, size_t n) {
  std::mt19937_64 random(test_seed(seed));
  std::normal_distribution<float> distribution;
  std::vector<float> x(n);
  for (float& e : x) e = distribution(random);
  return x;
}

// Whether bits of the two are the same.
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

uint16_t bf16_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
uint16_t rounded_bits(float x, bool bf16) { return std::isnan(x) ? 0x7fff : bf16 ? bf16_bits(x) : half_from_float(x); }

template <class Case>
struct Named : testing::TestWithParam<Case> {};
template <class Case>
std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

std::vector<float> device_table(const std::vector<int64_t>& pos, const std::vector<double>& inv_freq) {
  const int dim = static_cast<int>(inv_freq.size()) * 2;
  DeviceArray<int64_t> positions(pos);
  DeviceArray<double> frequencies(inv_freq);
  DeviceArray<float> table(pos.size() * static_cast<size_t>(dim));
  launch_rope_table(positions.data(), static_cast<int>(pos.size()), frequencies.data(), dim, table.data(), stream());
  synchronize();
  return table.download();
}

using RopeTable = Named<cases::RopeTableCase>;

// A float in [-1, 1] is rounded by at most 2^-25. Before: the series is cut at lo^3 / 6 < 2^-44; sincos is within 2 units of
// the last place, each 2^-53, and the four operations on numbers up to 1 add half as much each.
TEST_P(RopeTable, AsExactFarAsNear) {
  const auto& c = GetParam();
  SCOPED_TRACE("TERN_SEED=" + std::to_string(test_seed(c.seed)));
  const double bound = 0x1p-25 + 0x1p-44 + 4 * 0x1p-53;
  const std::vector<int64_t> pos = cases::table_positions({c.name, c.n_rows, c.rope_dim, c.base, test_seed(c.seed)});
  const std::vector<double> inv_freq = cases::inverse_frequencies(c.base, c.rope_dim);
  const std::vector<float> table = device_table(pos, inv_freq);
  const size_t half = inv_freq.size();
  double worst = 0;
  for (size_t i = 0; i < pos.size(); i++)
    for (size_t j = 0; j < half; j++) {
      const auto want = oracle::cos_sin(pos[i], inv_freq[j]);
      const double error = std::max(std::fabs(double(table[i * 2 * half + j] - want.first)),
                                    std::fabs(double(table[(i * 2 + 1) * half + j] - want.second)));
      EXPECT_LE(error, bound) << "pos " << pos[i] << " frequency " << j;
      worst = std::isnan(error) ? error : std::max(worst, error);
    }
  Recorder::record("rope_table", c.name, worst, bound, worst <= bound);
  in_orders([&] { EXPECT_TRUE(same(device_table(pos, inv_freq), table)); });
}
INSTANTIATE_TEST_SUITE_P(Cases, RopeTable, testing::ValuesIn(some_of(cases::rope_table_cases())), case_name<cases::RopeTableCase>);

std::vector<int64_t> some_positions(int n_rows) {
  std::vector<int64_t> pos(static_cast<size_t>(n_rows));
  for (int i = 0; i < n_rows; i++) pos[static_cast<size_t>(i)] = int64_t{i} * 12345 + 7;
  return pos;
}

std::vector<float> rope(const std::vector<float>& x, const std::vector<float>& table, int style, int n_rows, int n_heads,
                        int head_dim, int rope_dim, bool in_place) {
  DeviceArray<float> from(x), angles(table), to(x.size());
  float* const out = in_place ? from.data() : to.data();
  launch_rope(from.data(), angles.data(), style, n_rows, n_heads, head_dim, rope_dim, out, stream());
  synchronize();
  return in_place ? from.download() : to.download();
}

using Rope = Named<cases::RopeCase>;

// Two roundings: of a cos, and of the fused sum.
TEST_P(Rope, AgainstOracle) {
  const auto& c = GetParam();
  SCOPED_TRACE("TERN_SEED=" + std::to_string(test_seed(c.seed)));
  const size_t dim = size_t(c.n_heads) * c.head_dim, half = size_t(c.rope_dim / 2);
  const std::vector<float> table = device_table(some_positions(c.n_rows), cases::inverse_frequencies(10000, c.rope_dim));
  const std::vector<float> x = normal(c.seed, c.n_rows * dim);
  const std::vector<float> out = rope(x, table, c.style, c.n_rows, c.n_heads, c.head_dim, c.rope_dim, false);
  double worst = 0, worst_bound = 0, worst_error = 0;
  for (size_t i = 0; i < x.size(); i++) {
    const size_t row = i / dim, d = i % size_t(c.head_dim);
    if (d >= size_t(c.rope_dim)) {
      ASSERT_EQ(out[i], x[i]) << "element " << i;
      continue;
    }
    const bool halves = c.style == TERN_ROPE_HALVES, second = halves ? d >= half : d % 2;
    const size_t j = halves ? d % half : d / 2, partner = halves ? (second ? i - half : i + half) : i ^ 1;
    const size_t other = halves ? partner : i - d + (d ^ 1);
    const double cos = table[row * 2 * half + j], sin = table[(row * 2 + 1) * half + j];
    const double kept = x[i] * cos, want = kept + (second ? 1 : -1) * x[other] * sin;
    const double bound = kUnit * (std::fabs(kept) * (1 + kUnit) + std::fabs(want)) * (1 + kUnit) + 0x1p-148;
    const double error = std::fabs(out[i] - want);
    ASSERT_LE(error, bound) << "element " << i;
    if (error / bound >= worst) worst = error / bound, worst_error = error, worst_bound = bound;
  }
  Recorder::record("rope", c.name, worst_error, worst_bound, true);
  in_orders([&] {
    EXPECT_TRUE(same(rope(x, table, c.style, c.n_rows, c.n_heads, c.head_dim, c.rope_dim, false), out));
    EXPECT_TRUE(same(rope(x, table, c.style, c.n_rows, c.n_heads, c.head_dim, c.rope_dim, true), out)) << "in place differs";
  });
}
INSTANTIATE_TEST_SUITE_P(Cases, Rope, testing::ValuesIn(some_of(cases::rope_cases())), case_name<cases::RopeCase>);

// An arena and, beside it, what its bytes should be. Slots never written hold 0xff, which is NaN in F16, BF16 and scales.
struct Arena {
  int type, n_pages, n_kv_heads, head_dim;
  DeviceArray<uint8_t> k, v;
  DeviceArray<float> k_scale, v_scale;
  std::vector<uint8_t> want_k, want_v;
  std::vector<float> want_k_scale, want_v_scale;

  Arena(int type, int n_pages, int n_kv_heads, int head_dim)
      : type(type), n_pages(n_pages), n_kv_heads(n_kv_heads), head_dim(head_dim), k(bytes()), v(bytes()), k_scale(scales()),
        v_scale(scales()), want_k(k.download()), want_v(v.download()), want_k_scale(k_scale.download()),
        want_v_scale(v_scale.download()) {}

  size_t scales() const { return type == TERN_TYPE_I8 ? size_t(n_pages) * n_kv_heads * TERN_PAGE_LEN : 0; }
  size_t bytes() const { return size_t(n_pages) * n_kv_heads * TERN_PAGE_LEN * head_dim * (type == TERN_TYPE_I8 ? 1 : 2); }
  KvArena args() const {
    const bool int8 = type == TERN_TYPE_I8;
    return {k.data(), v.data(), int8 ? k_scale.data() : nullptr, int8 ? v_scale.data() : nullptr, type, n_pages, n_kv_heads,
            head_dim};
  }
  static void put(std::vector<uint8_t>& bytes, std::vector<float>& scales, int type, size_t row, const float* x, int head_dim) {
    if (type != TERN_TYPE_I8) {
      for (size_t d = 0; d < size_t(head_dim); d++) {
        const uint16_t rounded = rounded_bits(x[d], type == TERN_TYPE_BF16);
        std::memcpy(&bytes[(row * size_t(head_dim) + d) * 2], &rounded, 2);
      }
      return;
    }
    float largest = 0;
    for (int d = 0; d < head_dim; d++)
      largest = std::isnan(x[d]) || std::isnan(largest) ? kNan : std::max(largest, std::fabs(x[d]));
    float scale = largest / 127.f;
    if (scale == 0) scale = 1;
    scales[row] = scale;
    for (int d = 0; d < head_dim; d++) {
      const float quotient = std::nearbyint(x[d] / scale);
      const float q = std::isnan(quotient) ? 0 : std::min(127.f, std::max(-127.f, quotient));
      bytes[row * size_t(head_dim) + size_t(d)] = static_cast<uint8_t>(static_cast<int8_t>(q));
    }
  }
  // Rows of rotated K and of V [n, n_kv_heads, head_dim] in slots.
  void expect_rows(const std::vector<float>& key, const std::vector<float>& value, const std::vector<int32_t>& slot) {
    for (size_t i = 0; i < slot.size(); i++)
      for (int h = 0; h < n_kv_heads && slot[i] >= 0; h++) {
        const size_t row = size_t(kv_row(slot[i], h, n_kv_heads)), from = (i * n_kv_heads + h) * head_dim;
        put(want_k, want_k_scale, type, row, &key[from], head_dim);
        put(want_v, want_v_scale, type, row, &value[from], head_dim);
      }
  }
  void expect_equal() const {
    const std::vector<uint8_t> now_k = k.download(), now_v = v.download();
    for (size_t i = 0; i < want_k.size(); i++) ASSERT_EQ(int(now_k[i]), int(want_k[i])) << "K, byte " << i;
    for (size_t i = 0; i < want_v.size(); i++) ASSERT_EQ(int(now_v[i]), int(want_v[i])) << "V, byte " << i;
    expect_scales(k_scale.download(), want_k_scale);
    expect_scales(v_scale.download(), want_v_scale);
  }
  static void expect_scales(const std::vector<float>& now, const std::vector<float>& want) {
    for (size_t i = 0; i < want.size(); i++)
      ASSERT_TRUE(now[i] == want[i] || (std::isnan(now[i]) && std::isnan(want[i])))
          << "scale " << i << ": " << now[i] << " for " << want[i];
  }
};

struct Appended {
  std::vector<uint16_t> q;
  std::vector<uint8_t> k, v;
  std::vector<float> k_scale, v_scale;
  bool operator==(const Appended& o) const {
    return same(q, o.q) && same(k, o.k) && same(v, o.v) && same(k_scale, o.k_scale) && same(v_scale, o.v_scale);
  }
};

using RopeAppend = Named<cases::RopeAppendCase>;

// Rotation is what launch_rope gives, and all after it is rounding: exact.
TEST_P(RopeAppend, EveryByteOfQAndTheArena) {
  const auto& c = GetParam();
  SCOPED_TRACE("TERN_SEED=" + std::to_string(test_seed(c.seed)));
  const size_t q_dim = size_t(c.n_heads) * c.head_dim, kv_dim = size_t(c.n_kv_heads) * c.head_dim, rows = size_t(c.n_rows);
  const std::vector<float> q = normal(c.seed, rows * q_dim), k = normal(c.seed + 1000, rows * kv_dim);
  std::vector<float> v = normal(c.seed + 2000, rows * kv_dim);
  std::fill(v.begin(), v.begin() + c.head_dim, 0.f);              // int8: a scale of 1
  for (size_t i = v.size() - 4; i < v.size(); i++) v[i] *= 1e4f;  // and one that leaves the head's other elements small
  const std::vector<int32_t> slot = cases::append_slots(c);
  const std::vector<double> inv_freq = cases::inverse_frequencies(10000, c.rope_dim);
  std::vector<int64_t> pos = some_positions(c.n_rows * c.n_rotations);
  const std::vector<float> q_table = device_table(pos, inv_freq);
  pos.resize(rows);
  const std::vector<float> k_table = device_table(pos, inv_freq);

  DeviceArray<float> device_q(q), device_k(k), device_v(v), device_q_table(q_table), device_k_table(k_table);
  DeviceArray<int32_t> device_slot(slot);
  const auto run = [&](Arena& arena) {
    DeviceArray<uint16_t> q_out(size_t(c.n_rotations) * rows * q_dim);
    launch_rope_append({arena.args(), device_q.data(), device_k.data(), device_v.data(), device_q_table.data(),
                        device_k_table.data(), device_slot.data(), c.n_rows, c.n_heads, c.n_rotations, c.style, c.rope_dim, q_out.data()},
                       stream());
    synchronize();
    return Appended{q_out.download(), arena.k.download(), arena.v.download(), arena.k_scale.download(),
                    arena.v_scale.download()};
  };
  Arena arena(c.kv_type, c.n_pages, c.n_kv_heads, c.head_dim);
  const Appended first = run(arena);

  for (int r = 0; r < c.n_rotations; r++) {
    const size_t part = rows * size_t(c.rope_dim);
    const std::vector<float> angles(q_table.begin() + r * part, q_table.begin() + (r + 1) * part);
    const std::vector<float> want = rope(q, angles, c.style, c.n_rows, c.n_heads, c.head_dim, c.rope_dim, false);
    for (size_t i = 0; i < want.size(); i++)
      ASSERT_EQ(first.q[r * want.size() + i], rounded_bits(want[i], c.kv_type == TERN_TYPE_BF16))
          << "rotation " << r << " element " << i;
  }
  arena.expect_rows(rope(k, k_table, c.style, c.n_rows, c.n_kv_heads, c.head_dim, c.rope_dim, false), v, slot);
  arena.expect_equal();
  Recorder::record("rope_append", c.name, 0, 0, !HasFailure());
  in_orders([&] {
    Arena again(c.kv_type, c.n_pages, c.n_kv_heads, c.head_dim);
    EXPECT_TRUE(run(again) == first);
  });
}
INSTANTIATE_TEST_SUITE_P(Cases, RopeAppend, testing::ValuesIn(some_of(cases::rope_append_cases())), case_name<cases::RopeAppendCase>);

struct KvRows : testing::TestWithParam<int> {};

TEST_P(KvRows, WrittenReadAndFilled) {
  const int type = GetParam();
  struct Shape {
    int n_kv_heads, head_dim, n;
  };
  for (const Shape s : {Shape{1, 8, 1}, {3, 24, 5}, {5, 128, 70}, {2, 256, 3}}) {
    SCOPED_TRACE(testing::Message() << "heads " << s.n_kv_heads << " dim " << s.head_dim << " TERN_SEED=" << test_seed(5));
    const cases::RopeAppendCase shape{"", type, 0, s.n, 0, s.n_kv_heads, s.head_dim, 0, 0, 2, 0, test_seed(6)};
    const std::vector<int32_t> slot = cases::append_slots(shape);
    const size_t n = size_t(s.n) * s.n_kv_heads * s.head_dim;
    std::vector<float> k = normal(5, n), v = normal(6, n);
    Arena arena(type, 2, s.n_kv_heads, s.head_dim);
    DeviceArray<float> device_k(k), device_v(v), out_k(n), out_v(n);
    DeviceArray<int32_t> device_slot(slot);
    launch_kv_write(arena.args(), device_k.data(), device_v.data(), device_slot.data(), s.n, stream());
    launch_kv_read(arena.args(), device_slot.data(), s.n, out_k.data(), out_v.data(), stream());
    synchronize();
    arena.expect_rows(k, v, slot);
    arena.expect_equal();
    const auto stored = [&](const std::vector<uint8_t>& bytes, const std::vector<float>& scales, size_t i) {
      const size_t dim = size_t(s.head_dim), head = i / dim % s.n_kv_heads, at = i / dim / s.n_kv_heads;
      const size_t row = size_t(kv_row(slot[at], int(head), s.n_kv_heads)), e = row * dim + i % dim;
      if (type == TERN_TYPE_I8) return float(static_cast<int8_t>(bytes[e])) * scales[row];
      uint16_t bits;
      std::memcpy(&bits, &bytes[2 * e], 2);
      if (type == TERN_TYPE_F16) return float_from_half(bits);
      const uint32_t wide = uint32_t(bits) << 16;
      float x;
      std::memcpy(&x, &wide, 4);
      return x;
    };
    const std::vector<float> got_k = out_k.download(), got_v = out_v.download();
    for (size_t i = 0; i < n; i++) {
      ASSERT_EQ(got_k[i], stored(arena.want_k, arena.want_k_scale, i)) << "element " << i;
      ASSERT_EQ(got_v[i], stored(arena.want_v, arena.want_v_scale, i)) << "element " << i;
    }
    for (const float value : {2.5f, kNan, -3.f}) {
      const int first = 60, len = value < 0 ? 0 : 9;  // across a page; nothing
      launch_kv_fill(arena.args(), first, len, value, stream());
      synchronize();
      for (int slot_at = first; slot_at < first + len; slot_at++)
        for (int h = 0; h < s.n_kv_heads; h++) {
          const size_t row = size_t(kv_row(slot_at, h, s.n_kv_heads)), dim = size_t(s.head_dim);
          for (auto* bytes : {&arena.want_k, &arena.want_v})
            for (size_t d = 0; d < dim; d++) {
              const uint16_t bits = rounded_bits(value, type == TERN_TYPE_BF16);
              if (type == TERN_TYPE_I8) (*bytes)[row * dim + d] = 1;
              else std::memcpy(&(*bytes)[(row * dim + d) * 2], &bits, 2);
            }
          if (type == TERN_TYPE_I8) arena.want_k_scale[row] = arena.want_v_scale[row] = value;
        }
      arena.expect_equal();
    }
    Recorder::record("kv_rows", std::string(cases::kv_type_name(type)) + "_dim" + std::to_string(s.head_dim), 0, 0,
                     !HasFailure());
  }
}

// NaN and infinity come out as such; a row too small for its scale to be a number, and one with a denormal scale, do no harm.
TEST_P(KvRows, StrangeValues) {
  const int type = GetParam();
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<int32_t> slot;
  std::vector<float> k, v;
  for (const float bad : {kNan, infinity, -infinity, 1e-45f, 2.6e-43f, 3.4e38f, -0.f, 65519.f, 65520.f}) {
    slot.push_back(static_cast<int32_t>(3 * slot.size()));
    std::vector<float> x = normal(slot.size(), 16);
    for (float& e : x) e = std::fabs(bad) < 1 ? bad : e;
    x[5] = bad;
    k.insert(k.end(), x.begin(), x.end());
    v.insert(v.end(), x.rbegin(), x.rend());
  }
  Arena arena(type, 1, 1, 16);
  DeviceArray<float> device_k(k), device_v(v), out_k(k.size()), out_v(v.size());
  DeviceArray<int32_t> device_slot(slot);
  const int n = static_cast<int>(slot.size());
  launch_kv_write(arena.args(), device_k.data(), device_v.data(), device_slot.data(), n, stream());
  launch_kv_read(arena.args(), device_slot.data(), n, out_k.data(), out_v.data(), stream());
  synchronize();
  arena.expect_rows(k, v, slot);
  arena.expect_equal();
  const std::vector<float> got = out_k.download();
  EXPECT_TRUE(std::isnan(got[5]));
  EXPECT_FALSE(std::isfinite(got[16 + 5]));
  EXPECT_FALSE(std::isfinite(got[32 + 5]));
}
INSTANTIATE_TEST_SUITE_P(Types, KvRows, testing::Values(TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_I8),
                         [](const auto& info) { return std::string(cases::kv_type_name(info.param)); });

TEST(QWrite, RoundsToNearestEven) {
  for (const bool bf16 : {false, true})
    for (const int n : {1, 7, 8, 9, 1023, 1024, 1025, 5461}) {
      std::vector<float> q = normal(uint64_t(n), size_t(n));
      if (n > 1000) {
        q[3] = 1 + 0x1p-11f, q[4] = 1 + 0x3p-11f, q[5] = 1 + 0x1p-8f, q[6] = 1 + 0x3p-8f;  // ties
        q[7] = 1e-7f, q[8] = 70000, q[9] = 65519.996f, q[10] = kNan, q[11] = -1e-8f, q[12] = 3.4e38f;
      }
      DeviceArray<float> from(q);
      DeviceArray<uint16_t> to(q.size());
      launch_q_write(from.data(), n, bf16, to.data(), stream());
      synchronize();
      const std::vector<uint16_t> out = to.download();
      for (size_t i = 0; i < q.size(); i++) ASSERT_EQ(out[i], rounded_bits(q[i], bf16)) << q[i] << " n " << n;
      Recorder::record("q_write", std::string(bf16 ? "bf16_" : "f16_") + std::to_string(n), 0, 0, !HasFailure());
    }
}

TEST(Rope, NothingToDo) {
  launch_rope_table(nullptr, 0, nullptr, 64, nullptr, stream());
  launch_rope(nullptr, nullptr, TERN_ROPE_HALVES, 0, 4, 64, 64, nullptr, stream());
  launch_q_write(nullptr, 0, false, nullptr, stream());
  synchronize();
}

// A score depends on the distance of query and key only: moved by four million and by 2^39, it stays within float rounding.
// Each rotated element is off by the table's 2^-25 twice and two roundings, 2^-23 of the pair's size in all; a score has two
// products of two such elements per pair, and two scores are compared.
TEST(Rope, ScoresDependOnDistanceOnly) {
  constexpr int kDim = 128;
  const std::vector<double> inv_freq = cases::inverse_frequencies(10000, kDim);
  std::vector<float> x = normal(1, 2 * kDim);
  double size = 0;  // sum over pairs of |q| |k|, of which a rotation leaves nothing out
  for (int d = 0; d < kDim / 2; d++)
    size += std::hypot(x[d], x[d + kDim / 2]) * std::hypot(x[kDim + d], x[kDim + d + kDim / 2]);
  for (const int64_t distance : {0, 1, 77, 2047}) {
    double first = 0;
    for (const int64_t shift : {int64_t{0}, int64_t{4194304}, int64_t{1} << 39}) {
      const std::vector<float> table = device_table({shift + distance, shift}, inv_freq);
      const std::vector<float> rows = rope(x, table, TERN_ROPE_HALVES, 2, 1, kDim, kDim, false);
      double score = 0;
      for (int d = 0; d < kDim; d++) score += double(rows[d]) * rows[kDim + d];
      if (!shift) first = score;
      EXPECT_NEAR(score, first, size * 8 * 0x1p-23) << "distance " << distance << " moved by " << shift;
    }
  }
}

}  // namespace
}  // namespace tern::cuda
