// Rows of model files: every byte pattern of TQ1_0 and TQ2_0 against a plain reading of the format, and what counts as ternary.
#include "ternary/decode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "compare.h"
#include "core/half.h"
#include "core/status.h"
#include "dense_oracle.h"
#include "ternary/encode.h"
#include "ternary_oracle.h"

namespace tern {
namespace {

constexpr uint16_t kHalfOne = 0x3c00, kHalfTwo = 0x4000, kHalfNan = 0x7e00, kHalfInf = 0x7c00;

// Where element e of a TQ1_0 block lies: its byte and which trit of it.
void tq1_place(int e, int* byte, int* trit) {
  if (e < 160) {
    *byte = e % 32, *trit = e / 32;
  } else if (e < 240) {
    *byte = 32 + (e - 160) % 16, *trit = (e - 160) / 16;
  } else {
    *byte = 48 + (e - 240) % 4, *trit = (e - 240) / 4;
  }
}

// Trit n of a TQ1_0 byte: digit n after the point of byte / 256 in base 3.
int tq1_code(int byte, int trit) {
  int numerator = byte;
  for (int i = 0; i < trit; i++) numerator = numerator * 3 % 256;
  return numerator * 3 / 256;
}

TEST(DecodeTest, EveryTq1Byte) {
  for (int pattern = 0; pattern < 256; pattern++) {
    std::vector<uint8_t> row(54);
    for (int i = 0; i < 52; i++) row[i] = uint8_t(pattern + 5 * i);
    std::memcpy(&row[52], &kHalfTwo, 2);
    std::vector<int8_t> trits(256);
    std::vector<float> values(256);
    float scale = -1;
    ASSERT_TRUE(decode_ternary_row(TERN_TYPE_TQ1_0, row.data(), 256, trits.data(), &scale, 0));
    decode_row(TERN_TYPE_TQ1_0, row.data(), 256, values.data());
    EXPECT_EQ(scale, 2);
    for (int e = 0; e < 256; e++) {
      int byte, trit;
      tq1_place(e, &byte, &trit);
      const int code = tq1_code(row[byte], trit);
      ASSERT_EQ(trits[e], code - 1) << "pattern " << pattern << ", element " << e;
      ASSERT_EQ(values[e], 2.0f * float(code - 1));
    }
  }
}

TEST(DecodeTest, EveryTq2Byte) {
  for (int pattern = 0; pattern < 256; pattern++)
    for (int at : {0, 1, 31, 32, 63}) {
      std::vector<uint8_t> row(66, 0x55);  // code 1: zeros
      row[at] = uint8_t(pattern);
      std::memcpy(&row[64], &kHalfOne, 2);
      std::vector<int8_t> trits(256);
      std::vector<float> values(256);
      float scale = -1;
      bool meaningful = true;
      decode_row(TERN_TYPE_TQ2_0, row.data(), 256, values.data());
      const bool ternary = decode_ternary_row(TERN_TYPE_TQ2_0, row.data(), 256, trits.data(), &scale, 0);
      for (int e = 0; e < 256; e++) {
        const int code = row[32 * (e / 128) + e % 32] >> (2 * (e % 128 / 32)) & 3;
        meaningful = meaningful && code != 3;
        ASSERT_EQ(values[e], float(code - 1)) << "pattern " << pattern << ", element " << e;
        if (ternary) {
          ASSERT_EQ(trits[e], code - 1);
        }
      }
      ASSERT_EQ(ternary, meaningful) << "pattern " << pattern;
    }
}

TEST(DecodeTest, EncodedTritsComeBack) {
  std::mt19937_64 random(oracle::seed());
  for (int type : {TERN_TYPE_TQ1_0, TERN_TYPE_TQ2_0})
    for (int n_cols : {256, 768, 6912}) {
      const auto trits = oracle::random_trits(random, size_t(n_cols));
      std::vector<uint8_t> row(size_t(row_bytes(type, n_cols)) + 8, 0xab);
      encode_ternary_row(type, trits.data(), n_cols, kHalfTwo, row.data());
      for (size_t i = row.size() - 8; i < row.size(); i++) ASSERT_EQ(row[i], 0xab);
      std::vector<int8_t> decoded(size_t(n_cols) + 8, 77);
      float scale;
      ASSERT_TRUE(decode_ternary_row(type, row.data(), n_cols, decoded.data(), &scale, 0));
      EXPECT_EQ(scale, 2);
      for (int i = 0; i < n_cols; i++) ASSERT_EQ(decoded[i], trits[i]) << "TERN_SEED=" << oracle::seed();
      for (int i = n_cols; i < n_cols + 8; i++) ASSERT_EQ(decoded[i], 77);
    }
}

// Two blocks of trits with two scales.
bool two_blocks(int8_t first, uint16_t d0, int8_t second, uint16_t d1, float* scale) {
  std::vector<int8_t> trits(512, first);
  std::fill(trits.begin() + 256, trits.end(), second);
  bool same = true;
  for (int type : {TERN_TYPE_TQ1_0, TERN_TYPE_TQ2_0}) {
    std::vector<uint8_t> row(size_t(row_bytes(type, 512)));
    encode_ternary_row(type, trits.data(), 512, d0, row.data());
    std::memcpy(&row[row.size() / 2 - 2], &d0, 2);
    std::memcpy(&row[row.size() - 2], &d1, 2);
    std::vector<int8_t> decoded(512);
    const bool ternary = decode_ternary_row(type, row.data(), 512, decoded.data(), scale, 0);
    if (type == TERN_TYPE_TQ1_0) same = ternary;
    EXPECT_EQ(same, ternary);
  }
  return same;
}

TEST(DecodeTest, OneScaleARow) {
  float scale;
  EXPECT_TRUE(two_blocks(1, kHalfTwo, -1, kHalfTwo, &scale));
  EXPECT_EQ(scale, 2);
  EXPECT_FALSE(two_blocks(1, kHalfTwo, 1, kHalfOne, &scale));
  EXPECT_TRUE(two_blocks(0, kHalfOne, 1, kHalfTwo, &scale));  // a block of zeros may carry any finite scale
  EXPECT_EQ(scale, 2);
  EXPECT_TRUE(two_blocks(1, kHalfTwo, 0, kHalfOne, &scale));
  EXPECT_EQ(scale, 2);
  EXPECT_TRUE(two_blocks(0, kHalfTwo, 0, kHalfOne, &scale));
  EXPECT_EQ(scale, 0);
  EXPECT_TRUE(two_blocks(1, kHalfTwo, 1, 0, &scale));  // scale 0: zeros, whatever the trits
  EXPECT_EQ(scale, 2);
  for (uint16_t bad : {kHalfNan, kHalfInf}) {
    EXPECT_FALSE(two_blocks(1, bad, 1, bad, &scale));
    EXPECT_FALSE(two_blocks(1, kHalfOne, 0, bad, &scale));
  }
}

TEST(DecodeTest, FloatsThatAreTernary) {
  const float good[] = {0.5f, -0.5f, 0, -0.0f, 0.5f};
  int8_t trits[5];
  float scale;
  ASSERT_TRUE(decode_ternary_row(TERN_TYPE_F32, good, 5, trits, &scale, 0));
  EXPECT_EQ(scale, 0.5f);
  const int8_t expected[] = {1, -1, 0, 0, 1};
  EXPECT_EQ(std::memcmp(trits, expected, 5), 0);
  for (float bad : {0.25f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const float row[] = {0.5f, bad, 0};
    EXPECT_FALSE(decode_ternary_row(TERN_TYPE_F32, row, 3, trits, &scale, 0));
  }
  const uint16_t halves[] = {kHalfTwo, uint16_t(kHalfTwo | 0x8000), 0};
  ASSERT_TRUE(decode_ternary_row(TERN_TYPE_F16, halves, 3, trits, &scale, 0));
  EXPECT_EQ(scale, 2);
  EXPECT_EQ(trits[1], -1);
}

TEST(DecodeTest, Q8Values) {
  std::vector<uint8_t> row(34 * 2);
  for (int b = 0; b < 2; b++) {
    std::memcpy(&row[34 * b], b ? &kHalfOne : &kHalfTwo, 2);
    for (int i = 0; i < 32; i++) row[34 * b + 2 + i] = uint8_t(int8_t(i * 8 - 128));
  }
  float values[64];
  decode_row(TERN_TYPE_Q8_0, row.data(), 64, values);
  for (int i = 0; i < 64; i++) ASSERT_EQ(values[i], float(i % 32 * 8 - 128) * (i < 32 ? 2.0f : 1.0f));
}

// Every type's values against the oracle's reading, which the kernels are held against too.
TEST(DecodeTest, ValuesOfDenseTypes) {
  std::mt19937_64 random(oracle::seed());
  for (int type : {TERN_TYPE_F32, TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_Q8_0, TERN_TYPE_Q4_0, TERN_TYPE_Q2_0, TERN_TYPE_Q6_K}) {
    const int n_cols = 1024;
    ASSERT_EQ(row_bytes(type, n_cols), oracle::dense_row_bytes(type, n_cols)) << type;
    const std::vector<uint8_t> row = oracle::random_rows(type, 1, n_cols, random);
    std::vector<float> values(n_cols + 1, 77), scales(n_cols / 16 + 1, 77);
    decode_row(type, row.data(), n_cols, values.data());
    for (int i = 0; i < n_cols; i++)
      ASSERT_EQ(values[i], oracle::element(type, row.data(), n_cols, 0, i)) << "type " << type << ", element " << i << ", TERN_SEED=" << oracle::seed();
    EXPECT_EQ(values[n_cols], 77);
    const int group = int8_group(type);
    std::vector<int8_t> q(n_cols + 1, 77);
    if (!group) {
      EXPECT_THROW(decode_int8_row(type, row.data(), n_cols, q.data(), scales.data()), Error);
      continue;
    }
    decode_int8_row(type, row.data(), n_cols, q.data(), scales.data());
    for (int i = 0; i < n_cols; i++) ASSERT_EQ(values[i], scales[i / group] * float(q[i])) << type;
    EXPECT_EQ(q[n_cols], 77);
    EXPECT_EQ(scales[n_cols / group], 77);
  }
}

// A plain reading of the formats of other programs: code of element e of a row, and the row's bytes.
struct Foreign {
  int type, header, block, bytes;
  int (*code)(const uint8_t* block, int e);
};

const Foreign kForeign[] = {
    {TERN_TYPE_I2_S, 0, 128, 32, [](const uint8_t* b, int e) { return b[e % 32] >> (6 - 2 * (e / 32)) & 3; }},
    {TERN_TYPE_IQ2_BN, 4, 64, 16, [](const uint8_t* b, int e) { return b[e % 16] >> 2 * (e / 16) & 3; }},
    {TERN_TYPE_Q2_0, 0, 64, 18, [](const uint8_t* b, int e) { return b[2 + e / 4] >> 2 * (e % 4) & 3; }},
    {TERN_TYPE_IQ1_BN, 2, 64, 13,
     [](const uint8_t* b, int e) {
       const int in16 = e % 16;
       return in16 == 15 ? tq1_code(b[12], 4 - e / 16) : tq1_code(b[e / 16 * 3 + in16 / 5], 4 - in16 % 5);
     }},
};

// Random rows of the formats, which hold codes 0 to 2 only, or any.
TEST(DecodeTest, FormatsOfOtherPrograms) {
  std::mt19937_64 random(oracle::seed());
  for (const Foreign& f : kForeign)
    for (const bool any : {false, true}) {
      const int n_cols = 512, n_blocks = n_cols / f.block;
      std::vector<uint8_t> row(size_t(f.header + n_blocks * f.bytes));
      ASSERT_EQ(row_bytes(f.type, n_cols), int64_t(row.size())) << f.type;
      for (uint8_t& byte : row) {
        byte = uint8_t(random());
        for (int n = 0; n < 4 && !any; n++)
          if ((byte >> 2 * n & 3) == 3) byte = uint8_t(byte & ~(1 << 2 * n));
      }
      const float two = 2;
      if (f.type == TERN_TYPE_IQ2_BN) std::memcpy(row.data(), &two, 4);
      if (f.type == TERN_TYPE_IQ1_BN) std::memcpy(row.data(), &kHalfTwo, 2);
      for (int b = 0; b < n_blocks && f.type == TERN_TYPE_Q2_0; b++) std::memcpy(&row[size_t(b * f.bytes)], &kHalfTwo, 2);
      const float expected_scale = f.type == TERN_TYPE_I2_S ? 1.0f : 2.0f;
      bool meaningful = true;
      std::vector<int> codes;
      for (int e = 0; e < n_cols; e++) {
        codes.push_back(f.code(&row[size_t(f.header + e / f.block * f.bytes)], e % f.block));
        meaningful = meaningful && codes.back() < 3;
      }
      std::vector<int8_t> trits(n_cols);
      std::vector<float> values(n_cols);
      float scale = -1;
      ASSERT_EQ(decode_ternary_row(f.type, row.data(), n_cols, trits.data(), &scale, 0), meaningful) << f.type;
      if (!meaningful && f.type != TERN_TYPE_Q2_0) {
        EXPECT_THROW(decode_row(f.type, row.data(), n_cols, values.data()), Error) << f.type;
        continue;
      }
      decode_row(f.type, row.data(), n_cols, values.data());
      for (int e = 0; e < n_cols; e++) {
        if (meaningful) {
          ASSERT_EQ(trits[e], codes[e] - 1) << "type " << f.type << ", element " << e;
        }
        ASSERT_EQ(values[e], expected_scale * float(codes[e] - 1)) << "type " << f.type << ", element " << e;
      }
      if (meaningful) {
        EXPECT_EQ(scale, expected_scale);
      }
    }
}

// Four rows to a byte; a code that is no trit is seen by the row that it is of, wherever it stands.
TEST(DecodeTest, HfPackedRowsHaveTheirQuartersBits) {
  std::mt19937_64 random(oracle::seed());
  for (int n_cols : {1, 7, 8, 9, 64, 771}) {
    std::vector<int8_t> trits[4];
    std::vector<uint8_t> bytes(size_t(n_cols), 0);
    for (int q = 0; q < 4; q++) {
      trits[q] = oracle::random_trits(random, size_t(n_cols));
      for (int i = 0; i < n_cols; i++) bytes[size_t(i)] |= uint8_t((trits[q][size_t(i)] + 1) << 2 * q);
    }
    std::vector<int8_t> decoded(size_t(n_cols) + 8);
    float scale;
    for (int q = 0; q < 4; q++) {
      std::fill(decoded.begin(), decoded.end(), 77);
      ASSERT_TRUE(decode_ternary_row(TERN_TYPE_HF_PACKED, bytes.data(), n_cols, decoded.data(), &scale, q));
      bool any = false;
      for (int i = 0; i < n_cols; i++) {
        ASSERT_EQ(decoded[size_t(i)], trits[q][size_t(i)]) << "quarter " << q << ", TERN_SEED=" << oracle::seed();
        any = any || trits[q][size_t(i)] != 0;
      }
      for (int i = n_cols; i < n_cols + 8; i++) ASSERT_EQ(decoded[size_t(i)], 77);
      EXPECT_EQ(scale, any ? 1 : 0);
    }
    for (int bad = 0; bad < 4; bad++)
      for (int at = 0; at < n_cols; at += std::max(1, n_cols / 9)) {
        std::vector<uint8_t> damaged = bytes;
        damaged[size_t(at)] |= uint8_t(3 << 2 * bad);
        for (int q = 0; q < 4; q++)
          ASSERT_EQ(decode_ternary_row(TERN_TYPE_HF_PACKED, damaged.data(), n_cols, decoded.data(), &scale, q), q != bad) << at;
      }
  }
}

TEST(DecodeTest, HfPackedRowsComeInQuarters) {
  EXPECT_EQ(row_bytes(TERN_TYPE_HF_PACKED, 771), 771);
  for (int r = 0; r < 12; r++) {
    EXPECT_EQ(hf_quarter(TERN_TYPE_HF_PACKED, r, 12), r / 3);
    EXPECT_EQ(hf_quarter(TERN_TYPE_TQ2_0, r, 12), 0);
  }
  check_hf_packed(TERN_TYPE_HF_PACKED, TERN_STORE_TERNARY, 12);
  check_hf_packed(TERN_TYPE_TQ2_0, TERN_STORE_DENSE, 13);
  EXPECT_THROW(check_hf_packed(TERN_TYPE_HF_PACKED, TERN_STORE_TERNARY, 13), Error);
  EXPECT_THROW(check_hf_packed(TERN_TYPE_HF_PACKED, TERN_STORE_TERNARY, 0), Error);
  EXPECT_THROW(check_hf_packed(TERN_TYPE_HF_PACKED, TERN_STORE_DENSE, 12), Error);
  const uint8_t row[8] = {};
  float values[8];
  EXPECT_THROW(decode_row(TERN_TYPE_HF_PACKED, row, 8, values), Error);
}

TEST(DecodeTest, BadRowsAreErrors) {
  EXPECT_EQ(row_bytes(TERN_TYPE_TQ1_0, 512), 108);
  EXPECT_EQ(row_bytes(TERN_TYPE_TQ2_0, 512), 132);
  EXPECT_EQ(row_bytes(TERN_TYPE_Q8_0, 64), 68);
  EXPECT_EQ(row_bytes(TERN_TYPE_F16, 3), 6);
  EXPECT_THROW(row_bytes(TERN_TYPE_TQ2_0, 255), Error);
  EXPECT_THROW(row_bytes(TERN_TYPE_F32, 0), Error);
  EXPECT_THROW(row_bytes(TERN_TYPE_I2_S, 192), Error);
  EXPECT_THROW(row_bytes(TERN_TYPE_Q6_K, 128), Error);
  EXPECT_THROW(row_bytes(TERN_TYPE_I8, 256), Error);  // of the KV arena only
  EXPECT_THROW(row_bytes(999, 256), Error);
}

}  // namespace
}  // namespace tern
