// Switching between stacks, and what AddressSanitizer has to be told about it. x86-64, System V.
#pragma once

#include <cstddef>

#include "simt/block.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define SIMT_ASAN 0
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace simt {

constexpr size_t kPageBytes = 4096;
constexpr size_t kStackBytes = SIMT_ASAN ? 512 * 1024 : 128 * 1024;

// A stack with a page below it that must not be touched; the OS gives memory for what is used of it. Throws std::bad_alloc.
char* map_stack();
void unmap_stack(char* low);

// Makes the context start with entry() when first switched to; entry must never return. Stacks start at different offsets in a page,
// or the hot lines of all fibers would compete for the same few sets of the cache.
void start_context(Context& context, char* low, int offset, void (*entry)());
// For a stack that was left in the middle.
void forget_stack(char* low);
void switch_context(Context& from, Context& to);
// The first thing that entry() calls.
void entered_context();
// The context of the calling OS thread.
void describe_thread_stack(Context& context);

// Turns SIGSEGV and SIGBUS in a kernel into a fault of it, which ends the block; for each OS thread that runs blocks. Elsewhere
// they go to who had them before. Not under AddressSanitizer, which reports better.
void catch_bad_accesses();

}  // namespace simt
