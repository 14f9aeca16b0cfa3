// Finds and opens libtern_cuda.so at run time, so that this library needs neither a driver nor CUDA. It is never closed: backends and
// their code live as long as anything uses them.
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "core/plugin.h"
#include "core/status.h"

namespace tern {
namespace {

std::mutex mutex;
std::string chosen_path;
PluginOpen plugin_open;
std::atomic<int64_t (*)()> plugin_bytes{nullptr};

// libtern_cuda.so in the folder of the library that this code is in.
std::string beside_this_library() {
  Dl_info info = {};
  if (!dladdr(reinterpret_cast<const void*>(&plugin_open), &info) || !info.dli_fname) return "libtern_cuda.so";
  const std::string own = info.dli_fname;
  const size_t slash = own.rfind('/');
  return slash == std::string::npos ? "libtern_cuda.so" : own.substr(0, slash + 1) + "libtern_cuda.so";
}

// What dlopen would wait for (a pipe) or die of (a library that is not all there, whose pages beyond the end are mapped all the same).
void check_file(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return;  // dlopen says it better
  if (!S_ISREG(info.st_mode)) fail(TERN_ERR_UNAVAILABLE, "the cuda backend's library cannot be loaded: %s is no regular file", path.c_str());
  Elf64_Ehdr header = {};
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t n = file < 0 ? 0 : pread(file, &header, sizeof header, 0);
  if (file >= 0) close(file);
  if (n != static_cast<ssize_t>(sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return;
  // Linkers put the section headers last.
  const uint64_t size = static_cast<uint64_t>(info.st_size), table = uint64_t(header.e_shentsize) * header.e_shnum;
  if (header.e_shoff > size || table > size - header.e_shoff)
    fail(TERN_ERR_UNAVAILABLE, "the cuda backend's library cannot be loaded: %s is truncated", path.c_str());
}

PluginOpen load() {
  const char* forced = std::getenv("TERN_CUDA_LIBRARY");
  const std::string path = forced && *forced ? forced : !chosen_path.empty() ? chosen_path : beside_this_library();
  if (path.find('/') != std::string::npos) check_file(path);
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(TERN_ERR_UNAVAILABLE, "the cuda backend's library cannot be loaded: %s", dlerror());
  void* const symbol = dlsym(library, "tern_plugin_open");
  if (!symbol) fail(TERN_ERR_UNAVAILABLE, "%s is not a backend of Tern", path.c_str());
  return reinterpret_cast<PluginOpen>(symbol);
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
