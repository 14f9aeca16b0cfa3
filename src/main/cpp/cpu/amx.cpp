#include "cpu/amx.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tern::cpu {
namespace {

#if defined(__x86_64__) && defined(__linux__)

constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
constexpr uint64_t kTileState = 3 << 17;                     // XCR0: XTILECFG, XTILEDATA

uint64_t saved_states() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

// Tiles of 16 rows of 64 bytes, 8 of them, as palette 1 has had them so far.
bool palette_fits() {
  uint32_t a, b, c, d;
  return __get_cpuid_count(0x1d, 1, &a, &b, &c, &d) && (b & 0xffff) >= 64 && b >> 16 >= 8 && (c & 0xffff) >= 16;
}

std::string missing() {
  uint32_t a, b, c = 0, d = 0, c1 = 0, d1;
  __get_cpuid(1, &a, &b, &c1, &d1);
  __get_cpuid_count(7, 0, &a, &b, &c, &d);
  std::string names;
  const auto need = [&](bool there, const char* name) {
    if (!there) names += (names.empty() ? "" : ", ") + std::string(name);
  };
  need(c & 1u << 11, "AVX-512 VNNI");
  need(d & 1u << 24, "AMX-TILE");
  need(d & 1u << 25, "AMX-INT8");
  if (!names.empty()) return "the processor lacks " + names;
  if (!(c1 & 1u << 27) || (saved_states() & kTileState) != kTileState) return "the system does not save tile registers";
  if (!palette_fits()) return "the processor's tiles are smaller than 16 rows of 64 bytes";
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0) return "";
  if (errno == ENOSPC) return "a thread's alternative signal stack is too small for tile registers";
  return "the system refuses tile registers (arch_prctl: " + std::string(std::strerror(errno)) + "): Linux before 5.16, or a sandbox";
}

#else

std::string missing() { return "it needs Linux on x86-64"; }

#endif

}  // namespace

const std::string& amx_missing() {
  static const std::string* const reason = new std::string(missing());  // never destroyed: asked while the process ends
  return *reason;
}

}  // namespace tern::cpu
