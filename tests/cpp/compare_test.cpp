// The comparator itself: it must refuse what it is there to refuse.
#include "compare.h"

#include <gtest/gtest.h>

namespace tern::oracle {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Rows {
  std::vector<float> out = {1.f, -2.f, 3.f, 0.5f, -0.25f, 0.125f};
  std::vector<double> ref64 = {1, -2, 3, 0.5, -0.25, 0.125};
  std::vector<float> ref32 = out;
  std::string check() const { return mismatch(out.data(), ref64.data(), ref32.data(), 2, 3); }
};

TEST(Compare, EqualRowsPass) { EXPECT_EQ(Rows().check(), ""); }

TEST(Compare, OneWrongElementFailsWhereverItStands) {
  for (int i = 0; i < 6; i++) {
    Rows r;
    r.out[i] *= 1.0001f;
    EXPECT_NE(r.check(), "") << i;
    EXPECT_NE(r.check().find("row " + std::to_string(i / 3) + " element " + std::to_string(i % 3)), std::string::npos) << r.check();
  }
}

TEST(Compare, BothNegativeIsNotSmall) {  // a comparison without the absolute value would let these pass
  Rows r;
  r.out[1] = -5.f;
  EXPECT_NE(r.check(), "");
  r = {};
  r.out[1] = -1.f;
  EXPECT_NE(r.check(), "");
}

TEST(Compare, NanAndInfinityFail) {
  for (float bad : {kNan, kInfinity, -kInfinity}) {
    Rows r;
    r.out[4] = bad;
    EXPECT_NE(r.check(), "");
    r = {};
    r.ref32[4] = bad;  // a broken reference must not open the bound
    r.out[5] = 7;
    EXPECT_NE(r.check(), "");
    r = {};
    r.ref64[4] = bad;
    r.out[4] = bad;
    EXPECT_NE(r.check(), "") << "an oracle that is not finite proves nothing";
  }
}

TEST(Compare, BoundFollowsTheReferenceAndTheRow) {
  Rows r;
  r.out[0] = 1.f + 4 * 1.1920929e-7f;  // four units of a row whose norm is 3: 1.4e-6
  EXPECT_EQ(r.check(), "");
  r.out[0] = 1.00001f;
  EXPECT_NE(r.check(), "");
  r.ref32[1] = -2.00001f;  // the same error in the float evaluation: twice it is allowed
  EXPECT_EQ(r.check(), "");
  r.out[3] = 0.50001f;  // but in its own row only
  EXPECT_NE(r.check(), "");
}

}  // namespace
}  // namespace tern::oracle
