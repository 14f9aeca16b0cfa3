// Finds and opens libtern_cuda.so at run time, so that this library needs neither a driver nor CUDA. It is never closed: backends and
// their code live as long as anything uses them.
#include <atomic>
#include <cstdlib>
#include <mutex>

#include "core/library.h"
#include "core/plugin.h"
#include "core/status.h"

namespace tern {
namespace {

std::mutex mutex;
std::string chosen_path;
PluginOpen plugin_open;
std::atomic<int64_t (*)()> plugin_bytes{nullptr};

PluginOpen load() {
  const char* forced = std::getenv("TERN_CUDA_LIBRARY");
  const std::string path = forced && *forced ? forced : !chosen_path.empty() ? chosen_path : beside_this_library("libtern_cuda.so");
  return reinterpret_cast<PluginOpen>(library_symbol(path, "tern_plugin_open", "the cuda backend's library", "a backend"));
}

}  // namespace

void set_cuda_library(const char* path) {
  const std::lock_guard<std::mutex> lock(mutex);
  chosen_path = path ? path : "";
}

int64_t cuda_native_bytes() {
  int64_t (*const bytes)() = plugin_bytes.load();
  return bytes ? bytes() : 0;
}

std::shared_ptr<Backend> open_cuda_backend(int index) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!plugin_open) plugin_open = load();
  PluginRequest request = {};
  request.version = kPluginVersion;
  request.abi_version = TERN_ABI_VERSION;
  request.index = index;
  const int32_t status = plugin_open(&request);
  if (status != TERN_OK) throw Error(status, request.error);
  if (!request.backend) fail(TERN_ERR_UNAVAILABLE, "the cuda backend's library opened nothing");
  plugin_bytes.store(request.native_bytes);
  return request.backend;
}

}  // namespace tern
