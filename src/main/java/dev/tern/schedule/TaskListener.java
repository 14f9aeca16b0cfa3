package dev.tern.schedule;

import dev.tern.TernException;

/** Who wants the outcome of a {@link Task}. Called on the scheduler's thread, so it must not wait. */
public interface TaskListener {
  /** Whether one more token may be generated now. See {@link Task#waitsForRoom}. */
  default boolean hasRoom() {
    return true;
  }

  /** The task's first rows are in a step that is about to run; nPrompt tokens are to be fed. */
  default void started(int nPrompt) {}

  /**
   * A generated token, or the next scored one.
   *
   * @return whether to generate another; of no meaning for scored tokens
   */
  default boolean token(int id, float logprob) {
    return true;
  }

  /**
   * The last call, once for every task.
   *
   * @param failure null if the task did all it was to do, or a token was answered with false
   */
  void ended(TernException failure);
}
