package dev.tern.validate;

import dev.tern.kernel.DeviceChecks.Case;
import dev.tern.kernel.DeviceChecks.Result;
import java.util.List;
import java.util.Locale;

/** A device under validation, as checks see it. For one thread, unless a method says otherwise. */
public interface Subject extends AutoCloseable {
  /** Kernels that are compared with the oracle. */
  List<Case> cases();

  Result runCase(Case c);

  /** One problem drawn from seed, nRepeats + 1 times. May be called beside the others, which then wait. */
  Result repeat(Repeated what, int nRepeats, long seed);

  /** Memory of the device, written with a pattern and compared with it by the device. */
  Result memory(MemoryPattern pattern, long nBytes, long seed);

  /** Words copied to the device and back, compared at both ends. */
  Result copies(long nBytes, long seed);

  /** One call of what is timed, among many. */
  Result speed(Timed what);

  /** Seconds of a call from Java into native code. */
  double callSeconds();

  /** Bytes that could be allocated on the device now. */
  long freeBytes();

  /** As the driver has it; null if it does not tell. */
  String name();

  /** What was chosen and why, as JSON. */
  String describe();

  @Override
  void close();

  /** Problems that are repeated; numbered as {@code TERN_REPEAT_*}. */
  enum Repeated { DENSE, TERNARY, PREFILL, DECODE, DENSE_LARGE, TERNARY_LARGE }

  /** Numbered as {@code TERN_PATTERN_*}. */
  enum MemoryPattern { ADDRESS, INVERSE, RANDOM }

  /** Numbered as {@code TERN_SPEED_*}. */
  enum Timed {
    READ("GB/s"), COPY_TO("GB/s"), COPY_FROM("GB/s"), DENSE("Gop/s"), TERNARY("Gop/s"), TERNARY_DECODE("Gop/s"), PREFILL("Gop/s"), DECODE("GB/s"),
    LAUNCH("us"), STEP("us"), COPY("GB/s"), PEAK_F32("Gop/s"), PEAK_HALF("Gop/s"), PEAK_INT8("Gop/s");

    private final String unit;

    Timed(String unit) {
      this.unit = unit;
    }

    /** Of its rate, or of its latency: "GB/s", "Gop/s", "us". */
    String unit() {
      return unit;
    }

    /** Whether the host decides it as much as the device. */
    boolean onHost() {
      return this == COPY_TO || this == COPY_FROM || this == LAUNCH || this == STEP;
    }

    /** Of the check: "speed.dense". */
    String id() {
      return "speed." + name().toLowerCase(Locale.ROOT);
    }
  }
}
