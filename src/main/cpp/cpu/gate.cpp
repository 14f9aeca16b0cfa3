// out = silu(gate) up (Shazeer 2020, SwiGLU) or relu(gate)^2 up (So et al. 2021), in runs spread over the pool.
#include "cpu/gate.h"

#include "cpu/gate_run.h"

namespace tern::cpu {
namespace {

constexpr int64_t kInlineElements = 32768;  // some 10 us of one thread: below that waking another gains nothing
constexpr int64_t kTaskElements = 8192;

}  // namespace

void gate(Pool& pool, Isa isa, int kind, const float* gate, const float* up, int64_t n, float* out) {
  const GateKernels& kernels = isa == Isa::avx512 ? kGateAvx512 : isa == Isa::avx2 ? kGateAvx2 : kGatePortable;
  const auto run = kernels.run[kind];
  if (n <= kInlineElements) {
    run(gate, up, n, out);
    return;
  }
  pool.run(static_cast<int>((n + kTaskElements - 1) / kTaskElements), [&](int task, int) {
    const int64_t begin = task * kTaskElements;
    run(gate + begin, up + begin, n - begin < kTaskElements ? n - begin : kTaskElements, out + begin);
  });
}

}  // namespace tern::cpu
