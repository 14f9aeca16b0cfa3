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
    run.synchronize();
    try (run) {
      kernel.close();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** The fastest of some choices, each timed for about so many calls: a chooser's own order is a guess. */
  static int fastest(GpuRun run, int choices, int sets, IntConsumer choose, IntConsumer call) {
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int choice = 0; choices > 1 && choice < choices; choice++) {
      choose.accept(choice);
      run.forget();
      double seconds = Double.POSITIVE_INFINITY;
      for (int i = 0; i < 3; i++) {
        seconds = Math.min(seconds, run.seconds(Math.max(4, Math.min(sets, 16)), sets, call));
      }
      if (seconds < least) {
        least = seconds;
        best = choice;
      }
    }
    choose.accept(best);
    run.forget();
    return best;
  }
}
