// The handles of the ABI and the guard around every call.
#pragma once

#include <exception>
#include <memory>
#include <new>
#include <string>

#include "core/status.h"
#include "model/engine.h"
#include "model/model.h"

struct tern_device {
  std::shared_ptr<tern::Device> device;
};
struct tern_model {
  std::shared_ptr<tern::Model> model;
};
struct tern_engine {
  std::shared_ptr<tern::Engine> engine;
};

namespace tern {

void set_last_error(const char* text) noexcept;

// Runs body, turning whatever it throws into a status and this thread's text.
template <class Body>
int32_t guarded(Body&& body) noexcept {
  try {
    body();
    return TERN_OK;
  } catch (const Error& e) {
    set_last_error(e.what());
    return e.status();
  } catch (const std::bad_alloc&) {
    set_last_error("the system refused memory for a small object");
    return TERN_ERR_OUT_OF_MEMORY;
  } catch (const std::exception& e) {
    set_last_error(e.what());
    return TERN_ERR_INTERNAL;
  } catch (...) {
    set_last_error("an unknown exception");
    return TERN_ERR_INTERNAL;
  }
}

#define TERN_CHECK_HANDLE(handle) TERN_CHECK_ARG((handle) != nullptr, #handle " is null")

}  // namespace tern
