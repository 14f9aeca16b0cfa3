// What the library of a backend exports: one C function, tern_plugin_open. It has its own copy of core/, compiled together with this one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/backend.h"

namespace tern {

constexpr int kPluginVersion = 5;  // with TERN_ABI_VERSION: of everything in core/backend.h

struct PluginRequest {
  int32_t version;      // kPluginVersion
  int32_t abi_version;  // TERN_ABI_VERSION
  int32_t index;        // of the device
  std::shared_ptr<Backend> backend;  // the result
  int64_t (*native_bytes)();         // the result
  char error[512];                   // why there is no backend
};

using PluginOpen = int32_t (*)(PluginRequest*);  // a status; throws nothing

}  // namespace tern
