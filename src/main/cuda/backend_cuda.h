// The CUDA backend.
#pragma once

#include <memory>

#include "core/backend.h"

namespace tern::cuda {

// Throws UNAVAILABLE with the reason if device `index` cannot be used.
std::shared_ptr<Backend> open_backend(int index);

}  // namespace tern::cuda
