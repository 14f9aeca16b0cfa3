package dev.tern.vendor;

import java.util.Locale;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/** Attention by cuDNN, made ready: data in memory, the fastest of its plans chosen, its result checked. */
final class AttentionCase {
  private AttentionCase() {}

  static GpuTimer prepare(int device, AttentionShape shape, boolean cold) {
    GpuRun run = new GpuRun(device);
    CudnnAttention made = null;
    try {
      int sets = run.sets(cold, 2 * (shape.queryBytes() + shape.keyBytes()));
      CudnnAttention attention = new CudnnAttention(run, shape);
      made = attention;
      Pointer[] first = null;
      for (int i = 0; i < sets; i++) {
        Pointer[] data = {run.random(shape.queryBytes(), shape.type()), run.random(shape.keyBytes(), shape.type()),
            run.random(shape.keyBytes(), shape.type()), run.allocate(shape.queryBytes())};
        attention.bind(data[0], data[1], data[2], data[3]);
        first = first == null ? data : first;
      }
      int chosen = GpuTimer.fastest(run, attention.choices(), sets, attention::choose, i -> attention.enqueue(i % sets));
      attention.enqueue(0);
      run.synchronize();
      Pointer[] data = first;
      int queries = (int) (shape.queryBytes() / shape.nSequences());
      int keys = (int) (shape.keyBytes() / shape.nSequences());
      double worst = new AttentionCheck(shape).worst(
          sequence -> part(run, data[0], sequence, queries),
          sequence -> part(run, data[1], sequence, keys),
          sequence -> part(run, data[2], sequence, keys),
          sequence -> part(run, data[3], sequence, queries));
      String note = String.format(Locale.ROOT, "q and output in %s too, contiguous keys; plan %d of %d; error %.2g of its bound", shape.type(), chosen + 1,
          attention.choices(), worst);
      return new GpuTimer(run, sets, i -> attention.enqueue(i % sets), note, attention);
    } catch (RuntimeException | Error e) {
      GpuTimer.close(() -> {}, made, run);
      throw e;
    }
  }

  private static byte[] part(GpuRun run, Pointer data, int index, int bytes) {
    return run.download(new BytePointer(data).getPointer((long) index * bytes), bytes);
  }
}
