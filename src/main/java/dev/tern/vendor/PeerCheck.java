package dev.tern.vendor;

import dev.tern.Device;
import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeer;
import dev.tern.bench.KernelTimer;
import dev.tern.validate.Health;
import dev.tern.validate.Reading;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Whether this machine's peers work, in one run of a few seconds: each with its version, some cases checked and timed, and every item of the GPU's
 * health. {@code java -cp ... dev.tern.vendor.PeerCheck [DEVICE [TEXT]]}: the CUDA device 0 is the default; of the cases, those whose names have the text.
 */
public final class PeerCheck {
  private static final int REPEATS = 9;
  /** Work of one repeat, in seconds, unless one call takes longer. */
  private static final double LONG_ENOUGH = 0.02;

  private PeerCheck() {}

  public static void main(String[] arguments) {
    Device device = Device.of(arguments.length > 0 ? arguments[0] : "cuda");
    PrintStream out = System.out;
    for (KernelPeer peer : Peers.of(device, Runtime.getRuntime().availableProcessors())) {
      try (peer) {
        peer(peer, arguments.length > 1 ? arguments[1] : "", out);
      }
    }
    try (Health health = new VendorHealth().open(device)) {
      health(health, out);
    }
  }

  private static List<KernelCase> cases() {
    return List.of(
        new KernelCase(KernelOp.DENSE, "F32", 256, 1024, 1024, 0, 0, 0, false),
        new KernelCase(KernelOp.DENSE, "F32", 1, 4096, 4096, 0, 0, 0, true),
        new KernelCase(KernelOp.DENSE, "BF16", 4096, 4096, 4096, 0, 0, 0, false),
        new KernelCase(KernelOp.DENSE, "F16", 1, 4096, 14336, 0, 0, 0, true),
        new KernelCase(KernelOp.DENSE, "F16", 37, 1000, 328, 0, 0, 0, false),
        new KernelCase(KernelOp.TERNARY, "I2_S", 4096, 4096, 4096, 0, 0, 0, false),
        new KernelCase(KernelOp.TERNARY, "I2_S", 1, 6912, 2560, 0, 0, 0, true),
        new KernelCase(KernelOp.ATTENTION_PREFILL, "BF16", 4096, 0, 4096, 32, 32, 128, false),
        new KernelCase(KernelOp.ATTENTION_PREFILL, "F16", 2048, 0, 2048, 32, 8, 128, false),
        new KernelCase(KernelOp.ATTENTION_PREFILL, "F16", 256, 0, 4096, 32, 8, 128, true),
        new KernelCase(KernelOp.ATTENTION_PREFILL, "BF16", 300, 0, 1001, 20, 5, 64, false),
        new KernelCase(KernelOp.ATTENTION_DECODE, "F16", 1, 0, 8192, 32, 8, 128, true),
        new KernelCase(KernelOp.ATTENTION_DECODE, "BF16", 16, 0, 4096, 32, 8, 128, true));
  }

  private static void peer(KernelPeer peer, String text, PrintStream out) {
    if (peer.unavailable().isPresent()) {
      out.println(peer.name() + ": unavailable: " + peer.unavailable().get());
      return;
    }
    out.println(peer.name() + " " + peer.version());
    for (KernelCase c : cases()) {
      if (!c.key().contains(text) || peer.unsupported(c).isPresent()) {
        continue;
      }
      try (KernelTimer timer = peer.prepare(c)) {
        double once = timer.seconds(1);
        int calls = (int) Math.max(1, Math.min(10_000, LONG_ENOUGH / once));
        double[] seconds = new double[REPEATS];
        for (int i = 0; i < REPEATS; i++) {
          seconds[i] = timer.seconds(calls) / calls;
        }
        Arrays.sort(seconds);
        out.printf(Locale.ROOT, "  %s: %.2f us (%.2f to %.2f), %.1f Tflop/s, %.0f GB/s; %s%n", c.key(), seconds[REPEATS / 2] * 1e6, seconds[0] * 1e6,
            seconds[REPEATS - 1] * 1e6, flops(c) / seconds[REPEATS / 2] / 1e12, bytes(c) / seconds[REPEATS / 2] / 1e9, timer.note());
      } catch (RuntimeException e) {
        out.println("  " + c.key() + ": " + e.getMessage());
      }
    }
  }

  private static double flops(KernelCase c) {
    double pairs = switch (c.op()) {
      case ATTENTION_DECODE -> (double) c.nRows() * c.nIn();
      case ATTENTION_PREFILL -> c.nRows() * (c.nIn() - (c.nRows() - 1) / 2.0);
      default -> 0;
    };
    return pairs > 0 ? 4 * pairs * c.nHeads() * c.headDim() : 2.0 * c.nRows() * c.nOut() * c.nIn();
  }

  /** Weights, or keys and values: what must be read once. */
  private static double bytes(KernelCase c) {
    return switch (c.op()) {
      case ATTENTION_DECODE -> 4.0 * c.nRows() * c.nIn() * c.nKvHeads() * c.headDim();
      case ATTENTION_PREFILL -> 4.0 * c.nIn() * c.nKvHeads() * c.headDim();
      default -> (double) c.nOut() * c.nIn() * (c.op() == KernelOp.TERNARY ? 1 : c.dtype().equals("F32") ? 4 : 2);
    };
  }

  private static void health(Health health, PrintStream out) {
    if (health instanceof UnreadableHealth none) {
      out.println("health: unavailable: " + none.reason());
      return;
    }
    out.println("health");
    Method[] methods = Health.class.getMethods();
    Arrays.sort(methods, Comparator.comparing(Method::getName));
    for (Method method : methods) {
      if (method.getReturnType() == Reading.class) {
        try {
          Reading<?> reading = (Reading<?>) method.invoke(health);
          out.println("  " + method.getName() + ": "
              + (reading.isKnown() ? reading.value() : reading.isAbsent() ? "none" : "unreadable: " + reading.unreadable()));
        } catch (ReflectiveOperationException e) {
          out.println("  " + method.getName() + ": " + e.getCause());
        }
      }
    }
  }
}
