// launch(): what stands for <<<>>>.
#pragma once

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "block.h"

struct CUstream_st;

namespace simt {

// Checks the configuration and puts the grid on the stream. It runs when the host waits for it.
cudaError_t enqueue(Grid grid, CUstream_st* stream);

// The arguments are copied now, as a launch does.
template <class... P, class... A>
cudaError_t launch(const char* name, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, CUstream_st* stream, A&&... args) {
  struct Call {
    void (*kernel)(P...);
    std::tuple<std::decay_t<P>...> args;
  };
  Grid g;
  g.name = name;
  g.grid = grid;
  g.block = block;
  g.shared = shared;
  g.call = std::make_shared<Call>(Call{kernel, std::tuple<std::decay_t<P>...>(static_cast<P>(args)...)});
  g.body = [](const void* call) {
    const Call& c = *static_cast<const Call*>(call);
    std::apply(c.kernel, c.args);
  };
  return enqueue(std::move(g), stream);
}

}  // namespace simt
