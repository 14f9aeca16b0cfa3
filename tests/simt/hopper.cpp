// mbarrier, TMA and wgmma, after the PTX ISA; the driver's maker of tensor maps.
#include "simt/hopper.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>
#include <type_traits>

#include "products.h"
#include "runtime.h"
#include "simt/half_bits.h"

namespace simt {
namespace {

// ---- mbarrier
struct Barrier64 {
  uint16_t n_arrivals;
  uint16_t pending;
  int32_t bytes : 31;  // still to come
  int32_t phase : 1;
};
static_assert(sizeof(Barrier64) == 8, "an mbarrier has 8 bytes");
constexpr uint16_t kMostArrivals = 4096;  // shared memory holds 0xff before barrier_init

Barrier64& barrier_at(uint64_t* p, bool initialised = true) {
  auto& b = *reinterpret_cast<Barrier64*>(check_shared(p, 8, 8, "an mbarrier"));
  if (initialised && (b.n_arrivals == 0 || b.n_arrivals > kMostArrivals))
    fault(cudaErrorIllegalInstruction, "an mbarrier was used before barrier_init");
  return b;
}
void end_phase_if_complete(Barrier64& b) {
  block().note_progress();
  if (b.pending || b.bytes) return;
  b.pending = b.n_arrivals;
  b.phase = b.phase ? 0 : -1;
}

// ---- tensor maps: what the driver's function was given
struct Map {
  const unsigned char* base;
  uint64_t size[2];
  uint64_t row_bytes;
  uint32_t box[2];
  uint32_t element_bytes;
  uint32_t magic;
};
static_assert(sizeof(Map) <= sizeof(CUtensorMap), "a tensor map has 128 bytes");
constexpr uint32_t kMagic = 0x7e4c0de5;
constexpr uint32_t kRowBytes = 128;

// 128-byte swizzle: bits 4 to 6 of the address are exclusive-or'ed with bits 7 to 9.
uint32_t swizzle(uint32_t address) { return address ^ (address >> 7 & 7) << 4; }

CUresult encode(CUtensorMap* out, CUtensorMapDataType type, cuuint32_t rank, void* base, const cuuint64_t* size, const cuuint64_t* stride,
                const cuuint32_t* box, const cuuint32_t* step, CUtensorMapInterleave, CUtensorMapSwizzle swizzle_kind,
                CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  const uint32_t bytes = type == CU_TENSOR_MAP_DATA_TYPE_UINT8 ? 1 : 2;
  if (rank != 2 || swizzle_kind != CU_TENSOR_MAP_SWIZZLE_128B || reinterpret_cast<uintptr_t>(base) % 16 || stride[0] % 16 ||
      !size[0] || !size[1] || box[0] * bytes != kRowBytes || !box[1] || box[1] > 256 || step[0] != 1 || step[1] != 1)
    return CUDA_ERROR_INVALID_VALUE;
  const Map map = {static_cast<const unsigned char*>(base), {size[0], size[1]}, stride[0], {box[0], box[1]}, bytes, kMagic};
  *out = {};
  std::memcpy(out, &map, sizeof map);
  return CUDA_SUCCESS;
}

// ---- wgmma: d [64, n] += a [64, 32 bytes] b
// The 32 bytes of each row of a, from the threads' registers.
void gather_a(const Wgmma* io, unsigned char (*a)[32]) {
  for (int thread = 0; thread < 128; thread++) {
    const int row = thread / 32 * 16 + thread % 32 / 4, t = thread % 4;
    std::memcpy(&a[row][4 * t], &io[thread].a[0], 4);
    std::memcpy(&a[row + 8][4 * t], &io[thread].a[1], 4);
    std::memcpy(&a[row][4 * t + 16], &io[thread].a[2], 4);
    std::memcpy(&a[row + 8][4 * t + 16], &io[thread].a[3], 4);
  }
}
// 16 bytes of the matrix: of its row, from byte `byte` on.
const unsigned char* piece_of(uint64_t matrix, uint32_t row, uint32_t byte) {
  const uint32_t begin = static_cast<uint32_t>(matrix & 0x3fff) << 4, group = static_cast<uint32_t>(matrix >> 32 & 0x3fff) << 4;
  if (matrix >> 62 != 1) fault(cudaErrorIllegalInstruction, "wgmma: the matrix is not of 128-byte swizzle");
  return check_shared(shared_pointer(swizzle(begin + row / 8 * group + row % 8 * kRowBytes + byte)), 16, 16, "wgmma");
}
template <class T, int n, class Move>
void each_d(const Wgmma* io, T (*d)[n], const Move& move) {
  for (int thread = 0; thread < 128; thread++) {
    T* const registers = static_cast<T*>(io[thread].d);
    const int row = thread / 32 * 16 + thread % 32 / 4, t = thread % 4;
    for (int e = 0; e < n / 2; e++) move(registers[e], d[row + e % 4 / 2 * 8][e / 4 * 8 + 2 * t + e % 2]);
  }
}

void product_s8_n128(const Wgmma* io) {  // [128], of the threads
  unsigned char bytes[64][32];
  int32_t a[64][32], b[32][128], d[64][128];
  gather_a(io, bytes);
  for (int i = 0; i < 64; i++)
    for (int k = 0; k < 32; k++) a[i][k] = static_cast<int8_t>(bytes[i][k]);
  for (uint32_t j = 0; j < 128; j++)
    for (uint32_t k = 0; k < 32; k += 16) {
      const unsigned char* const from = piece_of(io[0].b, j, k);
      for (uint32_t i = 0; i < 16; i++) b[k + i][j] = static_cast<int8_t>(from[i]);
    }
  each_d(io, d, [](int32_t& mine, int32_t& all) { all = mine; });
  multiply_add<int32_t, 64, 32, 128>(d, a, b);
  each_d(io, d, [](int32_t& mine, int32_t& all) { mine = all; });
}

void product_16_bits_n64(const Wgmma* io, float (*widen)(uint16_t)) {
  unsigned char bytes[64][32];
  uint16_t halves[16];
  float a[64][16], b[16][64], d[64][64];
  gather_a(io, bytes);
  for (int i = 0; i < 64; i++) {
    std::memcpy(halves, bytes[i], 32);
    for (int k = 0; k < 16; k++) a[i][k] = widen(halves[k]);
  }
  if (io[0].transposed) {  // rows of the matrix are rows of b
    for (uint32_t k = 0; k < 16; k++)
      for (uint32_t j = 0; j < 64; j += 8) {
        std::memcpy(halves, piece_of(io[0].b, k, 2 * j), 16);
        for (uint32_t i = 0; i < 8; i++) b[k][j + i] = widen(halves[i]);
      }
  } else {
    for (uint32_t j = 0; j < 64; j++)
      for (uint32_t k = 0; k < 16; k += 8) {
        std::memcpy(halves, piece_of(io[0].b, j, 2 * k), 16);
        for (uint32_t i = 0; i < 8; i++) b[k + i][j] = widen(halves[i]);
      }
  }
  each_d(io, d, [&](float& mine, float& all) { all = io[0].add ? mine : 0; });
  multiply_add<float, 64, 16, 64>(d, a, b);
  each_d(io, d, [](float& mine, float& all) { mine = all; });
}

// Rows of the matrix, 16 elements each.
void widen_rows(uint64_t matrix, uint32_t n, float (*widen)(uint16_t), float (*rows)[16]) {
  uint16_t halves[8];
  for (uint32_t row = 0; row < n; row++)
    for (uint32_t k = 0; k < 16; k += 8) {
      std::memcpy(halves, piece_of(matrix, row, 2 * k), 16);
      for (uint32_t i = 0; i < 8; i++) rows[row][k + i] = widen(halves[i]);
    }
}
template <int n>
void product_shared(const Wgmma* io, float (*widen)(uint16_t)) {
  float a[64][16], columns[n][16], b[16][n], d[64][n];
  widen_rows(io[0].a_matrix, 64, widen, a);
  widen_rows(io[0].b, n, widen, columns);
  for (int j = 0; j < n; j++)
    for (int k = 0; k < 16; k++) b[k][j] = columns[j][k];
  each_d(io, d, [&](float& mine, float& all) { all = io[0].add ? mine : 0; });
  multiply_add<float, 64, 16, n>(d, a, b);
  each_d(io, d, [](float& mine, float& all) { mine = all; });
}

void issue(void* const* args, void (*product)(const Wgmma*)) {
  Warpgroup& group = block().warpgroup();
  if (!group.fenced) fault(cudaErrorIllegalInstruction, "wgmma: without a wgmma_fence after the last wait");
  std::vector<Wgmma> io;
  for (int i = 0; i < 128; i++) {
    io.push_back(*static_cast<Wgmma*>(args[i]));
    if (io.back().b != io[0].b || io.back().a_matrix != io[0].a_matrix || io.back().add != io[0].add)
      fault(cudaErrorIllegalInstruction, "wgmma: threads differ in the matrix");
  }
  group.products.push_back([io, product] { product(io.data()); });
}

}  // namespace

void barrier_init(uint64_t* barrier, uint32_t n_arrivals) {
  if (n_arrivals == 0 || n_arrivals > kMostArrivals) fault(cudaErrorIllegalInstruction, "barrier_init: %u arrivals", n_arrivals);
  const uint16_t n = static_cast<uint16_t>(n_arrivals);
  barrier_at(barrier, false) = {n, n, 0, 0};
}

void barrier_arrive(uint64_t* barrier, uint32_t n_bytes) {
  Barrier64& b = barrier_at(barrier);
  if (b.pending == 0) fault(cudaErrorIllegalInstruction, "an mbarrier had more arrivals than barrier_init said");
  b.bytes += static_cast<int32_t>(n_bytes);
  b.pending--;
  end_phase_if_complete(b);
}

void barrier_wait(uint64_t* barrier, uint32_t parity, const Site& site) {
  while ((barrier_at(barrier).phase != 0) == (parity != 0)) block().spin(site);
}

void tma_load_2d(void* to, const CUtensorMap* pointer, uint64_t* barrier, int x, int y) {
  Map map;
  std::memcpy(&map, pointer, sizeof map);
  if (map.magic != kMagic) fault(cudaErrorIllegalInstruction, "tma_load_2d: this is no tensor map");
  const uint32_t n_bytes = map.box[1] * kRowBytes;
  unsigned char* const begin = check_shared(to, n_bytes, 1024, "tma_load_2d");
  barrier_at(barrier);
  std::memset(begin, 0xff, n_bytes);
  block().defer([=] {
    const uint32_t address = shared_address(begin);
    for (uint32_t row = 0; row < map.box[1]; row++)
      for (uint32_t piece = 0; piece < kRowBytes; piece += 16) {
        unsigned char* const place = shared_pointer(swizzle(address + row * kRowBytes + piece));
        for (uint32_t byte = 0; byte < 16; byte++) {
          const int64_t column = x + static_cast<int64_t>((piece + byte) / map.element_bytes), line = y + static_cast<int64_t>(row);
          const bool inside = column >= 0 && line >= 0 && column < static_cast<int64_t>(map.size[0]) && line < static_cast<int64_t>(map.size[1]);
          place[byte] = inside ? map.base[static_cast<uint64_t>(line) * map.row_bytes + static_cast<uint64_t>(column) * map.element_bytes +
                                          (piece + byte) % map.element_bytes]
                               : 0;
        }
      }
    Barrier64& b = barrier_at(barrier);
    b.bytes -= static_cast<int32_t>(n_bytes);
    end_phase_if_complete(b);
  });
}

void check_registers(int n) {
  if (n < 24 || n > 256 || n % 8) fault(cudaErrorIllegalInstruction, "setmaxnreg: %d registers", n);
}

void wgmma_fence_group(void* const*) { block().warpgroup().fenced = true; }

void wgmma_s8_n128_group(void* const* args) { issue(args, product_s8_n128); }
void wgmma_f16_n64_group(void* const* args) {
  issue(args, [](const Wgmma* io) { product_16_bits_n64(io, float_from_half); });
}
void wgmma_bf16_n64_group(void* const* args) {
  issue(args, [](const Wgmma* io) { product_16_bits_n64(io, float_from_bf16); });
}
template <class T, int n>
void wgmma_shared_group(void* const* args) {
  issue(args, [](const Wgmma* io) { product_shared<n>(io, std::is_same_v<T, __half> ? float_from_half : float_from_bf16); });
}
template void wgmma_shared_group<__half, 64>(void* const*);
template void wgmma_shared_group<__half, 128>(void* const*);
template void wgmma_shared_group<__half, 192>(void* const*);
template void wgmma_shared_group<__nv_bfloat16, 64>(void* const*);
template void wgmma_shared_group<__nv_bfloat16, 128>(void* const*);
template void wgmma_shared_group<__nv_bfloat16, 192>(void* const*);

void wgmma_commit_group(void* const*) {
  Warpgroup& group = block().warpgroup();
  group.ends.push_back(group.products.size());
}

void wgmma_wait_group(void* const* args) {
  Warpgroup& group = block().warpgroup();
  const int n_done = static_cast<int>(group.ends.size()) - *static_cast<int*>(args[0]);
  if (n_done <= 0) return;
  const size_t end = group.ends[static_cast<size_t>(n_done) - 1];
  for (size_t i = 0; i < end; i++) group.products[i]();
  group.products.erase(group.products.begin(), group.products.begin() + static_cast<long>(end));
  group.ends.erase(group.ends.begin(), group.ends.begin() + n_done);
  for (size_t& e : group.ends) e -= end;
  if (group.products.empty()) group.fenced = false;
}

}  // namespace simt

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned version, unsigned long long,
                                             cudaDriverEntryPointQueryResult* found) {
  if (!simt::has_device()) return cudaErrorInsufficientDriver;
  const bool known = !std::strcmp(name, "cuTensorMapEncodeTiled") && version >= 12000;
  *function = known ? reinterpret_cast<void*>(simt::encode) : nullptr;
  if (found) *found = known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}
