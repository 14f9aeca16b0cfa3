// An attention problem on the device: built from a case, run by a launcher, compared with the fp64 oracle.
#pragma once

#include "attention.h"
#include "cases/attention_cases.h"
#include "cuda/gpu_test.h"
#include "oracle/attention_cuda_oracle.h"

namespace tern::cuda {

class AttentionOnDevice {
 public:
  // max_splits: room for so many, 0 for what attention_capacity says.
  explicit AttentionOnDevice(const cases::AttentionData& d, int max_splits = 0)
      : data_(d),
        k_(d.k), v_(d.v), k_scale_(d.k_scale), v_scale_(d.v_scale), q_(d.q),
        sink_end_(d.sink_end), lo_(d.lo), hi_(d.hi),
        segment_slot_(d.segment_slot), segment_len_(d.segment_len), segment_rotation_(d.segment_rotation),
        segment_index_(d.segment_index),
        out_(size_t(d.n_rows) * d.shape.n_heads * d.shape.head_dim) {
    const cases::AttentionCase& c = d.shape;
    rows_ = attention_prefill_rows(c.n_heads, c.n_kv_heads);
    capacity_ = attention_capacity(d.n_rows, int(c.seqs.size()), std::max(1, d.n_segments), int64_t(d.n_pages) * TERN_PAGE_LEN, rows_);
    if (max_splits) capacity_.n_decode = max_splits;
    plan(d.batch());
    args_ = {};
    args_.kv = {k_.data(), v_.data(), d.k_scale.empty() ? nullptr : k_scale_.data(), d.v_scale.empty() ? nullptr : v_scale_.data(),
                c.kv_type, d.n_pages, c.n_kv_heads, c.head_dim};
    args_.q = q_.data(), args_.n_rows = d.n_rows, args_.n_heads = c.n_heads;
    args_.scale = static_cast<float>(1 / std::sqrt(double(c.head_dim)));
    args_.sink_end = sink_end_.data(), args_.lo = lo_.data(), args_.hi = hi_.data();
    args_.segment_slot = segment_slot_.data(), args_.segment_len = segment_len_.data();
    args_.segment_index = segment_index_.data(), args_.segment_rotation = segment_rotation_.data();
    args_.prefill = prefill_->data(), args_.decode = decode_->data(), args_.combine = combine_->data();
    args_.counts = counts_->data(), args_.partial = partial_->data(), args_.out = out_.data();
  }

  // Launches with more blocks than there is work, as a padded step does. portable: with the kernels of any GPU, whichever it is.
  std::vector<float> run(bool portable = false) {
    DeviceInfo device = device_info();
    if (portable) device.sm = 80;
    out_.fill_nan();
    if (n_.n_prefill) launch_attention_prefill(args_, n_.n_prefill + 1, device, stream());
    if (n_.n_combine) launch_attention_decode(args_, n_.n_decode + 3, n_.n_combine + 2, device, stream());
    synchronize();
    return out_.download();
  }
  const AttentionCounts& counts() const { return n_; }

 private:
  void plan(const AttentionBatch& batch) {
    std::vector<PrefillWork> prefill(size_t(capacity_.n_prefill) + 1);
    std::vector<DecodeWork> decode(size_t(capacity_.n_decode) + 1);
    std::vector<CombineWork> combine(size_t(capacity_.n_combine) + 1);
    n_ = attention_plan(batch, rows_, capacity_, prefill.data(), decode.data(), combine.data());
    prefill_ = std::make_unique<DeviceArray<PrefillWork>>(prefill);
    decode_ = std::make_unique<DeviceArray<DecodeWork>>(decode);
    combine_ = std::make_unique<DeviceArray<CombineWork>>(combine);
    counts_ = std::make_unique<DeviceArray<AttentionCounts>>(std::vector<AttentionCounts>{n_});
    partial_ = std::make_unique<DeviceArray<float>>(size_t(std::max(1, n_.n_decode)) * data_.shape.n_heads * (data_.shape.head_dim + 2));
  }

  const cases::AttentionData& data_;
  int rows_;
  AttentionCapacity capacity_;
  AttentionCounts n_;
  DeviceArray<uint8_t> k_, v_;
  DeviceArray<float> k_scale_, v_scale_;
  DeviceArray<uint16_t> q_;
  DeviceArray<int64_t> sink_end_, lo_, hi_;
  DeviceArray<int32_t> segment_slot_, segment_len_, segment_rotation_;
  DeviceArray<int64_t> segment_index_;
  std::unique_ptr<DeviceArray<PrefillWork>> prefill_;
  std::unique_ptr<DeviceArray<DecodeWork>> decode_;
  std::unique_ptr<DeviceArray<CombineWork>> combine_;
  std::unique_ptr<DeviceArray<AttentionCounts>> counts_;
  std::unique_ptr<DeviceArray<float>> partial_;
  DeviceArray<float> out_;
  AttentionArgs args_;
};

// Whether the device has prefill kernels of its own beside the portable ones.
inline bool has_own_prefill() { return device_info().sm == 90; }

// Expects every sequence within its bound, and records the case.
inline void expect_attention(const std::string& op, const cases::AttentionData& d, const std::vector<float>& out) {
  oracle::AttentionErrors worst;
  double share = -1;
  bool passed = true;
  for (size_t s = 0; s < d.shape.seqs.size(); s++) {
    const size_t first = size_t(d.seq_row_begin[s]) * d.shape.n_heads * d.shape.head_dim;
    const oracle::AttentionErrors e = oracle::attention_cuda_errors(d.problem(int(s)), d.shape.kv_type, out.data() + first);
    EXPECT_EQ(e.mismatch, "") << op << ", " << d.shape.name << ", sequence " << s << ", seed " << d.shape.seed;
    passed = passed && e.mismatch.empty();
    if (e.bound > 0 && e.error / e.bound > share) share = e.error / e.bound, worst = e;
  }
  Recorder::record(op, d.shape.name, worst.error, worst.bound, passed);
}

}  // namespace tern::cuda
