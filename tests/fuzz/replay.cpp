// Runs a fuzz target without a fuzzer: over the inputs in a directory, each as it is, and then as many seeded mutations of each as asked.
// usage: NAME_replay DIRECTORY [MUTATIONS]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY [MUTATIONS]\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  const int mutations = argc > 2 ? std::atoi(argv[2]) : 0;
  const char* given = std::getenv("TERN_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : 1;
  std::mt19937_64 random(seed);
  long runs = 0;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::vector<char> chars{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const std::vector<uint8_t> whole(chars.begin(), chars.end());
    for (int m = 0; m <= mutations; m++, runs++) {
      std::vector<uint8_t> bytes = whole;
      for (uint64_t i = m ? 1 + random() % 4 : 0; i > 0 && !bytes.empty(); i--) bytes[random() % bytes.size()] = uint8_t(random());
      if (m && !bytes.empty() && random() % 8 == 0) bytes.resize(random() % bytes.size());
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
  }
  std::printf("%ld runs of %zu inputs, TERN_SEED=%llu\n", runs, files.size(), static_cast<unsigned long long>(seed));
  return files.empty() ? 1 : 0;
}
