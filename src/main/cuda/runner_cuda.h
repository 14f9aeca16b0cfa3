// Runs an engine's steps on the GPU: the batch goes over in one copy, decode steps are CUDA graphs, results come back in one copy.
//
// A decode step (every sequence one row) is padded to a bucket of rows and work; for each bucket the ops are captured once and
// replayed ever after, reading positions, slots and work lists from where the copy put them. Padding rows write to no slot and see
// nothing. Steps with prompts launch their ops directly.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "context.h"
#include "core/backend.h"
#include "graph.h"
#include "plan/attention_plan.h"

namespace tern::cuda {

// Where a step's work lists are on the device, and how many blocks to launch for them.
struct DevicePlan {
  const AttentionCounts* counts;
  const PrefillWork* prefill;
  const DecodeWork* decode;
  const CombineWork* combine;
  int max_prefill;
  int max_decode;
  int max_combine;
};

class CudaRunner final : public StepRunner {
 public:
  CudaRunner(Context& context, const HeadShape& shape, const StepLimits& limits);

  static int64_t bytes(const HeadShape& shape, const StepLimits& limits);
  int64_t bytes() const override { return device_.size() + staging_.size(); }
  void run(const tern_batch& batch, const std::function<void(const Step&)>& body) override;
  void show(const tern_batch& batch, const std::function<void(const Step&)>& body) override;

 private:
  struct Layout;
  using Body = std::function<void(const Step&)>;
  using Key = std::tuple<int, int, int, int>;  // rows, outputs, rotations, decode work

  Layout stage(const tern_batch& batch, AttentionCounts* counts);
  // Brings a step to the device and hands it on, with what it was counted to be.
  void bring(const tern_batch& batch, const std::function<void(const Layout&, const AttentionCounts&, const Step&)>& then);
  void launch(const Layout& layout, const AttentionCounts& counts, const Step& step, const Body& body);

  Context& context_;
  StepLimits limits_;
  AttentionCapacity capacity_;
  int prefill_rows_;
  Buffer device_;   // what stage laid out, then the results
  Buffer staging_;  // the same in page-locked host memory
  std::vector<PrefillWork> prefill_;
  std::vector<DecodeWork> decode_;
  std::vector<CombineWork> combine_;
  std::map<Key, Graph> graphs_;
};

}  // namespace tern::cuda
