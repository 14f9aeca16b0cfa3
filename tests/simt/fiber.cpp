#include "fiber.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include <memory>
#include <mutex>
#include <new>

namespace simt {
namespace {

// noipa: gcc would otherwise believe that the assembly clobbers nothing.
__attribute__((naked, noinline, noipa)) void swap_stacks(void** /* save: rdi */, void* /* load: rsi */) {
  __asm__(
      "pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
      "movq %rsp, (%rdi)\n movq %rsi, %rsp\n"
      "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret\n");
}

#if !SIMT_ASAN
struct sigaction former_segv, former_bus;

// The kernel's code, not the C library, made the access, so leaving the fiber here breaks nothing.
void on_bad_access(int signal, siginfo_t* info, void* context) {
  if (current_block && current_thread)
    fault(cudaErrorIllegalAddress, "an access to %p, which is not memory of the device, or not aligned", info->si_addr);
  const struct sigaction& former = signal == SIGSEGV ? former_segv : former_bus;
  if (former.sa_flags & SA_SIGINFO) {
    former.sa_sigaction(signal, info, context);
  } else if (former.sa_handler == SIG_DFL || former.sa_handler == SIG_IGN) {
    ::signal(signal, SIG_DFL);  // the access is made again, and ends the process
  } else {
    former.sa_handler(signal);
  }
}

// Where a handler runs, for a fiber may have no stack left.
class SignalStack {
 public:
  SignalStack() {
    stack_t now = {};
    sigaltstack(nullptr, &now);
    if (!(now.ss_flags & SS_DISABLE)) return;
    memory_ = std::make_unique<char[]>(kBytes);
    set(0);
  }
  ~SignalStack() {
    if (memory_) set(SS_DISABLE);
  }

 private:
  static constexpr size_t kBytes = 64 * 1024;
  void set(int flags) {
    stack_t stack = {};
    stack.ss_sp = memory_.get();
    stack.ss_size = kBytes;
    stack.ss_flags = flags;
    sigaltstack(&stack, nullptr);
  }
  std::unique_ptr<char[]> memory_;
};

void install_handlers() {
  struct sigaction action = {};
  action.sa_sigaction = on_bad_access;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;  // in a kernel the handler does not return
  sigaction(SIGSEGV, &action, &former_segv);
  sigaction(SIGBUS, &action, &former_bus);
}
#endif

}  // namespace

void catch_bad_accesses() {
#if !SIMT_ASAN
  static thread_local SignalStack stack;
  static std::once_flag once;
  std::call_once(once, install_handlers);
#endif
}

char* map_stack() {
  void* map = mmap(nullptr, kPageBytes + kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  mprotect(map, kPageBytes, PROT_NONE);
  return static_cast<char*>(map) + kPageBytes;
}

void unmap_stack(char* low) {
  ASAN_UNPOISON_MEMORY_REGION(low, kStackBytes);
  munmap(low - kPageBytes, kPageBytes + kStackBytes);
}

void forget_stack(char* low) { ASAN_UNPOISON_MEMORY_REGION(low, kStackBytes); }

void start_context(Context& context, char* low, int offset, void (*entry)()) {
  ASAN_UNPOISON_MEMORY_REGION(low + kStackBytes - 2 * kPageBytes, 2 * kPageBytes);  // frames that never return
  context.low = low;
  context.size = kStackBytes;
  context.fake_stack = nullptr;
  void** top = reinterpret_cast<void**>(low + kStackBytes - 64 - offset / 16 * 16);
  *--top = nullptr;  // entry finds the stack as after a call
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  context.sp = top;
}

#if SIMT_ASAN
void switch_context(Context& from, Context& to) {
  __sanitizer_start_switch_fiber(&from.fake_stack, to.low, to.size);
  swap_stacks(&from.sp, to.sp);
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
}
void entered_context() { __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr); }
void describe_thread_stack(Context& context) {
  static thread_local void* low = nullptr;
  static thread_local size_t size = 0;
  if (!low) {  // once a thread: for a process's first thread the C library reads /proc
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
  }
  context.low = low;
  context.size = size;
}
#else
void switch_context(Context& from, Context& to) { swap_stacks(&from.sp, to.sp); }
void entered_context() {}
void describe_thread_stack(Context&) {}
#endif

}  // namespace simt
