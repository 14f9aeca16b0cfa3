// Blocks of one row of a file in the lanes of tiles, and back (block_tile.h; ternary/decode.cpp has what the file holds). A step's four columns are a
// word of four bytes.
#include "cpu/block_tile.h"

#include <cstring>

#include "core/half.h"
#include "tern.h"

namespace tern::cpu {
namespace {

constexpr uint32_t kTopBits = 0x80808080, kLowNibbles = 0x0f0f0f0f, kSixBits = 0x3f3f3f3f, kTwoBits = 0x03030303;

uint32_t word_at(const uint8_t* p) {
  uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

void put_word(uint8_t* p, uint32_t word) { std::memcpy(p, &word, sizeof word); }

float half_at(const uint8_t* p) {
  uint16_t half;
  std::memcpy(&half, p, sizeof half);
  return float_from_half(half);
}

void put_floats(uint32_t codes, int offset, float scale, float* out) {
  for (int c = 0; c < 4; c++) out[c] = scale * float(int(codes >> 8 * c & 0xff) - offset);
}

struct Q8 : Q8Tile {
  static constexpr BlockFormat format() { return {TERN_TYPE_Q8_0, 32, 34, pack, unpack}; }
  static void pack(const uint8_t* file, int lane, uint8_t* tile) {
    std::memcpy(tile + kScalesAt + 2 * lane, file, 2);
    for (int s = 0; s < 8; s++) put_word(tile + line_at(lane / 16, s) + 4 * (lane % 16), word_at(file + 2 + 4 * s) ^ kTopBits);
  }
  static void unpack(const uint8_t* tile, int lane, float* out) {
    const float scale = half_at(tile + kScalesAt + 2 * lane);
    for (int s = 0; s < 8; s++) put_floats(word_at(tile + line_at(lane / 16, s) + 4 * (lane % 16)), 128, scale, out + 4 * s);
  }
};

struct Q4 : Q4Tile {
  static constexpr BlockFormat format() { return {TERN_TYPE_Q4_0, 32, 18, pack, unpack}; }
  static void pack(const uint8_t* file, int lane, uint8_t* tile) {
    std::memcpy(tile + kScalesAt + 2 * lane, file, 2);
    for (int s = 0; s < 4; s++) put_word(tile + line_at(lane / 16, s) + 4 * (lane % 16), word_at(file + 2 + 4 * s));
  }
  static void unpack(const uint8_t* tile, int lane, float* out) {
    const float scale = half_at(tile + kScalesAt + 2 * lane);
    for (int s = 0; s < 4; s++) {
      const uint32_t word = word_at(tile + line_at(lane / 16, s) + 4 * (lane % 16));
      put_floats(word & kLowNibbles, 8, scale, out + 4 * s);
      put_floats(word >> 4 & kLowNibbles, 8, scale, out + 16 + 4 * s);
    }
  }
};

struct Q6 : Q6Tile {
  static constexpr int kFileScales = 192, kFileD = 208;
  static constexpr BlockFormat format() { return {TERN_TYPE_Q6_K, 256, 210, pack, unpack}; }

  static int turn_at(int turn) { return kFirst + turn * kTurnBytes; }
  static int word_of(int quad, int lane, int line) { return line_at(lane / 16, quad, line) + 4 * (lane % 16); }

  static void pack(const uint8_t* file, int lane, uint8_t* tile) {
    std::memcpy(tile + 2 * lane, file + kFileD, 2);
    for (int t = 0; t < kTurns; t++) {
      uint8_t* const turn = tile + turn_at(t);
      // A turn is one h and n of ternary/decode.cpp: nibbles of 32 bytes, and two bits of 32.
      const uint8_t* const low = file + 64 * (t / 4) + 32 * (t % 2);
      const uint8_t* const high = file + 128 + 32 * (t / 4);
      const int low_shift = t % 4 / 2 * 4, high_shift = t % 4 * 2;
      for (int quad = 0; quad < 2; quad++) {
        turn[kScalesAt + kBlockRows * quad + lane] = file[kFileScales + 2 * t + quad];
        uint32_t step[4];
        for (int s = 0; s < 4; s++) {
          const int at = 16 * quad + 4 * s;
          step[s] = (word_at(low + at) >> low_shift & kLowNibbles) | (word_at(high + at) >> high_shift & kTwoBits) << 4;
        }
        for (int line = 0; line < 3; line++) put_word(turn + word_of(quad, lane, line), step[line] | (step[3] >> 2 * line & kTwoBits) << 6);
      }
    }
  }

  static void unpack(const uint8_t* tile, int lane, float* out) {
    const float d = half_at(tile + 2 * lane);
    for (int t = 0; t < kTurns; t++) {
      const uint8_t* const turn = tile + turn_at(t);
      for (int quad = 0; quad < 2; quad++, out += 16) {
        const float scale = d * float(static_cast<int8_t>(turn[kScalesAt + kBlockRows * quad + lane]));
        uint32_t last = 0;
        for (int line = 0; line < 3; line++) {
          const uint32_t word = word_at(turn + word_of(quad, lane, line));
          put_floats(word & kSixBits, 32, scale, out + 4 * line);
          last |= (word >> 6 & kTwoBits) << 2 * line;
        }
        put_floats(last, 32, scale, out + 12);
      }
    }
  }
};

}  // namespace

const BlockFormat kQ8Format = Q8::format(), kQ6Format = Q6::format(), kQ4Format = Q4::format();

}  // namespace tern::cpu
