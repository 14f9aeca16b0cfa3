// How many streams weights are read as: what may be asked for, and that what is measured stays.
#include "plan/stream_plan.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "core/status.h"
#include "cpu/streams.h"

namespace tern::cpu {
namespace {

constexpr int64_t kLarge = 1 << 20;

class StreamPlan : public testing::Test {
 protected:
  void SetUp() override { unsetenv("TERN_STREAMS"); }
  void TearDown() override { unsetenv("TERN_STREAMS"); }
};

TEST_F(StreamPlan, OneStreamOrAll) {
  const int first = stream_plan(kStreams, kLarge);
  EXPECT_TRUE(first == 1 || first == kStreams) << first;
  for (int i = 0; i < 3; i++) EXPECT_EQ(stream_plan(kStreams, kLarge), first);
  const std::string json = stream_plan_json();
  EXPECT_NE(json.find("\"n_streams\": " + std::to_string(first)), std::string::npos) << json;
  EXPECT_NE(json.find("gb_per_s"), std::string::npos) << json;
}

TEST_F(StreamPlan, KernelsAndWeightsForWhichThereIsNothingToChoose) {
  EXPECT_EQ(stream_plan(1, kLarge), 1);
  EXPECT_EQ(stream_plan(kStreams, 100), kStreams);
}

TEST_F(StreamPlan, TheEnvironmentDecides) {
  for (const int n : {1, kStreams}) {
    setenv("TERN_STREAMS", std::to_string(n).c_str(), 1);
    EXPECT_EQ(stream_plan(kStreams, kLarge), n);
    EXPECT_EQ(reads_one_stream(), n == 1);
    EXPECT_EQ(stream_plan(kStreams, 100), n);
    EXPECT_EQ(stream_plan(2, kLarge), n == 1 ? 1 : 2);
    EXPECT_EQ(stream_plan(1, kLarge), 1);
    EXPECT_EQ(reads_one_stream(), n == 1);
    EXPECT_NE(stream_plan_json().find("TERN_STREAMS"), std::string::npos);
  }
  setenv("TERN_STREAMS", "", 1);
  EXPECT_NO_THROW(stream_plan(kStreams, kLarge));
  for (const char* bad : {"0", "2", "14", "4 ", "many"}) {
    setenv("TERN_STREAMS", bad, 1);
    EXPECT_THROW(stream_plan(kStreams, kLarge), Error) << bad;
  }
}

}  // namespace
}  // namespace tern::cpu
