// Errors inside the library: one exception type that api/ turns into a status code and this thread's text.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "tern.h"

namespace tern {

class Error : public std::runtime_error {
 public:
  Error(int32_t status, const std::string& text) : std::runtime_error(text), status_(status) {}
  int32_t status() const { return status_; }

 private:
  int32_t status_;
};

[[noreturn]] __attribute__((format(printf, 2, 3))) inline void fail(int32_t status, const char* format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  throw Error(status, text);
}

// For arguments that came through the ABI. The text names the value, the limit and, where there is one, the remedy.
#define TERN_CHECK_ARG(condition, ...)                                    \
  do {                                                                    \
    if (!(condition)) ::tern::fail(TERN_ERR_INVALID_ARGUMENT, __VA_ARGS__); \
  } while (0)

}  // namespace tern
