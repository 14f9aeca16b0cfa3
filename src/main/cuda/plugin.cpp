// What libtern_cuda.so exports.
#include "core/plugin.h"

#include <cstdio>
#include <exception>
#include <new>

#include "backend_cuda.h"
#include "core/memory.h"
#include "core/status.h"

extern "C" __attribute__((visibility("default"))) int32_t tern_plugin_open(tern::PluginRequest* request) {
  const auto refuse = [request](int32_t status, const char* text) {
    std::snprintf(request->error, sizeof request->error, "%s", text);
    return status;
  };
  if (request->version != tern::kPluginVersion || request->abi_version != TERN_ABI_VERSION)
    return refuse(TERN_ERR_UNAVAILABLE, "libtern_cuda.so and libtern.so are of different versions");
  try {
    request->backend = tern::cuda::open_backend(request->index);
    request->native_bytes = tern::native_bytes;
    return TERN_OK;
  } catch (const tern::Error& e) {
    return refuse(e.status(), e.what());
  } catch (const std::bad_alloc&) {
    return refuse(TERN_ERR_OUT_OF_MEMORY, "the system refused memory for a small object");
  } catch (const std::exception& e) {
    return refuse(TERN_ERR_INTERNAL, e.what());
  }
}
