// What tests can ask of the emulator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "error.h"

namespace simt {

// The order in which threads, warps and blocks run; first the environment variable SIMT_SEED, else 0. See block.cpp.
void set_seed(unsigned seed);
unsigned seed();
// OS threads that run blocks; first SIMT_THREADS, else one per CPU.
void set_workers(int n);

// The device: its compute capability (80, 86, 89, 90, 100, 120; first SIMT_SM, else 90) and memory (first 8 GiB).
void set_sm(int sm);
int sm();
void set_memory(size_t n_bytes);

// Memory on the device and pinned memory that is allocated now.
size_t live_bytes();
size_t live_pinned_bytes();
size_t live_allocations();
// Streams, events, graphs and executable graphs not yet destroyed.
size_t live_handles();

// The call of this name (of the runtime, or a kernel as named to launch()) fails with error, after so many that do not. Errors that
// end a context stay until cudaDeviceReset; from a kernel they come when it runs.
void fail_next(cudaError_t error, const char* name, int after_n = 0);
void clear_failures();  // those that have not happened yet

// Texts of the faults of kernels since the last call: deadlocks, accesses outside shared memory, misaligned ones...
std::vector<std::string> take_faults();
// Whether they are printed as well; true at first.
void print_faults(bool on);

// Since the start of the process.
struct Counters {
  uint64_t launches = 0;  // kernels that ran, those of graphs too
  uint64_t blocks = 0;
  uint64_t steps = 0;     // times a thread was run up to where it waits
  uint64_t graph_launches = 0;
};
Counters counters();
// Calls of the runtime of this name since then, "" for all. Launches count as cudaLaunchKernel; a copy from or to host memory that is not
// page-locked counts as "pageable copy" besides.
uint64_t calls(const std::string& name);

}  // namespace simt
