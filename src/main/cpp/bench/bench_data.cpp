#include "bench/bench_data.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "core/checked.h"
#include "core/half.h"
#include "ternary/decode.h"
#include "ternary/encode.h"

namespace tern {
namespace {

constexpr int64_t kPieceBytes = 256 << 10;  // of random content; more is a repetition of it
constexpr float kSigma = 0.02f;           // of weights

uint16_t bf16_from_float(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return static_cast<uint16_t>(bits >> 16);
}

// One row of random elements. Blocks of integers are random bytes with the scale written over them.
void random_row(int type, int n_cols, std::mt19937_64& random, uint8_t* row) {
  const int64_t n_bytes = row_bytes(type, n_cols);
  std::normal_distribution<float> normal(0, kSigma);
  const auto fill_floats = [&](auto* to, auto convert) {
    for (int j = 0; j < n_cols; j++) {
      const auto value = convert(normal(random));
      std::memcpy(to + j, &value, sizeof value);
    }
  };
  const auto fill_blocks = [&](int64_t block_bytes, int64_t scale_at) {
    for (int64_t i = 0; i < n_bytes; i++) row[i] = static_cast<uint8_t>(random());
    const uint16_t scale = half_from_float(kSigma / 64);
    for (int64_t i = scale_at; i < n_bytes; i += block_bytes) std::memcpy(row + i, &scale, sizeof scale);
  };
  switch (type) {
    case TERN_TYPE_F32: return fill_floats(reinterpret_cast<float*>(row), [](float x) { return x; });
    case TERN_TYPE_F16: return fill_floats(reinterpret_cast<uint16_t*>(row), half_from_float);
    case TERN_TYPE_BF16: return fill_floats(reinterpret_cast<uint16_t*>(row), bf16_from_float);
    case TERN_TYPE_Q8_0: return fill_blocks(34, 0);
    case TERN_TYPE_Q4_0: return fill_blocks(18, 0);
    case TERN_TYPE_Q6_K: return fill_blocks(210, 208);
    default: fail(TERN_ERR_UNSUPPORTED, "no benchmark of dense weights of type %d: there are F32, F16, BF16, Q8_0, Q4_0 and Q6_K", type);
  }
}

void random_ternary_row(int type, int n_cols, std::mt19937_64& random, uint8_t* row) {
  std::vector<int8_t> trits(static_cast<size_t>(n_cols));
  for (int8_t& t : trits) t = static_cast<int8_t>(random() % 3) - 1;
  if (type == TERN_TYPE_TQ2_0) return encode_ternary_row(type, trits.data(), n_cols, half_from_float(kSigma), row);
  if (type != TERN_TYPE_F32) fail(TERN_ERR_UNSUPPORTED, "no benchmark of ternary weights of type %d: there are TQ2_0 and F32", type);
  for (int j = 0; j < n_cols; j++) {
    const float value = kSigma * trits[static_cast<size_t>(j)];
    std::memcpy(row + int64_t(j) * 4, &value, sizeof value);
  }
}

}  // namespace

std::vector<float> random_floats(int64_t n, uint64_t seed) {
  require_free(checked_mul(n, sizeof(float)), "made-up values of a benchmark");
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(n));
  for (float& value : x) value = normal(random);
  return x;
}

RandomWeight::RandomWeight(int type, int store, int n_rows, int n_cols, const char* kernel) : type_(type), store_(store), n_rows_(n_rows), n_cols_(n_cols), kernel_(kernel) {
  std::mt19937_64 random(1);
  const int64_t stride = row_bytes(type, n_cols);
  n_piece_ = static_cast<int>(std::clamp<int64_t>(kPieceBytes / stride, 1, n_rows));
  rows_.resize(static_cast<size_t>(checked_mul(stride, n_piece_)));
  for (int r = 0; r < n_piece_; r++)
    (store == TERN_STORE_TERNARY ? random_ternary_row : random_row)(type, n_cols, random, rows_.data() + stride * r);
}

