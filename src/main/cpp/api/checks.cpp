// extern "C" shell of the checks of a device.
#include <cstring>

#include "api/handles.h"
#include "core/check_plugin.h"

using namespace tern;

namespace {

// Runs a check on the handle's backend, alone for the duration of the call.
template <class Check>
int32_t checked(tern_device* device, tern_check_result* out, Check&& check) {
  return guarded([&] {
    TERN_CHECK_HANDLE(device);
    TERN_CHECK_HANDLE(out);
    TERN_CHECK_ARG(out->struct_size == sizeof *out, "struct_size is %u, of tern_check_result it is %zu", out->struct_size, sizeof *out);
    const Checks& checks = open_checks();
    const std::lock_guard<std::mutex> lock(device->device->mutex);
    const CheckResult r = check(checks, *device->device->backend);
    *out = {sizeof *out, r.verdict, r.n_values, r.n_wrong, r.n_bytes, r.n_ops, r.error, r.bound, r.seconds, {}};
    std::strncpy(out->text, r.text.c_str(), sizeof out->text - 1);
  });
}

const Checks* checks_or_null() {
  const Checks* checks = nullptr;
  guarded([&] { checks = &open_checks(); });
  return checks;
}

}  // namespace

extern "C" {

int32_t tern_check_library(const char* path) {
  return guarded([&] { set_check_library(path); });
}

int32_t tern_check_count(int32_t* n) {
  return guarded([&] {
    TERN_CHECK_HANDLE(n);
    *n = open_checks().n_cases();
  });
}

const char* tern_check_group(int32_t i) {
  const Checks* const checks = checks_or_null();
  return checks && i >= 0 && i < checks->n_cases() ? checks->group(i) : nullptr;
}

const char* tern_check_name(int32_t i) {
  const Checks* const checks = checks_or_null();
  return checks && i >= 0 && i < checks->n_cases() ? checks->name(i) : nullptr;
}

int32_t tern_check_case(tern_device* device, int32_t i, tern_check_result* out) {
  return checked(device, out, [&](const Checks& checks, Backend& backend) {
    TERN_CHECK_ARG(i >= 0 && i < checks.n_cases(), "case %d of %d", i, checks.n_cases());
    return checks.run_case(backend, i);
  });
}

int32_t tern_check_repeat(tern_device* device, int32_t what, int32_t n_repeats, int64_t seed, tern_check_result* out) {
  return checked(device, out, [&](const Checks& checks, Backend& backend) {
    TERN_CHECK_ARG(what >= 0 && what < TERN_REPEAT_COUNT, "nothing to repeat has the number %d", what);
    TERN_CHECK_ARG(n_repeats >= 1, "%d repeats", n_repeats);
    return checks.repeat(backend, what, n_repeats, static_cast<uint64_t>(seed));
  });
}

int32_t tern_check_memory(tern_device* device, int64_t n_bytes, int32_t pattern, int64_t seed, tern_check_result* out) {
  return checked(device, out, [&](const Checks& checks, Backend& backend) {
    TERN_CHECK_ARG(n_bytes >= 8 && n_bytes % 8 == 0, "%lld bytes, not a multiple of 8", static_cast<long long>(n_bytes));
    TERN_CHECK_ARG(pattern >= TERN_PATTERN_ADDRESS && pattern <= TERN_PATTERN_RANDOM, "no pattern has the number %d", pattern);
    return checks.memory(backend, n_bytes, {static_cast<PatternKind>(pattern), static_cast<uint64_t>(seed)});
  });
}

int32_t tern_check_copies(tern_device* device, int64_t n_bytes, int64_t seed, tern_check_result* out) {
  return checked(device, out, [&](const Checks& checks, Backend& backend) {
    TERN_CHECK_ARG(n_bytes >= 8 && n_bytes % 8 == 0, "%lld bytes, not a multiple of 8", static_cast<long long>(n_bytes));
    return checks.copies(backend, n_bytes, static_cast<uint64_t>(seed));
  });
}

int32_t tern_check_speed(tern_device* device, int32_t what, tern_check_result* out) {
  return checked(device, out, [&](const Checks& checks, Backend& backend) {
    TERN_CHECK_ARG(what >= 0 && what < TERN_SPEED_COUNT, "no speed has the number %d", what);
    return checks.speed(backend, what);
  });
}

}  // extern "C"
