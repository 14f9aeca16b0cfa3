// Libraries that are opened when they are first needed, and never closed.
#pragma once

#include <string>

namespace tern {

// The path of a library in the folder of the one that this code is in.
std::string beside_this_library(const char* name);

// A symbol of the library at path. Throws UNAVAILABLE with the reason. what: names the library in it; part: what one without the symbol
// is not.
void* library_symbol(const std::string& path, const char* symbol, const char* what, const char* part);

}  // namespace tern
