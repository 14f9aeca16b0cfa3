package dev.tern.vendor;

import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeer;
import dev.tern.bench.KernelTimer;
import java.util.Optional;

/** cuDNN's fused attention, for 16-bit keys and values. */
final class CudnnPeer implements KernelPeer {
  private final int device;

  CudnnPeer(int device) {
    this.device = device;
  }

  @Override
  public String name() {
    return "cuDNN";
  }

  @Override
  public String version() {
    return unavailable().isPresent() ? "" : GpuProbe.cudnnVersion();
  }

  @Override
  public Optional<String> unavailable() {
    return CudaPresets.unavailable(CudaPresets.Part.CUDNN).or(() -> GpuProbe.unavailable(device));
  }

  @Override
  public Optional<String> unsupported(KernelCase kernelCase) {
    if (kernelCase.op() != KernelOp.ATTENTION_DECODE && kernelCase.op() != KernelOp.ATTENTION_PREFILL) {
      return Optional.of("no " + kernelCase.op().id());
    }
    if (!kernelCase.dtype().equals("F16") && !kernelCase.dtype().equals("BF16")) {
      return Optional.of("no keys of " + kernelCase.dtype());
    }
    if (kernelCase.headDim() % 8 != 0) {
      return Optional.of("heads come in multiples of 8");
    }
    if (kernelCase.nHeads() % kernelCase.nKvHeads() != 0) {
      return Optional.of("heads of keys are not shared evenly");
    }
    AttentionShape shape = shape(kernelCase);
    if (Math.max(shape.keyBytes(), shape.queryBytes()) / shape.nSequences() > Integer.MAX_VALUE) {
      return Optional.of("too large to be checked");
    }
    return Optional.empty();
  }

  private static AttentionShape shape(KernelCase c) {
    Elements type = Elements.valueOf(c.dtype());
    return c.op() == KernelOp.ATTENTION_DECODE
        ? new AttentionShape(type, c.nRows(), 1, c.nIn(), c.nHeads(), c.nKvHeads(), c.headDim(), false)
        : new AttentionShape(type, 1, c.nRows(), c.nIn(), c.nHeads(), c.nKvHeads(), c.headDim(), true);
  }

  @Override
  public KernelTimer prepare(KernelCase kernelCase) {
    return AttentionCase.prepare(device, shape(kernelCase), kernelCase.cold());
  }

  @Override
  public void close() {}
}
