#include "cpu/isa.h"

#include <cstdlib>
#include <cstring>

#include "core/status.h"
#include "cpu/amx.h"

namespace tern::cpu {
namespace {

struct Feature {
  const char* name;
  bool there;
  Isa tier;
};

std::string missing(Isa tier) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const Feature features[] = {
      {"AVX2", bool(__builtin_cpu_supports("avx2")), Isa::avx2},
      {"FMA", bool(__builtin_cpu_supports("fma")), Isa::avx2},
      {"F16C", bool(__builtin_cpu_supports("f16c")), Isa::avx2},
      {"AVX-512F", bool(__builtin_cpu_supports("avx512f")), Isa::avx512},
      {"AVX-512BW", bool(__builtin_cpu_supports("avx512bw")), Isa::avx512},
      {"AVX-512DQ", bool(__builtin_cpu_supports("avx512dq")), Isa::avx512},
      {"AVX-512VL", bool(__builtin_cpu_supports("avx512vl")), Isa::avx512},
  };
  std::string names;
  for (const Feature& f : features)
    if (f.tier <= tier && !f.there) names += (names.empty() ? "" : ", ") + std::string(f.name);
  return names;
#else
  return tier == Isa::scalar ? "" : "an x86-64 processor";
#endif
}

constexpr char kAmx[] = "amx";

// Why there is no AMX; empty if there is.
std::string amx_not_there() {
  const std::string lacks = missing(Isa::avx512);
  return lacks.empty() ? amx_missing() : "the processor lacks " + lacks;
}

const char* requested() {
  const char* text = std::getenv("TERN_ISA");
  return text && *text ? text : nullptr;
}

Isa choose() {
  const char* name = requested();
  if (!name) return isa_supported();
  if (!std::strcmp(name, kAmx)) {
    if (!amx_not_there().empty()) fail(TERN_ERR_UNAVAILABLE, "TERN_ISA=%s, but %s", name, amx_not_there().c_str());
    return Isa::avx512;
  }
  for (Isa tier : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (std::strcmp(name, isa_name(tier))) continue;
    if (tier > isa_supported())
      fail(TERN_ERR_UNAVAILABLE, "TERN_ISA=%s, but the processor lacks %s", name, missing(tier).c_str());
    return tier;
  }
  fail(TERN_ERR_INVALID_ARGUMENT, "TERN_ISA=%s: it must be scalar, avx2, avx512 or amx", name);
}

}  // namespace

const char* isa_name(Isa isa) {
  return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "scalar";
}

Isa isa_supported() {
  static const Isa best = missing(Isa::avx512).empty() ? Isa::avx512 : missing(Isa::avx2).empty() ? Isa::avx2 : Isa::scalar;
  return best;
}

Isa isa() {
  static const Isa chosen = choose();
  return chosen;
}

bool amx() {
  static const bool use = isa() == Isa::avx512 && (!requested() || !std::strcmp(requested(), kAmx)) && amx_not_there().empty();
  return use;
}

std::string isa_reason() {
  const bool asked_for_less = requested() && std::strcmp(requested(), kAmx);
  std::string text = std::string(kAmx) + ": " + (amx() ? "used beside avx512" : asked_for_less ? "not used: TERN_ISA asks for less" : "not here: " + amx_not_there());
  for (Isa tier : {Isa::avx512, Isa::avx2, Isa::scalar}) {
    std::string reason;
    if (tier == isa())
      reason = requested() ? "chosen by TERN_ISA" : "chosen: the widest this processor has";
    else if (tier > isa_supported())
      reason = "not here: the processor lacks " + missing(tier);
    else if (tier > isa())
      reason = "not used: TERN_ISA asks for less";
    else
      reason = "not needed";
    text += "\n" + std::string(isa_name(tier)) + ": " + reason;
  }
  return text;
}

}  // namespace tern::cpu
