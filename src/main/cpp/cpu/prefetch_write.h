// Asks for lines that are about to be written, each in the state that a write needs: other cores hold many of a step's activations, and a store
// that waits for its line holds up those behind it. __builtin_prefetch(p, 1) for a baseline processor is a plain prefetch, which asks for a copy to
// read. Processors that do not know PREFETCHW take it for nothing.
#pragma once

#include <cstdint>

namespace tern::cpu {

inline void prefetch_write(const void* data, int64_t n_bytes) {
  const char* const begin = static_cast<const char*>(data);
  for (const char* line = begin - reinterpret_cast<uintptr_t>(begin) % 64; line < begin + n_bytes; line += 64) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(*line));
#else
    __builtin_prefetch(line, 1);
#endif
  }
}

}  // namespace tern::cpu
