package dev.tern.vendor;

import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeer;
import dev.tern.bench.KernelTimer;
import java.util.Optional;

/** OpenBLAS: dense products in fp32, whatever the type of Tern's weights is. */
final class OpenBlasPeer implements KernelPeer {
  private final int threads;

  OpenBlasPeer(int threads) {
    this.threads = threads;
  }

  @Override
  public String name() {
    return "OpenBLAS";
  }

  @Override
  public String version() {
    return unavailable().isPresent() ? "" : BlasCase.version();
  }

  @Override
  public Optional<String> unavailable() {
    return BlasPresets.unavailable();
  }

  @Override
  public Optional<String> unsupported(KernelCase kernelCase) {
    if (kernelCase.op() != KernelOp.DENSE) {
      return Optional.of("no " + kernelCase.op().id());
    }
    long most = Math.max((long) kernelCase.nOut() * kernelCase.nIn(), (long) kernelCase.nRows() * Math.max(kernelCase.nIn(), kernelCase.nOut()));
    return most > Integer.MAX_VALUE ? Optional.of("too large") : Optional.empty();
  }

  @Override
  public KernelTimer prepare(KernelCase kernelCase) {
    return new BlasCase(kernelCase, threads);
  }

  @Override
  public void close() {}
}
