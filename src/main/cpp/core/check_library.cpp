// Finds and opens libtern_check.so.
#include <cstdlib>
#include <mutex>

#include "core/check_plugin.h"
#include "core/library.h"
#include "core/plugin.h"
#include "core/status.h"

namespace tern {
namespace {

std::mutex mutex;
std::string chosen_path;
const Checks* checks;

}  // namespace

void set_check_library(const char* path) {
  const std::lock_guard<std::mutex> lock(mutex);
  chosen_path = path ? path : "";
}

const Checks& open_checks() {
  const std::lock_guard<std::mutex> lock(mutex);
  if (checks) return *checks;
  const char* const forced = std::getenv("TERN_CHECK_LIBRARY");
  const std::string path = forced && *forced ? forced : !chosen_path.empty() ? chosen_path : beside_this_library("libtern_check.so");
  void* const open = library_symbol(path, "tern_check_open", "the library of checks", "the library of checks");
  checks = reinterpret_cast<CheckOpen>(open)(kCheckPluginVersion, kPluginVersion, TERN_ABI_VERSION);
  if (!checks) fail(TERN_ERR_UNAVAILABLE, "%s is of another version of Tern", path.c_str());
  return *checks;
}

}  // namespace tern
