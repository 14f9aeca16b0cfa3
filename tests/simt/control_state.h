// Shared by the emulator's own files.
#pragma once

#include "simt/block.h"
#include "simt/control.h"

namespace simt {

void report_fault(const Grid& grid, uint3 block, const Thread* thread, const char* text);
// Runs all blocks of a grid. cudaSuccess, or the error of the first fault.
cudaError_t run_grid(const Grid& grid);
void count_launch(uint64_t blocks, uint64_t steps);
void count_graph_launch();

}  // namespace simt
