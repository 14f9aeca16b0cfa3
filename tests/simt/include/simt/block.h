// How a kernel runs on the CPU: one fiber per CUDA thread, one OS thread per block that is resident. Warp operations are done once,
// by the lane that arrives last, on the arguments that the suspended lanes left on their stacks.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "error.h"
#include "vectors.h"

namespace simt {

constexpr int kWarpLanes = 32;
constexpr int kMaxThreads = 1024;
constexpr int kMaxWarps = kMaxThreads / kWarpLanes;
constexpr int kNamedBarriers = 16;
constexpr unsigned kSharedBase = 1024;  // 32-bit address of the first byte of shared memory, as on sm_90

// Where in the kernel's source a thread waits.
struct Site {
  const char* what = "";
  const char* file = "";
  int line = 0;
};
#define SIMT_SITE_ARGS const char* site_file = __builtin_FILE(), int site_line = __builtin_LINE()

// A stack to run on. low and size are what AddressSanitizer wants to know.
struct Context {
  void* sp = nullptr;
  void* fake_stack = nullptr;
  const void* low = nullptr;
  size_t size = 0;
};

// cp.async: 16 bytes on their way.
struct Copy {
  unsigned char* to;
  const unsigned char* from;
  int n_valid;
};

struct Warp;

struct Thread {
  Context context;
  uint3 index{};
  int linear = 0;
  int lane = 0;
  Warp* warp = nullptr;
  Site site;
  std::vector<Copy> copies;    // oldest first
  std::vector<size_t> groups;  // ends of the committed groups in copies
};

// What a warp operation does: args[lane] for the lanes of the mask.
using WarpOp = void (*)(void* const* args, uint32_t lanes);
// The same for a warpgroup: 128 args.
using WarpgroupOp = void (*)(void* const* args);

struct Warp {
  uint32_t alive = 0;
  uint32_t ready = 0;
  uint32_t waiting = 0;  // in a warp operation
  Thread* threads = nullptr;
  void* arg[kWarpLanes];
  WarpOp op[kWarpLanes];
  uint32_t mask[kWarpLanes];
};

struct Warpgroup {
  int arrived = 0;
  WarpgroupOp op = nullptr;
  void* arg[128];
  std::vector<std::function<void()>> products;  // of wgmma, issued and not waited for, oldest first
  std::vector<size_t> ends;                     // of the committed groups in products
  bool fenced = false;                          // since the last wait
};

struct Barrier {
  int arrived = 0;
  int expected = 0;  // 0: all that live
  int any = 0, all = 1, count = 0;             // of the predicates of those who arrived
  int last_any = 0, last_all = 0, last_count = 0;
  uint32_t waiting[kMaxWarps] = {};
};

struct Grid {
  std::string name;
  dim3 grid, block;
  size_t shared = 0;
  void (*body)(const void* call) = nullptr;
  std::shared_ptr<const void> call;  // the kernel and its arguments
};

class Block {
 public:
  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Runs one block to its end. cudaSuccess, or the error of the fault that ended it.
  cudaError_t run(const Grid& grid, uint3 index);

  // For code that runs in a fiber.
  void suspend();
  void collective(uint32_t mask, void* arg, WarpOp op, const Site& site);
  void warpgroup_collective(void* arg, WarpgroupOp op, const Site& site);
  Barrier& barrier(int id, int n_threads, int predicate, const Site& site);  // n_threads 0: the whole block
  void spin(const Site& site);             // one turn of a polling loop
  void note_progress() { progress_++; }    // something a polling loop may be waiting for has happened
  // To be run, in the order given, at the end of the scheduler's pass or of a later one: an asynchronous action. It may fault and
  // defer; what is left when the last thread exits is dropped.
  void defer(std::function<void()> action) { deferred_.push_back(std::move(action)); }
  [[noreturn]] void fault(cudaError_t code, const char* text);

  Warpgroup& warpgroup() { return warpgroups_[static_cast<size_t>(current_linear()) / 128]; }  // the running thread's

  unsigned char* shared() const { return shared_; }
  size_t shared_bytes() const { return grid_->shared; }
  const Grid& grid() const { return *grid_; }
  uint3 index() const { return index_; }
  int n_threads() const { return n_threads_; }
  uint64_t steps() const { return steps_; }
  void thread_main();

 private:
  static int current_linear();
  void prepare(const Grid& grid, uint3 index);
  void prepare_shared();
  void check_shared();
  void schedule();
  void run_warp(Warp& warp);
  bool run_deferred();
  Context& next();
  void retire(Thread& thread);
  void release(Barrier& barrier);
  bool complete(Warp& warp, uint32_t mask, WarpOp op);
  void check_sites(const Warp& warp, uint32_t lanes) const;
  std::string deadlock_text() const;
  void new_stack(Thread& thread, int i);
  unsigned random();

  const Grid* grid_ = nullptr;
  uint3 index_{};
  int n_threads_ = 0;
  int n_warps_ = 0;
  int n_alive_ = 0;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<Warpgroup> warpgroups_;
  std::vector<char*> stacks_;
  Barrier barriers_[kNamedBarriers];
  std::vector<std::function<void()>> deferred_;

  Context scheduler_;
  Warp* turn_warp_ = nullptr;  // whose lanes run
  uint32_t turn_ = 0;          // those still to run
  int turn_position_ = 0;
  uint8_t lane_order_[kWarpLanes];
  uint8_t warp_order_[kMaxWarps];
  uint32_t random_ = 0;
  unsigned seed_ = 0;
  uint64_t steps_ = 0, spins_ = 0, progress_ = 0;

  std::vector<unsigned char> shared_memory_;
  unsigned char* shared_ = nullptr;
  cudaError_t error_ = cudaSuccess;
};

// initial-exec: read at every turn, and by the signal handler, where a library's own thread-local storage might yet have to be allocated.
#define SIMT_TLS extern __thread __attribute__((tls_model("initial-exec")))
SIMT_TLS Block* current_block;
SIMT_TLS Thread* current_thread;
#undef SIMT_TLS

inline Block& block() { return *current_block; }
inline Thread& thread() { return *current_thread; }
inline int Block::current_linear() { return current_thread->linear; }

// Ends the kernel with an error that stays, as a GPU would, and with a text that names the kernel and the thread.
[[noreturn]] __attribute__((format(printf, 2, 3))) void fault(cudaError_t code, const char* format, ...);

inline unsigned char* dynamic_shared() { return block().shared(); }
// n_bytes at pointer, which must lie in shared memory and be aligned.
unsigned char* check_shared(const void* pointer, size_t n_bytes, size_t alignment, const char* what);
inline uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(static_cast<const unsigned char*>(pointer) - block().shared()) + kSharedBase;
}
inline unsigned char* shared_pointer(uint32_t address) { return block().shared() + (static_cast<int64_t>(address) - kSharedBase); }

inline void spin(const char* what, SIMT_SITE_ARGS) { block().spin({what, site_file, site_line}); }

}  // namespace simt
