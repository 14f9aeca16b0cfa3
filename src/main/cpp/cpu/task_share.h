// Where a thread's share of the tasks of several weights, listed one after the other, begins.
#pragma once

#include "core/pool.h"

namespace tern::cpu {

// Tasks [first, end) of one weight; the share may go on in the next.
struct TaskShare {
  int weight;
  int first;
  int end;
};

// n_tasks: [n_weights]. Of an empty share weight is n_weights, or the tasks are none.
inline TaskShare task_share(const int* n_tasks, int n_weights, int n_threads, int thread) {
  int total = 0;
  for (int i = 0; i < n_weights; i++) total += n_tasks[i];
  int first = Pool::first_task(total, n_threads, thread), end = Pool::first_task(total, n_threads, thread + 1);
  int i = 0;
  for (; i < n_weights && first >= n_tasks[i]; i++) first -= n_tasks[i], end -= n_tasks[i];
  return i == n_weights ? TaskShare{n_weights, 0, 0} : TaskShare{i, first, end < n_tasks[i] ? end : n_tasks[i]};
}

}  // namespace tern::cpu
