package dev.tern.vendor;

import dev.tern.bench.KernelTimer;
import java.util.function.IntConsumer;

/** A case of a peer on a GPU. */
final class GpuTimer implements KernelTimer {
  private final GpuRun run;
  private final int sets;
  private final IntConsumer call;
  private final String note;
  private final AutoCloseable kernel;

  /** @param kernel closed before the run */
  GpuTimer(GpuRun run, int sets, IntConsumer call, String note, AutoCloseable kernel) {
    this.run = run;
    this.sets = sets;
    this.call = call;
    this.note = note;
    this.kernel = kernel;
  }

  @Override
  public double seconds(int calls) {
    return run.seconds(calls, sets, call);
  }

  @Override
  public String note() {
    return note + (run.unrecordable() ? "; launched one by one" : "");
  }

  @Override
  public void close() {
    close(run::synchronize, kernel, run);
  }

  /**
   * Waits, then closes both, whatever goes wrong on the way: a call that failed ends the wait with its error, and its stream, its events and its
   * memory go all the same.
   *
   * @param kernel closed first; may be null
   */
  static void close(Runnable wait, AutoCloseable kernel, AutoCloseable run) {
    try (run; kernel) {
      wait.run();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * The fastest of some choices: a library's own order is a guess. One that fails when it is run is passed over.
   *
   * @throws RuntimeException of the last, if all fail
   */
  static int fastest(GpuRun run, int choices, int sets, IntConsumer choose, IntConsumer call) {
    int best = -1;
    double least = Double.POSITIVE_INFINITY;
    RuntimeException failure = null;
    for (int choice = 0; choice < choices; choice++) {
      choose.accept(choice);
      run.forget();
      try {
        call.accept(0); // what a first call loads cannot be recorded
        run.synchronize();
        double seconds = run.seconds(Math.max(4, Math.min(sets, 16)), sets, call);
        seconds = Math.min(seconds, run.seconds(Math.max(4, Math.min(sets, 16)), sets, call));
        if (seconds < least) {
          least = seconds;
          best = choice;
        }
      } catch (RuntimeException e) {
        failure = e;
      }
    }
    if (best < 0) {
      throw failure;
    }
    choose.accept(best);
    run.forget();
    return best;
  }
}
