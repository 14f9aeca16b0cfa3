// Whatever stands where libtern_cuda.so should be: the device is unavailable and says why; nothing is waited for.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tern.h"

namespace {

class CudaLibrary : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tern-cuda-library-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    std::remove(file("x").c_str());
    std::remove(folder_.c_str());
    unsetenv("TERN_CUDA_LIBRARY");
  }

  std::string file(const std::string& name) const { return folder_ + "/" + name; }

  void expect_unavailable(const std::string& path, const char* why) const {
    setenv("TERN_CUDA_LIBRARY", path.c_str(), 1);
    tern_device* device = nullptr;
    EXPECT_EQ(tern_device_open("cuda", 0, &device), TERN_ERR_UNAVAILABLE) << path;
    EXPECT_EQ(device, nullptr);
    EXPECT_NE(std::string(tern_last_error()).find(why), std::string::npos) << tern_last_error();
  }

  std::string folder_;
};

TEST_F(CudaLibrary, Absent) { expect_unavailable(file("x"), "cannot be loaded"); }

TEST_F(CudaLibrary, ADirectory) { expect_unavailable(folder_, "is no regular file"); }

TEST_F(CudaLibrary, APipe) {
  if (mkfifo(file("x").c_str(), 0600) != 0) GTEST_SKIP() << "mkfifo does not work in " << folder_;
  expect_unavailable(file("x"), "is no regular file");
}

TEST_F(CudaLibrary, AText) {
  for (const std::string& text : {std::string(), std::string("\x7f" "ELF"), std::string(100000, 'x')}) {
    std::FILE* const out = std::fopen(file("x").c_str(), "w");
    std::fwrite(text.data(), 1, text.size(), out);
    std::fclose(out);
    expect_unavailable(file("x"), "cannot be loaded");
  }
}

// The first bytes of a real library: this program's own file, cut.
TEST_F(CudaLibrary, ATruncatedLibrary) {
  std::vector<char> bytes(100000);
  std::FILE* const in = std::fopen("/proc/self/exe", "r");
  ASSERT_NE(in, nullptr);
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), in));
  std::fclose(in);
  for (size_t n : {size_t(64), size_t(4096), bytes.size()}) {
    std::FILE* const out = std::fopen(file("x").c_str(), "w");
    std::fwrite(bytes.data(), 1, n, out);
    std::fclose(out);
    expect_unavailable(file("x"), "is truncated");
  }
}

TEST_F(CudaLibrary, AnotherLibrary) { expect_unavailable("libm.so.6", "is not a backend of Tern"); }

}  // namespace
