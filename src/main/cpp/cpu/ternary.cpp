// TernaryWeight for every kernel: tiles in one buffer, tasks, and the float epilogue float(sum) * (a.scale * row_scale).
#include "cpu/ternary.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/checked.h"
#include "cpu/prefetch_write.h"
#include "cpu/task_cut.h"
#include "cpu/ternary_kernel.h"
#include "plan/stream_plan.h"
#include "plan/ternary_plan.h"

namespace tern::cpu {
namespace {

// A task should last well over the microsecond that handing it out may cost, and be short against a step.
constexpr int64_t kDecodeTaskBytes = 48 << 10;  // one activation row: packed bytes, some us of DRAM, or the tiles that are read at once
constexpr int64_t kTaskBytes = 96 << 10;       // as many as a kernel takes at once: packed bytes
constexpr int64_t kTaskProducts = 6 << 20;     // several: weights times activation rows, about 30 us

bool here(const TernaryKernel& kernel) {
  if (isa() < kernel.isa) return false;
#if defined(__x86_64__)
  if (&kernel == &kTernaryVnniAvx512 || &kernel == &kTernaryVnni3Avx512) return __builtin_cpu_supports("avx512vnni");
  if (&kernel == &kTernaryVbmi3Avx512) return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi");
  if (&kernel == &kTernaryAmx || &kernel == &kTernaryAmx3) return amx();
#endif
  return true;
}

const TernaryKernel* const kKernels[] = {&kTernaryScalar,
#if defined(__x86_64__)
                                         &kTernaryMaddAvx2, &kTernaryLookupAvx2, &kTernaryMaddAvx512, &kTernaryMadd3Avx512,
                                         &kTernaryVnniAvx512, &kTernaryVnni3Avx512, &kTernaryVbmi3Avx512, &kTernaryLookupAvx512, &kTernaryAmx,
                                         &kTernaryAmx3
#endif
};

class PackedWeight final : public TernaryWeight {
 public:
  PackedWeight(const TernaryKernel& kernel, int n_rows, int n_cols, Pool* pool)
      : kernel_(kernel),
        n_rows_(n_rows),
        n_cols_(n_cols),
        n_tiles_(parts_needed(n_rows, kernel.tile_rows)),
        tile_bytes_(kernel.tile_bytes(n_cols)),
        n_streams_(stream_plan(kernel.decode_tiles, checked_mul(n_tiles_, tile_bytes_))),
        packed_(n_tiles_ * tile_bytes_, "ternary weights", pool),
        scales_(int64_t(n_rows) * 4, "ternary scales") {}

  void append_row(const int8_t* trits, float scale) override {
    if (complete()) fail(TERN_ERR_INVALID_ARGUMENT, "a row too many: the weight has %d", n_rows_);
    if (!std::isfinite(scale)) fail(TERN_ERR_NOT_TERNARY, "the scale of row %d is not finite", n_appended_);
    std::vector<uint8_t> codes(codes_stride(), 1);
    uint8_t worst = 0;
    for (int i = 0; i < n_cols_; i++) {
      codes[size_t(i)] = uint8_t(trits[i] + 1);
      worst = std::max(worst, codes[size_t(i)]);
    }
    if (worst > 2) fail(TERN_ERR_NOT_TERNARY, "row %d holds a value other than -1, 0, 1", n_appended_);
    pack(n_appended_++, codes.data(), scale);
  }

  // Rows of a tile share its bytes, so that a tile is one task.
  int append_rows(Pool& pool, int n, const Row& row) override {
    if (n > n_rows_ - n_appended_) fail(TERN_ERR_INVALID_ARGUMENT, "%d rows after %d of %d", n, n_appended_, n_rows_);
    const int first = n_appended_, end = first + n, tile_rows = kernel_.tile_rows;
    const int first_tile = first / tile_rows, n_tasks = n == 0 ? 0 : (end - 1) / tile_rows - first_tile + 1;
    std::vector<uint8_t> codes(codes_stride() * size_t(pool.n_threads()), 1);
    std::atomic<int> bad{end};
    pool.run(n_tasks, [&](int task, int thread) {
      const int begin = std::max(first, (first_tile + task) * tile_rows);
      uint8_t* const to = codes.data() + codes_stride() * size_t(thread);
      for (int r = begin; r < std::min(end, (first_tile + task + 1) * tile_rows) && r < bad.load(); r++) {
        float scale = 0;
        if (row(r - first, to, &scale)) {
          pack(r, to, scale);
          continue;
        }
        int least = bad.load();
        while (r < least && !bad.compare_exchange_weak(least, r)) {
        }
      }
    });
    n_appended_ = end;
    return bad.load() < end ? bad.load() : -1;
  }

