#include "core/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace tern {
namespace {

TEST(Pool, RunsEveryTaskOnceForAnyCounts) {
  for (int threads : {1, 2, 3, 8}) {
    Pool pool(threads);
    for (int n : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
      std::atomic<int> bad_thread{0};
      const auto task = [&](int i, int thread) {
        seen[i]++;
        if (thread < 0 || thread >= threads) bad_thread++;
      };
      pool.run(n, task);
      pool.run_short(n, task);
      for (int i = 0; i < n; i++) EXPECT_EQ(seen[i], 2) << threads << " threads, task " << i << " of " << n;
      EXPECT_EQ(bad_thread, 0);
    }
  }
}

TEST(Pool, ManyShortJobsInARowSeeTheirOwnTask) {
  Pool pool(4);
  for (int round = 0; round < 20000; round++) {
    std::atomic<int> sum{0};
    const int n = round % 7 ? 2 + round % 5 : 37;
    const auto task = [&](int i, int) { sum += i + round; };
    if (round % 2)
      pool.run(n, task);
    else
      pool.run_short(n, task);
    ASSERT_EQ(sum, n * (n - 1) / 2 + n * round) << round;
  }
}

TEST(Pool, WorkersThatFellAsleepWakeUp) {
  Pool pool(3);
  for (int round = 0; round < 20; round++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    std::atomic<int> n{0};
    const auto task = [&](int, int) { n++; };
    if (round % 2)
      pool.run(50, task);
    else
      pool.run_short(50, task);
    ASSERT_EQ(n, 50);
  }
}

// The caller's own task is done long before the others': it sleeps, and the thread that ends the job wakes it.
TEST(Pool, TheCallerSleepsUntilTheLastTaskIsDone) {
  Pool pool(3);
  for (int round = 0; round < 20; round++) {
    std::atomic<int> begun{0}, done{0};
    const auto task = [&](int, int thread) {
      begun++;
      while (begun < 3) std::this_thread::yield();  // one task each
      if (thread != 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      done++;
    };
    if (round % 2)
      pool.run(3, task);
    else
      pool.run_short(3, task);
    ASSERT_EQ(done, 3);
  }
}

TEST(Pool, TheCallerDoesTheWorkWhileWorkersAreHeldBack) {
  // One task waits until all others are done: with two threads that works only if tasks are claimed one at a time.
  Pool pool(2);
  std::atomic<int> done{0};
  pool.run(20, [&](int i, int) {
    if (i == 0)
      while (done < 19) std::this_thread::yield();
    else
      done++;
  });
  EXPECT_EQ(done, 19);
}

TEST(Pool, AThreadThatIsHeldBackDelaysWhatItHasClaimedAndNoMore) {
  // Short tasks: the first claim of a share of 40 takes 20, of one of 400 no more than 32.
  for (int n : {80, 800}) {
    Pool pool(2);
    const int others = n - (n == 80 ? 20 : 32);
    std::atomic<int> done{0}, done_meanwhile{0};
    pool.run_short(n, [&](int i, int) {
      if (i == 0) {
        const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (done < others && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        done_meanwhile = done.load();
      } else {
        done++;
      }
    });
    EXPECT_EQ(done_meanwhile, others) << n << " tasks";
    EXPECT_EQ(done, n - 1);
  }
}

TEST(Pool, Resizes) {
  Pool pool(1);
  for (int threads : {4, 2, 1, 3}) {
    pool.resize(threads);
    EXPECT_EQ(pool.n_threads(), threads);
    std::atomic<int> n{0};
    pool.run(10, [&](int, int) { n++; });
    EXPECT_EQ(n, 10);
  }
}

// Tasks that follow each other are one thread's, as long as it can take them: what they read is one stream.
TEST(Pool, AThreadBeginsWithItsOwnShareAndTakesItInOrder) {
  for (int threads : {2, 3, 5}) {
    Pool pool(threads);
    for (int n : {threads, 17, 64, threads}) {
      std::vector<std::vector<int>> taken(static_cast<size_t>(threads));
      std::atomic<int> arrived{0};
      pool.run(n, [&](int i, int thread) {
        std::vector<int>& own = taken[static_cast<size_t>(thread)];
        own.push_back(i);
        if (own.size() > 1) return;
        arrived++;  // nobody goes on before all have their first
        while (arrived < threads) std::this_thread::yield();
      });
      for (int t = 0; t < threads; t++) {
        const int first = Pool::first_task(n, threads, t), end = Pool::first_task(n, threads, t + 1);
        const std::vector<int>& own = taken[static_cast<size_t>(t)];
        ASSERT_FALSE(own.empty());
        EXPECT_EQ(own[0], first) << threads << " threads, " << n << " tasks, thread " << t;
        bool helps = false;  // once it takes another's task, its own share is empty
        for (size_t k = 1; k < own.size(); k++) {
          const bool is_own = own[k] >= first && own[k] < end;
          EXPECT_FALSE(is_own && helps);
          EXPECT_TRUE(!is_own || own[k] > own[k - 1]);
          helps |= !is_own;
        }
      }
    }
  }
}

// Advice changes nothing, whatever it points at: short memory, more than there is, memory that is gone.
TEST(Pool, WhatIsExpectedChangesNoTask) {
  Pool pool(3);
  for (const int64_t n_bytes : {0LL, 1LL, 1024LL, 100000LL})
    for (const int64_t beyond : {0LL, 64LL, 1LL << 40}) {
      auto memory = std::make_unique<char[]>(static_cast<size_t>(n_bytes));
      for (int thread = 0; thread < 3; thread++) pool.expect(thread, memory.get(), n_bytes + beyond);
      memory.reset();
      std::atomic<int> n{0};
      pool.run(100, [&](int, int) { n++; });
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      EXPECT_EQ(n, 100);
    }
  pool.expect(1, nullptr, 0);
  pool.run(2, [](int, int) {});
}

}  // namespace
}  // namespace tern
