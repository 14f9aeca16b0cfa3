// For programs that load the emulated backend as a shared library: the emulator's controls by C names, found with dlsym.
#include <cuda_runtime.h>

#include "simt/control.h"

#pragma GCC visibility push(default)
extern "C" {
void tern_simt_fail_next(int error, const char* name, int after_n) {
  simt::fail_next(static_cast<cudaError_t>(error), name, after_n);
}
void tern_simt_set_memory(size_t n_bytes) { simt::set_memory(n_bytes); }
size_t tern_simt_live_allocations() { return simt::live_allocations(); }
size_t tern_simt_live_handles() { return simt::live_handles(); }
uint64_t tern_simt_graph_launches() { return simt::counters().graph_launches; }
uint64_t tern_simt_calls(const char* name) { return simt::calls(name); }
void tern_simt_reset() {
  simt::clear_failures();
  cudaDeviceReset();
}
}
#pragma GCC visibility pop
