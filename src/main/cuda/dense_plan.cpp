#include "dense_plan.h"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/half.h"

namespace tern::cuda {
namespace {

constexpr int kRows = 64, kCols = 512, kActRows = 64;

// Of either sign and of magnitudes from 2^-8 to 2^8, so that sums that are cut off in different places differ.
float random_value(std::mt19937& random) {
  const float fraction = 1 + static_cast<float>(random() >> 9) * 0x1p-23f;
  return std::ldexp(random() & 1 ? fraction : -fraction, static_cast<int>(random() % 16) - 8);
}
uint16_t weight_bits(int type, float x) {
  if (type == TERN_TYPE_F16) return half_from_float(x);
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<uint16_t>(bits >> 16);
}

}  // namespace

void DensePlan::prepare() {
  if (prepared_) return;
  if (context_.info().sm == 90) sm90_ = equal_bits(TERN_TYPE_F16) && equal_bits(TERN_TYPE_BF16);
  prepared_ = true;
}

bool DensePlan::equal_bits(int type) {
  const char* const purpose = "comparing the dense kernels";
  std::mt19937 random(1);
  std::vector<uint16_t> w(size_t{kRows} * kCols);
  for (uint16_t& x : w) x = weight_bits(type, random_value(random));
  std::vector<float> x(size_t{kActRows} * kCols);
  for (float& value : x) value = random_value(random);
  const Buffer weights = context_.allocate(static_cast<int64_t>(w.size() * 2), purpose),
               acts = context_.allocate(static_cast<int64_t>(x.size() * 4), purpose),
               scratch = context_.allocate(dense_halves_scratch_bytes(kCols, kActRows), purpose),
               out = context_.allocate(int64_t{kRows} * kActRows * 4, purpose);
  context_.upload(weights.as<void>(), w.data(), weights.size());
  context_.upload(acts.as<void>(), x.data(), acts.size());
  const DenseProduct product = {{weights.as<void>(), nullptr, type, kRows, kCols, kCols}, out.as<float>(), false};
  const auto run = [&](DenseHalves kernel) {
    std::vector<float> result(size_t{kRows} * kActRows);
    guarded(context_, [&] {
      launch_dense_halves(kernel, &product, 1, acts.as<float>(), kActRows, scratch.as<void>(), context_.info(), context_.stream());
    });
    context_.download(result.data(), out.as<void>(), out.size());
    return result;
  };
  const std::vector<float> rows = run(DenseHalves::rows), sm90 = run(DenseHalves::sm90);
  return !std::memcmp(rows.data(), sm90.data(), rows.size() * sizeof(float));
}

std::string DensePlan::json() const {
  if (!prepared_) return "null";
  return sm90_ ? "\"mma, wgmma for many rows\"" : context_.info().sm == 90 ? "\"mma: wgmma has other bits here\"" : "\"mma\"";
}

}  // namespace tern::cuda
