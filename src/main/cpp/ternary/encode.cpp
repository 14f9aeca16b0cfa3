#include "ternary/encode.h"

#include <cstring>

#include "core/status.h"
#include "ternary/decode.h"

namespace tern {
namespace {

// ceil(256 v / 3^5) of n trits stride apart, the first most significant; four trits leave the last digit 0.
uint8_t base3_byte(const int8_t* trits, int n, int stride) {
  int v = 0;
  for (int i = 0; i < 5; i++) v = 3 * v + (i < n ? trits[i * stride] + 1 : 0);
  return uint8_t((v * 256 + 242) / 243);
}

void encode_tq1(const int8_t* t, uint8_t* out) {
  for (int m = 0; m < 32; m++) out[m] = base3_byte(t + m, 5, 32);
  for (int m = 0; m < 16; m++) out[32 + m] = base3_byte(t + 160 + m, 5, 16);
  for (int m = 0; m < 4; m++) out[48 + m] = base3_byte(t + 240 + m, 4, 4);
}

void encode_tq2(const int8_t* t, uint8_t* out) {
  for (int h = 0; h < 2; h++)
    for (int m = 0; m < 32; m++) {
      int byte = 0;
      for (int n = 0; n < 4; n++) byte |= (t[128 * h + 32 * n + m] + 1) << (2 * n);
      out[32 * h + m] = uint8_t(byte);
    }
}

}  // namespace

void encode_ternary_row(int32_t type, const int8_t* trits, int32_t n_cols, uint16_t d, uint8_t* out) {
  TERN_CHECK_ARG(type == TERN_TYPE_TQ1_0 || type == TERN_TYPE_TQ2_0, "type %d is neither TQ1_0 nor TQ2_0", type);
  const int64_t bytes = row_bytes(type, 256);
  for (int b = 0; b < n_cols / 256; b++, trits += 256, out += bytes) {
    type == TERN_TYPE_TQ1_0 ? encode_tq1(trits, out) : encode_tq2(trits, out);
    std::memcpy(out + bytes - 2, &d, 2);
  }
}

}  // namespace tern
