// The scheduler of one block. A pass visits every warp that has lanes to run; a visit runs each of them up to where it must wait.
// Seed 0 lets a warp run as far as it can before the next one does; 1 does so from the last warp and lane to the first; others
// shuffle warps and lanes, let a warp run for a random number of turns, and hold one warp back for many passes. All are orders that a GPU may take.
#include "simt/block.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <numeric>
#include <thread>
#include <tuple>

#include "control_state.h"
#include "fiber.h"
#include "simt/warp.h"

namespace simt {

__thread Block* current_block = nullptr;
__thread Thread* current_thread = nullptr;

namespace {
constexpr int kIdlePasses = 1000;  // of polling loops that see nothing happen, before that counts as a deadlock
constexpr unsigned kSlowPasses = 32;
constexpr size_t kGuard = 1024;
constexpr unsigned char kPoison = 0xff;  // NaN in every format, -1 as an integer
constexpr unsigned char kCanary = 0xfb;

struct DeferredFault {};

void fiber_entry() {
  entered_context();
  block().thread_main();
}
}  // namespace

Block::Block() : threads_(kMaxThreads), warps_(kMaxWarps), warpgroups_(kMaxThreads / 128) {}
Block::~Block() {
  if (shared_) ASAN_UNPOISON_MEMORY_REGION(shared_memory_.data(), shared_memory_.size());
  for (char* stack : stacks_) unmap_stack(stack);
}

unsigned Block::random() {
  random_ = random_ * 1664525u + 1013904223u;
  return random_ >> 8;
}

void Block::prepare(const Grid& grid, uint3 index) {
  grid_ = &grid;
  index_ = index;
  error_ = cudaSuccess;
  n_threads_ = n_alive_ = static_cast<int>(grid.block.x * grid.block.y * grid.block.z);
  n_warps_ = (n_threads_ + kWarpLanes - 1) / kWarpLanes;
  steps_ = spins_ = progress_ = 0;
  deferred_.clear();
  for (Barrier& b : barriers_) b = Barrier();
  for (Warpgroup& g : warpgroups_) {
    g.arrived = 0;
    g.products.clear();
    g.ends.clear();
    g.fenced = false;
  }
  while (stacks_.size() < static_cast<size_t>(n_threads_)) stacks_.push_back(map_stack());
  for (int w = 0; w < n_warps_; w++) {
    Warp& warp = warps_[w];
    const int n = std::min(kWarpLanes, n_threads_ - w * kWarpLanes);
    warp.alive = warp.ready = n == kWarpLanes ? ~0u : (1u << n) - 1;
    warp.waiting = 0;
    warp.threads = &threads_[w * kWarpLanes];
  }
  for (int i = 0; i < n_threads_; i++) {
    Thread& t = threads_[i];
    const unsigned u = static_cast<unsigned>(i);
    t.index = {u % grid.block.x, u / grid.block.x % grid.block.y, u / (grid.block.x * grid.block.y)};
    t.linear = i;
    t.lane = i % kWarpLanes;
    t.warp = &warps_[i / kWarpLanes];
    t.site = {};
    t.copies.clear();
    t.groups.clear();
    start_context(t.context, stacks_[i], i % 32 * 112, fiber_entry);
  }
  seed_ = seed();
  random_ = seed_ * 2654435761u + index.x * 40503u + index.y * 9973u + index.z;
  std::iota(lane_order_, lane_order_ + kWarpLanes, 0);
  std::iota(warp_order_, warp_order_ + n_warps_, 0);
  if (seed_ == 1) {
    std::reverse(lane_order_, lane_order_ + kWarpLanes);
    std::reverse(warp_order_, warp_order_ + n_warps_);
  }
}

void Block::prepare_shared() {
  const size_t n = grid_->shared, all = n + 2 * kGuard + 1024;
  if (shared_memory_.size() < all) {
    if (shared_) ASAN_UNPOISON_MEMORY_REGION(shared_memory_.data(), shared_memory_.size());
    shared_memory_ = std::vector<unsigned char>(all);
  }
  unsigned char* const begin = shared_memory_.data();
  const size_t size = shared_memory_.size();
  ASAN_UNPOISON_MEMORY_REGION(begin, size);
  shared_ = reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(begin) + kGuard + 1023) / 1024 * 1024);
  std::memset(shared_ - kGuard, kCanary, kGuard);
  std::memset(shared_, kPoison, n);
  std::memset(shared_ + n, kCanary, kGuard);
  ASAN_POISON_MEMORY_REGION(begin, static_cast<size_t>(shared_ - begin));
  ASAN_POISON_MEMORY_REGION(shared_ + n, static_cast<size_t>(begin + size - shared_) - n);
}