  bool complete() const override { return n_appended_ == n_rows_; }
  const char* kernel() const override { return kernel_.name; }
  int n_rows() const override { return n_rows_; }
  int n_cols() const override { return n_cols_; }
  int64_t bytes() const override { return packed_.size() + scales_.size(); }
  const uint8_t* task_begin(int task) const override {
    return packed_.as<uint8_t>() + part_of_groups(n_tiles_, kernel_.decode_tiles, n_tasks(1), task).begin * tile_bytes_;
  }

  int n_tasks(int n_act_rows) const override {
    const Cut cut = cut_of(n_act_rows);
    return cut.n_row_parts * cut.n_act_parts;
  }

  int64_t scratch_bytes(int n_act_rows) const override { return kernel_.scratch_bytes(n_cols_, n_act_rows); }

  void prepare(Pool& pool, QuantRows a, int n_act_rows, void* scratch) const override {
    const int n_parts = kernel_.prepare_parts(n_cols_, n_act_rows);
    const TernaryActs acts{a, 0, n_act_rows, n_act_rows, nullptr};
    // A part is a few microseconds: below four of them no other thread is woken.
    if (n_parts < 4) {
      for (int i = 0; i < n_parts; i++) kernel_.prepare(acts, n_cols_, i, scratch);
    } else {
      pool.run(n_parts, [&](int i, int) { kernel_.prepare(acts, n_cols_, i, scratch); });
    }
  }

  void run_task(int task, QuantRows a, int n_act_rows, const void* scratch, float* out, int out_stride,
                bool accumulate) const override {
    const float* scales = scales_.as<float>();
    run(task, a, n_act_rows, scratch, out, out_stride, [&](int r, int row, int n, const int32_t* sums, float* to) {
      const float act_scale = a.scale[r];
      const float* row_scale = scales + row;
      if (accumulate)
        for (int i = 0; i < n; i++) to[i] += float(sums[i]) * (act_scale * row_scale[i]);
      else
        for (int i = 0; i < n; i++) to[i] = float(sums[i]) * (act_scale * row_scale[i]);
    });
  }

  void run_task_int32(int task, QuantRows a, int n_act_rows, const void* scratch, int32_t* out) const override {
    run(task, a, n_act_rows, scratch, out, n_rows_, [&](int, int, int n, const int32_t* sums, int32_t* to) { std::memcpy(to, sums, size_t(n) * 4); });
  }

 private:
  size_t codes_stride() const { return (size_t(n_cols_) + 64 + 63) / 64 * 64; }  // what pack_row reads, in lines of a thread's own

  void pack(int row, const uint8_t* codes, float scale) {
    kernel_.pack_row(codes, n_cols_, row % kernel_.tile_rows, packed_.as<uint8_t>() + row / kernel_.tile_rows * tile_bytes_);
    scales_.as<float>()[row] = scale;
  }

  struct Cut {
    int n_row_parts, n_act_parts;
  };

  // One activation row: ranges of tiles. Several: tiles are cut no finer than a chunk, within which a kernel shares what it
  // makes, and activation rows at multiples of the kernel's tile.
  Cut cut_of(int n_act_rows) const {
    const int64_t products = int64_t(n_rows_) * n_cols_ * n_act_rows;
    if (n_act_rows <= kernel_.act_tile) {
      const int together = n_act_rows == 1 ? kernel_.decode_tiles : 1;
      const int most = parts_needed(n_tiles_, together);
      return {std::max(parts_of(packed_.size(), n_act_rows == 1 ? kDecodeTaskBytes : kTaskBytes, most), parts_of(products, kTaskProducts, most)), 1};
    }
    const int n_row_parts = parts_of(products, kTaskProducts, (n_tiles_ + kernel_.chunk_tiles - 1) / kernel_.chunk_tiles);
    const int n_act_tiles = (n_act_rows + kernel_.act_tile - 1) / kernel_.act_tile;
    return {n_row_parts, parts_of(products / n_row_parts, kTaskProducts, n_act_tiles)};
  }

