package dev.tern.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Reports that nobody measured. */
public final class KernelReports {
  private KernelReports() {}

  /** A result of {@code sample F32 1xN}, whose samples are the seconds given. */
  public static KernelResult result(int n, double... seconds) {
    KernelCase c = KernelCase.of(KernelOp.SAMPLE, "F32", "1x" + n, true).orElseThrow();
    return new KernelResult(c, "", new KernelWork(KernelPeak.F32, 2L * n, 4L * n, 8), new KernelTimes(seconds, 7, Double.NaN, 0.03), null, List.of());
  }

  /** Twenty samples around a median, from median - width / 2 to median + width / 2. */
  public static double[] around(double median, double width) {
    double[] seconds = new double[20];
    Arrays.setAll(seconds, i -> median + width * (i - 9.5) / 19);
    return seconds;
  }

  public static KernelReport report(KernelResult... results) {
    return new KernelReport("0.1", "2026-11-26T12:00:00Z", Map.of("processor", "an abacus"), "cpu", "an abacus", "{\"backend\":\"cpu\"}", Map.of("threads", "2"),
        new Ceilings(10e9, 8e9, Map.of(KernelPeak.F32, 100e9), 1 << 20), null, List.of("a note"), List.of(results));
  }
}