void Block::check_shared() {
  const size_t n = grid_->shared;
  ASAN_UNPOISON_MEMORY_REGION(shared_memory_.data(), shared_memory_.size());
  for (size_t i = 0; i < 2 * kGuard; i++) {
    const int64_t offset = i < kGuard ? static_cast<int64_t>(i) - static_cast<int64_t>(kGuard) : static_cast<int64_t>(n + i - kGuard);
    if (shared_[offset] == kCanary) continue;
    char text[200];
    std::snprintf(text, sizeof text, "a byte of shared memory was written at offset %lld, the block has %zu bytes",
                  static_cast<long long>(offset), n);
    error_ = cudaErrorIllegalAddress;
    report_fault(*grid_, index_, nullptr, text);
    return;
  }
}

cudaError_t Block::run(const Grid& grid, uint3 index) {
  prepare(grid, index);
  prepare_shared();
  describe_thread_stack(scheduler_);
  catch_bad_accesses();
  current_block = this;
  schedule();
  if (error_ == cudaSuccess)
    check_shared();
  else
    for (char* stack : stacks_) forget_stack(stack);
  current_block = nullptr;
  return error_;
}

// ---- the scheduler, on its own stack ----------------------------------------------------------------------------------------

void Block::schedule() {
  int idle = 0;
  bool wait_for_slow = true;
  const int slow_warp = seed_ > 1 ? static_cast<int>(random() % static_cast<unsigned>(n_warps_)) : -1;
  for (unsigned pass = 0; n_alive_ > 0 && error_ == cudaSuccess; pass++) {
    const uint64_t steps = steps_, spins = spins_, progress = progress_;
    if (seed_ > 1)
      for (int i = n_warps_ - 1; i > 0; i--) std::swap(warp_order_[i], warp_order_[random() % (i + 1)]);
    bool skipped = false;
    for (int i = 0; i < n_warps_ && error_ == cudaSuccess; i++)
      if (warp_order_[i] == slow_warp && pass % kSlowPasses && !wait_for_slow) skipped = warps_[slow_warp].ready != 0;
      else run_warp(warps_[warp_order_[i]]);
    if (error_ != cudaSuccess) return;
    const bool moved = skipped || steps_ - steps != spins_ - spins || progress_ != progress;
    wait_for_slow = skipped && steps_ == steps;
    if ((!(moved && seed_ == 1) && run_deferred()) || moved) {
      idle = 0;
    } else if (steps_ == steps || ++idle == kIdlePasses) {
      if (n_alive_ == 0) return;
      error_ = cudaErrorLaunchTimeout;
      report_fault(*grid_, index_, nullptr, deadlock_text().c_str());
    } else {
      std::this_thread::yield();
    }
  }
}

void Block::run_warp(Warp& warp) {
  unsigned turns = seed_ > 1 ? 1 + random() % 8 : ~0u;
  while (warp.ready && turns-- && error_ == cudaSuccess) {
    const uint64_t spins = spins_, progress = progress_;
    if (seed_ > 1)
      for (int i = kWarpLanes - 1; i > 0; i--) std::swap(lane_order_[i], lane_order_[random() % (i + 1)]);
    turn_warp_ = &warp;
    turn_ = warp.ready;
    turn_position_ = 0;
    warp.ready = 0;
    const unsigned n = static_cast<unsigned>(__builtin_popcount(turn_));
    steps_ += n;
    switch_context(scheduler_, next());
    if (spins_ - spins == n && progress_ == progress) return;
  }
}

