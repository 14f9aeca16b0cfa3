package dev.tern.vendor;

import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeer;
import dev.tern.bench.KernelTimer;
import java.util.Optional;

/** cuBLASLt: dense products in 16-bit floats, and, in the place of ternary and 8-bit weights, in int8. */
final class CublasLtPeer implements KernelPeer {
  private final int device;

  CublasLtPeer(int device) {
    this.device = device;
  }

  @Override
  public String name() {
    return "cuBLASLt";
  }

  @Override
  public String version() {
    return unavailable().isPresent() ? "" : GpuProbe.cublasLtVersion();
  }

  @Override
  public Optional<String> unavailable() {
    return CudaPresets.unavailable(CudaPresets.Part.CUBLASLT).or(() -> GpuProbe.unavailable(device));
  }

  @Override
  public Optional<String> unsupported(KernelCase kernelCase) {
    if (kernelCase.op() != KernelOp.DENSE && kernelCase.op() != KernelOp.TERNARY) {
      return Optional.of("no " + kernelCase.op().id());
    }
    Elements in = elements(kernelCase);
    if (in == null) {
      return Optional.of("no weights of " + kernelCase.dtype());
    }
    if (in == Elements.I8 && (kernelCase.nIn() % 4 != 0 || kernelCase.nOut() % 4 != 0)) {
      return Optional.of("int8 takes multiples of 4");
    }
    return Optional.empty();
  }

  private static Elements elements(KernelCase kernelCase) {
    if (kernelCase.op() == KernelOp.TERNARY) {
      return Elements.I8;
    }
    return switch (kernelCase.dtype()) {
      case "F32" -> Elements.F32;
      case "F16" -> Elements.F16;
      case "BF16" -> Elements.BF16;
      case "I8", "Q8_0" -> Elements.I8;
      default -> null;
    };
  }

  @Override
  public KernelTimer prepare(KernelCase kernelCase) {
    return LtCase.prepare(device, elements(kernelCase), note(kernelCase), kernelCase);
  }

  private static String note(KernelCase kernelCase) {
    return switch (elements(kernelCase)) {
      case I8 -> kernelCase.op() == KernelOp.TERNARY ? "int8 weights, int32 out" : "int8 weights and rows without scales, int32 out";
      case F32 -> "fp32";
      default -> "rows in " + kernelCase.dtype() + " too, fp32 sums and out";
    };
  }

  @Override
  public void close() {}
}
