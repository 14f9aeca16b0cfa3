// Where the time of steps goes: a timer around each op, between model/forward.cpp and a backend whose ops return when they are done.
// A part's time is that of the calling thread, waiting for the others included: with what lies between the ops, all add up to the step.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <unordered_map>

#include "model/model.h"

namespace tern {

class StepProfile final : public StepOps {
 public:
  StepProfile(const Model& model, const HeadShape& shape);

  static const char* name(int op);  // null: no such op
  const tern_profile& of(int op) const { return sums_[static_cast<size_t>(op)]; }

  // Adds the time of its life, and the bytes, to an op. profile null: does nothing.
  class Timer {
   public:
    Timer(StepProfile* profile, int op, int64_t bytes);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

   private:
    tern_profile* sum_;
    std::chrono::steady_clock::time_point begin_;
  };

  void embed(const Weight& table, const int32_t* ids, int n, float* out) override;
  Activations activations(const ActivationsSource& source, int n_rows, int dim, bool f32, bool int8,
                          const ActivationsBuffer& buffer) override;
  void matmul(const Projection* projections, int n, const Activations& a, int n_rows, Span scratch) override;
  void expect(std::initializer_list<const Weight*> weights, int n_rows) override { ops_.expect(weights, n_rows); }
  void rope_table(const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin) override;
  void rope_append(const KvLayerSpan& kv, const HeadShape& shape, const RopeAppend& args) override;
  void attention(const KvLayerSpan& kv, const HeadShape& shape, const Step& step, const void* q, float* out,
                 Span scratch) override;
  void gather(const float* x, const int32_t* rows, int n, int dim, float* out) override;
  void sample(const float* logits, int vocab_size, const tern_batch& batch, Span scratch) override;

 private:
  StepOps& ops_;
  int64_t slot_bytes_;  // of one key and its value in one layer
  std::unordered_map<const Weight*, int> op_of_;  // which product a weight belongs to
  std::array<tern_profile, TERN_PROFILE_COUNT> sums_ = {};
};

}  // namespace tern
