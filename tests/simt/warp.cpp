// Votes and reductions over the lanes of a warp.
#include "simt/warp.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace simt {
namespace {

template <class T, class F>
void reduce_lanes(void* const* args, uint32_t lanes, T start, F f) {
  T all = start;
  for (uint32_t rest = lanes; rest; rest &= rest - 1) all = f(all, *static_cast<T*>(args[__builtin_ctz(rest)]));
  for (uint32_t rest = lanes; rest; rest &= rest - 1) *static_cast<T*>(args[__builtin_ctz(rest)]) = all;
}

}  // namespace

void meet_lanes(void* const*, uint32_t) {}

void ballot_lanes(void* const* args, uint32_t lanes) {
  unsigned votes = 0;
  for (uint32_t rest = lanes; rest; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    votes |= *static_cast<unsigned*>(args[lane]) << lane;
  }
  for (uint32_t rest = lanes; rest; rest &= rest - 1) *static_cast<unsigned*>(args[__builtin_ctz(rest)]) = votes;
}

void match_any_lanes(void* const* args, uint32_t lanes) {
  uint64_t value[kWarpLanes] = {};
  for (uint32_t rest = lanes; rest; rest &= rest - 1) value[__builtin_ctz(rest)] = *static_cast<uint64_t*>(args[__builtin_ctz(rest)]);
  for (uint32_t rest = lanes; rest; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    uint64_t same = 0;
    for (int i = 0; i < kWarpLanes; i++)
      if ((lanes >> i & 1) && value[i] == value[lane]) same |= 1u << i;
    *static_cast<uint64_t*>(args[lane]) = same;
  }
}

void add_lanes(void* const* args, uint32_t lanes) {
  reduce_lanes<unsigned>(args, lanes, 0, [](unsigned a, unsigned b) { return a + b; });
}
void max_lanes(void* const* args, uint32_t lanes) {
  reduce_lanes<unsigned>(args, lanes, 0, [](unsigned a, unsigned b) { return std::max(a, b); });
}
void min_lanes(void* const* args, uint32_t lanes) {
  reduce_lanes<unsigned>(args, lanes, ~0u, [](unsigned a, unsigned b) { return std::min(a, b); });
}
void max_signed_lanes(void* const* args, uint32_t lanes) {
  reduce_lanes<int>(args, lanes, std::numeric_limits<int>::min(), [](int a, int b) { return std::max(a, b); });
}
void min_signed_lanes(void* const* args, uint32_t lanes) {
  reduce_lanes<int>(args, lanes, std::numeric_limits<int>::max(), [](int a, int b) { return std::min(a, b); });
}

}  // namespace simt

long long clock64() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
