// Shared by the tests of the emulator.
#pragma once

#include <string>
#include <vector>

#include "cuda/gpu_test.h"
#include "device.cuh"

#ifdef TERN_SIMT

namespace tern::cuda {

// The faults so far, so that the listener does not count them as failures; and a new context.
inline std::vector<std::string> expected_faults() {
  EXPECT_NE(cudaDeviceSynchronize(), cudaSuccess);
  test::reset_device();
  return simt::take_faults();
}

struct Simt : testing::Test {
  void SetUp() override { simt::print_faults(false); }
  void TearDown() override {
    simt::print_faults(true);
    simt::set_seed(0);
  }
};

}  // namespace tern::cuda

#endif
