#include "core/library.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "core/status.h"

namespace tern {
namespace {

const char in_this_library = 0;

// What dlopen would wait for (a pipe) or die of (a library that is not all there, whose pages beyond the end are mapped all the same).
void check_file(const std::string& path, const char* what) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return;  // dlopen says it better
  if (!S_ISREG(info.st_mode)) fail(TERN_ERR_UNAVAILABLE, "%s cannot be loaded: %s is no regular file", what, path.c_str());
  Elf64_Ehdr header = {};
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t n = file < 0 ? 0 : pread(file, &header, sizeof header, 0);
  if (file >= 0) close(file);
  if (n != static_cast<ssize_t>(sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return;
  // Linkers put the section headers last.
  const uint64_t size = static_cast<uint64_t>(info.st_size), table = uint64_t(header.e_shentsize) * header.e_shnum;
  if (header.e_shoff > size || table > size - header.e_shoff)
    fail(TERN_ERR_UNAVAILABLE, "%s cannot be loaded: %s is truncated", what, path.c_str());
}

}  // namespace

std::string beside_this_library(const char* name) {
  Dl_info info = {};
  if (!dladdr(&in_this_library, &info) || !info.dli_fname) return name;
  const std::string own = info.dli_fname;
  const size_t slash = own.rfind('/');
  return slash == std::string::npos ? name : own.substr(0, slash + 1) + name;
}

void* library_symbol(const std::string& path, const char* symbol, const char* what, const char* part) {
  if (path.find('/') != std::string::npos) check_file(path, what);
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(TERN_ERR_UNAVAILABLE, "%s cannot be loaded: %s", what, dlerror());
  void* const found = dlsym(library, symbol);
  if (!found) fail(TERN_ERR_UNAVAILABLE, "%s is not %s of Tern", path.c_str(), part);
  return found;
}

}  // namespace tern