// Those due, oldest first. Seed 0: all. 1: one, and none before all threads wait: whoever does not wait reads too early. Others: some stay
// for the next pass.
bool Block::run_deferred() {
  if (deferred_.empty()) return false;
  const size_t n = seed_ > 1 ? random() % (deferred_.size() + 1) : seed_ == 1 ? 1 : deferred_.size();
  const auto end = deferred_.begin() + static_cast<long>(n);
  const std::vector<std::function<void()>> actions(std::make_move_iterator(deferred_.begin()), std::make_move_iterator(end));
  deferred_.erase(deferred_.begin(), end);
  try {
    for (auto& action : actions) action();
  } catch (const DeferredFault&) {
  }
  return true;
}

// What runs after the thread that runs now.
Context& Block::next() {
  while (turn_position_ < kWarpLanes) {
    const int lane = lane_order_[turn_position_++];
    if (turn_ >> lane & 1) {
      turn_ &= ~(1u << lane);
      current_thread = turn_warp_->threads + lane;
      return current_thread->context;
    }
  }
  current_thread = nullptr;
  return scheduler_;
}

std::string Block::deadlock_text() const {
  std::map<std::tuple<std::string, std::string, int>, std::vector<int>> waiting;
  for (int i = 0; i < n_threads_; i++)
    if (threads_[i].warp->alive >> threads_[i].lane & 1)
      waiting[{threads_[i].site.what, threads_[i].site.file, threads_[i].site.line}].push_back(i);
  std::string text = "deadlock, " + std::to_string(n_alive_) + " of " + std::to_string(n_threads_) + " threads live:";
  for (const auto& [site, ids] : waiting) {
    const auto& [what, file, line] = site;
    text += "\n  " + std::to_string(ids.size()) + " at " + what + ", " + file + ":" + std::to_string(line) + ": threads";
    for (size_t i = 0; i < ids.size() && i < 8; i++) text += " " + std::to_string(ids[i]);
    if (ids.size() > 8) text += " ... " + std::to_string(ids.back());
  }
  return text;
}

// ---- on the fibers' stacks --------------------------------------------------------------------------------------------------

void Block::suspend() {
  Thread& from = thread();
  switch_context(from.context, next());
}

void Block::thread_main() {
  grid_->body(grid_->call.get());
  retire(thread());
  suspend();
  __builtin_trap();
}

void Block::retire(Thread& t) {
  Warp& warp = *t.warp;
  t.site = {"exit", "", 0};
  warp.alive &= ~(1u << t.lane);
  n_alive_--;
  for (Barrier& b : barriers_)
    if (b.arrived && !b.expected && b.arrived == n_alive_) release(b);
  for (uint32_t rest = warp.waiting; rest; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    if (warp.waiting >> lane & 1) complete(warp, warp.mask[lane], warp.op[lane]);
  }
}

// A warp operation is one instruction: lanes that came to another one on another path would not take part in it on a GPU.
void Block::check_sites(const Warp& warp, uint32_t lanes) const {
  const Site& first = warp.threads[__builtin_ctz(lanes)].site;
  for (uint32_t rest = lanes & (lanes - 1); rest; rest &= rest - 1) {
    const Site& site = warp.threads[__builtin_ctz(rest)].site;
    if (site.line != first.line)
      simt::fault(cudaErrorIllegalInstruction, "%s: lanes of one warp came to it at %s:%d and at %s:%d", site.what, first.file,
                  first.line, site.file, site.line);
  }
}

bool Block::complete(Warp& warp, uint32_t mask, WarpOp op) {
  const uint32_t lanes = mask & warp.alive;
  if ((warp.waiting & lanes) != lanes) return false;
  for (uint32_t rest = lanes; rest; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    if (warp.op[lane] != op || warp.mask[lane] != mask) return false;
  }
  if (op != meet_lanes && lanes) check_sites(warp, lanes);
  op(warp.arg, lanes);
  warp.waiting &= ~lanes;
  warp.ready |= lanes;
  return true;
}

void Block::collective(uint32_t mask, void* arg, WarpOp op, const Site& site) {
  Thread& t = thread();
  Warp& warp = *t.warp;
  const uint32_t bit = 1u << t.lane;
  t.site = site;
  if (!(mask & bit)) simt::fault(cudaErrorIllegalInstruction, "%s: lane %d is not in its mask %08x", site.what, t.lane, mask);
  warp.arg[t.lane] = arg;
  warp.op[t.lane] = op;
  warp.mask[t.lane] = mask;
  warp.waiting |= bit;
  if (complete(warp, mask, op))
    warp.ready &= ~bit;  // it runs on
  else
    suspend();
}

