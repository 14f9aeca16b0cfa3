// What TERN_ISA asks for is what is used, or an error that says why not. It is read once a process: each case is a process of its own.
#include "cpu/isa.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/status.h"
#include "cpu/amx.h"

namespace tern::cpu {
namespace {

bool has_line(const std::string& begin) { return ("\n" + isa_reason()).find("\n" + begin) != std::string::npos; }

// Runs check in a child; it fails by returning what is wrong.
template <class Check>
void in_child(const char* tern_isa, const Check& check) {
  EXPECT_EXIT(
      {
        setenv("TERN_ISA", tern_isa, 1);
        const std::string wrong = check();
        std::fprintf(stderr, "%s", wrong.c_str());
        std::_Exit(wrong.empty() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(IsaTest, LessThanTheProcessorHas) {
  for (const char* name : {"scalar", "avx2", "avx512"})
    in_child(name, [&]() -> std::string {
      try {
        if (isa_name(isa()) != std::string(name)) return std::string("it is ") + isa_name(isa());
        if (amx()) return "AMX is used";
        return has_line("amx: not used: TERN_ISA asks for less") && has_line(std::string(name) + ": chosen by TERN_ISA") ? "" : isa_reason();
      } catch (const Error& error) {
        return error.status() == TERN_ERR_UNAVAILABLE && std::string(error.what()).find("lacks") != std::string::npos ? "" : error.what();
      }
    });
}

TEST(IsaTest, AmxOrWhyNot) {
  in_child("amx", []() -> std::string {
    try {
      isa();
      return amx() && isa() == Isa::avx512 && amx_missing().empty() && has_line("amx: used") ? "" : isa_reason();
    } catch (const Error& error) {
      return error.status() == TERN_ERR_UNAVAILABLE && std::string(error.what()).find("TERN_ISA=amx, but ") == 0 ? "" : error.what();
    }
  });
  in_child("", []() -> std::string { return amx() == amx_missing().empty() && has_line(amx() ? "amx: used" : "amx: not here: ") ? "" : isa_reason(); });
}

TEST(IsaTest, UnknownNamesAreErrors) {
  in_child("abacus", []() -> std::string {
    try {
      isa();
      return "no error";
    } catch (const Error& error) {
      return error.status() == TERN_ERR_INVALID_ARGUMENT && std::string(error.what()).find("abacus") != std::string::npos ? "" : error.what();
    }
  });
}

// A signal there would not find room for the tile registers: Linux refuses them, and kernels go without.
TEST(IsaTest, AnAlternativeSignalStackWithoutRoomForTilesMeansNoAmx) {
  in_child("", []() -> std::string {
    static char stack[4096];
    stack_t small = {};
    small.ss_sp = stack;
    small.ss_size = sizeof stack;
    if (sigaltstack(&small, nullptr) != 0) return "sigaltstack";
    return amx() ? "AMX is used" : has_line("amx: not here: ") ? "" : isa_reason();
  });
}

}  // namespace
}  // namespace tern::cpu
