// How many streams a thread reads packed weights as, in decode from memory: some cores read more from several places at once, others from one, which
// their own prefetching follows best (docs/ternary.md, "From memory").
#pragma once

#include <cstdint>
#include <string>

namespace tern::cpu {

constexpr int64_t kStreamedBytes = 256 << 10;  // a weight of more packed bytes is taken to come from memory in decode

// Tiles read at once of a weight of n_bytes by a kernel that can read n_tiles: as many, but 1 of a weight that no cache holds where one core reads plainly as one
// stream as fast as in kStreams places, or nearly so. That stands for the kernels, and is measured once per process, when it is first asked for (some
// 50 ms; if there is no memory for it, later), or TERN_STREAMS=1 or 4. Throws Error(INVALID_ARGUMENT) for another TERN_STREAMS.
int stream_plan(int n_tiles, int64_t n_bytes);

// Whether the last answer for a weight that no cache holds was 1; false before. Measures nothing, takes no lock: for a step.
bool reads_one_stream();

// What was measured and chosen, as a JSON object; "{}" if nothing was.
std::string stream_plan_json();

}  // namespace tern::cpu