void Block::warpgroup_collective(void* arg, WarpgroupOp op, const Site& site) {
  Thread& t = thread();
  const int first = t.linear / 128 * 128;
  Warpgroup& group = warpgroups_[t.linear / 128];
  t.site = site;
  if (first + 128 > n_threads_) simt::fault(cudaErrorIllegalInstruction, "%s: a warpgroup of fewer than 128 threads", site.what);
  if (group.arrived && group.op != op) simt::fault(cudaErrorIllegalInstruction, "%s: the warpgroup diverges", site.what);
  group.op = op;
  group.arg[t.linear - first] = arg;
  if (++group.arrived < 128) return suspend();
  op(group.arg);
  group.arrived = 0;
  for (int w = 0; w < 4; w++) warps_[first / kWarpLanes + w].ready = ~0u;
  t.warp->ready &= ~(1u << t.lane);
}

void Block::release(Barrier& b) {
  b.last_any = b.any;
  b.last_all = b.all;
  b.last_count = b.count;
  b.any = b.count = b.arrived = b.expected = 0;
  b.all = 1;
  for (int w = 0; w < n_warps_; w++) {
    warps_[w].ready |= b.waiting[w];
    b.waiting[w] = 0;
  }
}

Barrier& Block::barrier(int id, int n, int predicate, const Site& site) {
  Thread& t = thread();
  if (id < 0 || id >= kNamedBarriers || n % kWarpLanes)
    simt::fault(cudaErrorIllegalInstruction, "%s: barrier %d of %d threads", site.what, id, n);
  Barrier& b = barriers_[id];
  const int w = static_cast<int>(t.warp - warps_.data());
  if (b.waiting[w]) {  // threads of one warp must come to the same barrier instruction
    const Site& other = t.warp->threads[__builtin_ctz(b.waiting[w])].site;
    if (other.line != site.line || std::strcmp(other.file, site.file) != 0)
      simt::fault(cudaErrorIllegalInstruction, "%s: lanes of one warp came to it at %s:%d and at %s:%d", site.what, other.file,
                  other.line, site.file, site.line);
  }
  if (b.arrived && b.expected != n) simt::fault(cudaErrorIllegalInstruction, "%s: barrier %d of %d and of %d threads", site.what, id, b.expected, n);
  t.site = site;
  b.expected = n;
  b.any |= predicate != 0;
  b.all &= predicate != 0;
  b.count += predicate != 0;
  b.waiting[w] |= 1u << t.lane;
  if (++b.arrived == (n ? n : n_alive_)) {
    release(b);
    t.warp->ready &= ~(1u << t.lane);
  } else {
    suspend();
  }
  return b;
}

void Block::spin(const Site& site) {
  Thread& t = thread();
  t.site = site;
  t.warp->ready |= 1u << t.lane;
  spins_++;
  suspend();
}

void Block::fault(cudaError_t code, const char* text) {
  error_ = code;
  report_fault(*grid_, index_, current_thread, text);
  if (!current_thread) throw DeferredFault();  // there is no fiber to leave
  Context& from = thread().context;
  current_thread = nullptr;
  switch_context(from, scheduler_);
  __builtin_trap();
}

void fault(cudaError_t code, const char* format, ...) {
  char text[600];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (!current_block) {
    std::fprintf(stderr, "simt: device code was called outside a kernel: %s\n", text);
    std::abort();
  }
  block().fault(code, text);
}

unsigned char* check_shared(const void* pointer, size_t n_bytes, size_t alignment, const char* what) {
  const auto address = reinterpret_cast<uintptr_t>(pointer), begin = reinterpret_cast<uintptr_t>(block().shared());
  const long long offset = static_cast<long long>(address - begin);
  if (address < begin || address + n_bytes > begin + block().shared_bytes())
    fault(cudaErrorIllegalAddress, "%s: %zu bytes at offset %lld of shared memory, which has %zu", what, n_bytes, offset,
          block().shared_bytes());
  if (address % alignment) fault(cudaErrorMisalignedAddress, "%s: offset %lld of shared memory is not a multiple of %zu", what, offset, alignment);
  return const_cast<unsigned char*>(static_cast<const unsigned char*>(pointer));
}

}  // namespace simt