std::unique_ptr<Weight> RandomWeight::make(Backend& backend) const {
  std::unique_ptr<Weight> weight = kernel_ ? backend.meter().ternary_weight(kernel_, type_, n_rows_, n_cols_)
                                           : backend.create_weight(type_, store_, n_rows_, n_cols_, 1, false);
  const int64_t stride = row_bytes(type_, n_cols_);
  for (int r = 0; r < n_rows_; r += n_piece_) {
    const int n = std::min(n_piece_, n_rows_ - r);
    weight->append_rows(n, rows_.data(), stride * n);
  }
  return weight;
}

Buffer filled(Backend& backend, int64_t n_bytes, const void* content, int64_t content_bytes, const char* purpose) {
  Buffer buffer = backend.allocate(n_bytes, purpose);
  for (int64_t at = 0; at < n_bytes; at += content_bytes)
    backend.upload(buffer.as<uint8_t>() + at, content, std::min(content_bytes, n_bytes - at));
  return buffer;
}

void fill_keys(Backend& backend, const KvLayerSpan& kv, const HeadShape& shape, int64_t n_slots) {
  const int64_t dim = int64_t(shape.n_kv_heads) * shape.head_dim;
  const int n_piece = static_cast<int>(std::clamp<int64_t>(kPieceBytes / (dim * 4), 1, n_slots));
  const std::vector<float> k = random_floats(dim * n_piece, 2), v = random_floats(dim * n_piece, 3);
  const char* const purpose = "keys and values of a benchmark";
  const Buffer keys = filled(backend, dim * n_piece * 4, k.data(), dim * n_piece * 4, purpose),
               values = filled(backend, dim * n_piece * 4, v.data(), dim * n_piece * 4, purpose),
               slots = backend.allocate(int64_t(n_piece) * 4, purpose);
  std::vector<int32_t> slot(static_cast<size_t>(n_piece));
  for (int64_t begin = 0; begin < n_slots; begin += n_piece) {
    const int n = static_cast<int>(std::min<int64_t>(n_piece, n_slots - begin));
    for (int i = 0; i < n; i++) slot[static_cast<size_t>(i)] = static_cast<int32_t>(begin + i);
    backend.upload(slots.as<void>(), slot.data(), int64_t(n) * 4);
    backend.kv_write(kv, shape, keys.as<float>(), values.as<float>(), slots.as<int32_t>(), n);
  }
}

void poison(Backend& backend, const BenchResult& result) {
  const std::vector<uint8_t> bytes(static_cast<size_t>(std::min<int64_t>(result.size, kPieceBytes)), kPoison);
  for (int64_t at = 0; at < result.size; at += static_cast<int64_t>(bytes.size()))
    backend.upload(static_cast<uint8_t*>(result.data) + at, bytes.data(), std::min<int64_t>(static_cast<int64_t>(bytes.size()), result.size - at));
}

void check_written(Backend& backend, const BenchResult& result) {
  require_free(result.size, "the result of a benchmark on the host");
  std::vector<uint8_t> bytes(static_cast<size_t>(result.size));
  backend.download(bytes.data(), result.data, result.size);
  if (result.kind == BenchResult::bytes) {
    if (std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == kPoison; }))
      fail(TERN_ERR_INTERNAL, "a benchmarked op wrote none of the %lld bytes of a result", static_cast<long long>(result.size));
    return;
  }
  const int64_t width = result.kind == BenchResult::floats ? 4 : 2;
  for (int64_t i = 0; i < result.size / width; i++) {
    float f;
    uint16_t h;
    std::memcpy(&f, &bytes[static_cast<size_t>(i * width)], static_cast<size_t>(width == 4 ? 4 : 0));
    std::memcpy(&h, &bytes[static_cast<size_t>(i * width)], sizeof h);
    // As a bf16, 0x7f81 and above are NaN; as a half, which has fewer exponents, 0x7c01 and above: a bf16 of 2^121 would be one.
    if (width == 4 ? std::isnan(f) : (h & 0x7fff) > 0x7f80)
      fail(TERN_ERR_INTERNAL, "a benchmarked op left element %lld of a result of %lld unwritten, or made it NaN", static_cast<long long>(i),
           static_cast<long long>(result.size / width));
  }
}

}  // namespace tern
