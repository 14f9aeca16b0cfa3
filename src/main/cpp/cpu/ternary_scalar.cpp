// Ternary sums in plain C++ over the planes layout: what runs where no vector kernel does. sum w q = sum (w + 1) q - sum q.
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_tile.h"

namespace tern::cpu {
namespace {

int64_t no_scratch(int, int) { return 0; }
int no_parts(int, int) { return 0; }
void no_prepare(const TernaryActs&, int, int, void*) {}

void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
  const int n_steps = Tile<Planes>::steps(n_cols);
  for (int t = 0; t < a.n; t++) {
    for (int tile = 0; tile < n_tiles; tile++) {
      const uint8_t* packed = tiles + tile * Tile<Planes>::bytes(n_cols);
      int32_t* to = out + (t * n_tiles + tile) * kTileRows;
      for (int row = 0; row < kTileRows; row++) to[row] = -a.sum(t);
      for (int s = 0; s < n_steps; s++, packed += kStepBytes) {
        const int8_t* q = a.q(t) + s * Planes::kStep;  // the stride is a multiple of 64: never past the row
        for (int row = 0; row < kTileRows; row++) {
          const uint8_t* bytes = packed + 4 * row;
          int32_t sum = 0;
          for (int p = 0; p < 4; p++)
            for (int b = 0; b < 4; b++) sum += (bytes[b] >> 2 * p & 3) * q[4 * p + b];
          to[row] += sum;
        }
      }
    }
  }
}

}  // namespace

const TernaryKernel kTernaryScalar = {"scalar", Isa::scalar, kTileRows, 1, 1, 4, Tile<Planes>::bytes, Tile<Planes>::pack_row,
                                      no_scratch, no_parts, no_prepare, sums};

}  // namespace tern::cpu