  // Calls write(activation row, first row, number of rows, sums, where in out they go) for every piece of the task. What write needs is asked
  // for before the sums are made.
  template <class T, class Write>
  void run(int task, const QuantRows& a, int n_act_rows, const void* scratch, T* out, int out_stride, const Write& write) const {
    const Cut cut = cut_of(n_act_rows);
    const int together = n_act_rows == 1 ? kernel_.decode_tiles : 1;
    const Range tiles = part_of_groups(n_tiles_, together, cut.n_row_parts, task % cut.n_row_parts);
    const int n_act_tiles = (n_act_rows + kernel_.act_tile - 1) / kernel_.act_tile;
    const Range acts = part(n_act_tiles, cut.n_act_parts, task / cut.n_row_parts);
    alignas(64) int32_t sums[kMaxSums];
    const int chunk = tiles_of_call(kernel_, n_act_rows, n_streams_);
    for (int tile = tiles.begin; tile < tiles.end; tile += chunk) {
      const int n_tiles = std::min(chunk, tiles.end - tile), stride = n_tiles * kernel_.tile_rows;
      const int row = tile * kernel_.tile_rows, n = std::min(stride, n_rows_ - row);
      for (int i = 0; i < n; i += 16) __builtin_prefetch(scales_.as<float>() + row + i);
      for (int t = acts.begin; t < acts.end; t++) {
        const int first = t * kernel_.act_tile, n_acts = std::min(kernel_.act_tile, n_act_rows - first);
        const auto place = [&](int i) { return out + int64_t(first + i) * out_stride + row; };
        for (int i = 0; i < n_acts; i++) prefetch_write(place(i), n * int64_t{sizeof(T)});
        kernel_.sums(packed_.as<uint8_t>() + tile * tile_bytes_, n_tiles, n_cols_,
                     TernaryActs{a, first, n_acts, n_act_rows, scratch}, sums);
        for (int i = 0; i < n_acts; i++) write(first + i, row, n, sums + i * stride, place(i));
      }
    }
  }

  const TernaryKernel& kernel_;
  const int n_rows_, n_cols_, n_tiles_;
  const int64_t tile_bytes_;
  const int n_streams_;
  Buffer packed_, scales_;
  int n_appended_ = 0;
};

}  // namespace

std::vector<std::string> ternary_kernels() {
  std::vector<std::string> names;
  for (const TernaryKernel* kernel : kKernels)
    if (here(*kernel)) names.push_back(kernel->name);
  return names;
}

const TernaryKernel& ternary_kernel(const char* name) {
  std::string names;
  for (const TernaryKernel* kernel : kKernels) {
    if (!here(*kernel)) continue;
    if (!std::strcmp(kernel->name, name)) return *kernel;
    names += (names.empty() ? "" : ", ") + std::string(kernel->name);
  }
  fail(TERN_ERR_INVALID_ARGUMENT, "no ternary kernel \"%s\" here; there are: %s", name, names.c_str());
}

std::unique_ptr<TernaryWeight> TernaryWeight::create(const std::string& kernel, int n_rows, int n_cols, Pool* pool) {
  TERN_CHECK_ARG(n_rows >= 1, "a ternary weight has %d rows; at least 1 is needed", n_rows);
  TERN_CHECK_ARG(n_cols >= 1 && n_cols <= kMaxTernaryCols, "a ternary weight has %d columns; 1 to %d can be summed in int32",
                 n_cols, kMaxTernaryCols);
  Pool alone(1);
  const std::string name = kernel.empty() ? ternary_plan(n_rows, n_cols, pool ? *pool : alone) : kernel;
  return create(ternary_kernel(name.c_str()), n_rows, n_cols, pool);
}

std::unique_ptr<TernaryWeight> TernaryWeight::create(const TernaryKernel& kernel, int n_rows, int n_cols, Pool* pool) {
  return std::unique_ptr<TernaryWeight>(new PackedWeight(kernel, n_rows, n_cols, pool));
}

}  // namespace tern::cpu
