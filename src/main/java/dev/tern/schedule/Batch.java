package dev.tern.schedule;

import dev.tern.Sampling;
import dev.tern.kernel.StepBatch;
import dev.tern.schedule.Task.Kind;

/** The tasks of one step, and what each put into it. */
final class Batch {
  private final StepBatch step;
  private final Task[] tasks;
  private final int[] nRows;
  private final int[] firstOutput;
  private int size;
  private int nPromptRows;

  Batch(StepBatch step) {
    this.step = step;
    int n = step.limits().maxSeqs();
    tasks = new Task[n];
    nRows = new int[n];
    firstOutput = new int[n + 1];
  }

  void clear() {
    step.clear();
    size = 0;
    nPromptRows = 0;
  }

  /** Adds the next n tokens of a task, with the outputs it wants of them. Its cache has room and pages for them. */
  void add(Task task, int n) {
    Sequence sequence = task.sequence;
    int row = step.nRows();
    boolean last = n == task.wanted();
    step.beginSequence();
    sequence.cache.append(n, step);
    for (int i = 0; i < n; i++) {
      int token = task.tokenAt(i);
      step.token(row + i, token);
      sequence.remember(token);
      if (task.kind == Kind.SCORE) {
        step.scored(row + i, task.targetAt(i));
      }
    }
    if (last && task.kind != Kind.SCORE) {
      Sampling sampling = task.sampling;
      if (sampling.repeatPenalty() != 1) {
        for (int i = 0; i < sequence.nRecent(); i++) {
          step.penalize(sequence.recent(i));
        }
      }
      step.sampled(row + n - 1, sampling, sequence.cache.length() + n);
    }
    step.endSequence();
    nPromptRows += task.decoding() ? 0 : n;
    tasks[size] = task;
    nRows[size] = n;
    size++;
    firstOutput[size] = step.nOutputs();
  }

  /** Whether as many tasks are in it as a step takes. */
  boolean isFull() {
    return size == tasks.length;
  }

  int size() {
    return size;
  }

  Task task(int i) {
    return tasks[i];
  }

  int nRows(int i) {
    return nRows[i];
  }

  /** Outputs of task i are [firstOutput(i), firstOutput(i + 1)). */
  int firstOutput(int i) {
    return firstOutput[i];
  }

  int nPromptRows() {
    return nPromptRows;
  }

  /** Query tokens of the whole step. */
  int nRows() {
    return step.nRows();
  }

  int outToken(int output) {
    return step.outToken(output);
  }

  float outLogprob(int output) {
    return step.outLogprob(output);
  }
}
