package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Device;
import dev.tern.Model;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Small cases on the CPU, beside a made-up peer; what they take is no matter here. */
class KernelSuiteTest {
  private static final KernelSampler SAMPLER = new KernelSampler(new KernelSampler.Limits(0.001, 0.0001, 0.5, 10), System::nanoTime, null);

  private static final class Peer implements KernelPeer {
    boolean closedTimer;

    @Override
    public String name() {
      return "peer";
    }

    @Override
    public String version() {
      return "7";
    }

    @Override
    public Optional<String> unavailable() {
      return Optional.empty();
    }

    @Override
    public Optional<String> unsupported(KernelCase c) {
      return c.op() == KernelOp.SAMPLE ? Optional.of("draws no tokens") : Optional.empty();
    }

    @Override
    public KernelTimer prepare(KernelCase c) {
      if (c.op() == KernelOp.EMBED) {
        throw new IllegalStateException("fell over");
      }
      return new KernelTimer() {
        @Override
        public double seconds(int calls) {
          return 2e-3 * calls;
        }

        @Override
        public String note() {
          return "in half the time";
        }

        @Override
        public void close() {
          closedTimer = true;
        }
      };
    }

    @Override
    public void close() {}
  }

  private static KernelCase of(KernelOp op, String dtype, String shape) {
    return KernelCase.of(op, dtype, shape, false).orElseThrow();
  }

  @Test
  void opsAreTimedAndCounted() {
    long bytes = Model.nativeBytes();
    Peer peer = new Peer();
    try (TernKernels kernels = new TernKernels(Device.cpu(), 1)) {
      KernelSuite suite = new KernelSuite(kernels, List.of(peer), SAMPLER);
      KernelResult dense = suite.run(of(KernelOp.DENSE, "F16", "3x32x64"));
      assertEquals(new KernelWork(KernelPeak.F32, 2 * 3 * 32 * 64, 2 * 32 * 64 + 4 * 3 * 64, 4 * 3 * 32), dense.work());
      assertTrue(dense.times().samples().median() > 0);
      PeerResult beside = dense.peers().get(0);
      assertEquals(2e-3, beside.times().samples().median(), 1e-9);
      assertEquals("peer 7 in half the time", beside.name() + " " + beside.version() + " " + beside.note());
      assertTrue(peer.closedTimer);

      KernelResult ternary = suite.run(of(KernelOp.TERNARY, "TQ2_0", "1x64x256"));
      assertEquals(KernelPeak.INT8, ternary.work().peak());
      assertFalse(ternary.kernel().isEmpty());

      assertNull(suite.run(of(KernelOp.SAMPLE, "F32", "1x100")).peers().get(0).times());
      assertEquals("failed: fell over", suite.run(of(KernelOp.EMBED, "F16", "1x10x32")).peers().get(0).note());
    }
    assertEquals(bytes, Model.nativeBytes());
  }

  @Test
  void whatTheDeviceLacksIsSaid() {
    try (TernKernels kernels = new TernKernels(Device.cpu(), 1)) {
      KernelSuite suite = new KernelSuite(kernels, List.of(), SAMPLER);
      KernelResult r = suite.run(of(KernelOp.ATTENTION_DECODE, "BF16", "1x64x4/2x64"));
      assertFalse(r.measured());
      assertTrue(r.unsupported().contains("BF16"), r.unsupported());
      assertThrows(IllegalArgumentException.class, () -> suite.run(of(KernelOp.ATTENTION_DECODE, "F16", "1x64x4/3x64")));
      KernelResult failed = suite.run(new KernelCase(KernelOp.DENSE, "F17", 1, 64, 4, 0, 0, 0, false));
      assertTrue(failed.failed() && failed.unsupported().startsWith("failed: no type is called 'F17'"), failed.unsupported());
      assertFalse(r.failed());
    }
  }

  @Test
  void defaultsHoldEveryOp() {
    try (TernKernels kernels = new TernKernels(Device.cpu(), 1)) {
      List<KernelCase> all = kernels.defaults(true);
      Set<KernelOp> ops = EnumSet.noneOf(KernelOp.class);
      all.forEach(c -> ops.add(c.op()));
      assertEquals(EnumSet.allOf(KernelOp.class), ops);
      assertEquals(all.size(), all.stream().map(KernelCase::key).distinct().count());
      for (KernelCase c : all) { // numbers of ops and types are those of tern_bench.h
        assertEquals(c, KernelCase.of(c.op(), c.dtype(), c.shape(), true).orElseThrow());
      }
    }
  }
}
