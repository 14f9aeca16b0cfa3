package dev.tern.kernel;

import dev.tern.kernel.abi.global.TernAbi;
import dev.tern.kernel.abi.tern_check_result;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;

/** The checks of tern.h on one device. Thread-safe; checks of one device take turns. */
public final class DeviceChecks {
  /** A kernel and its problem, by the number that {@link #runCase} takes. */
  public record Case(int index, String group, String name) {}

  /**
   * What a check found, as {@code tern_check_result} has it.
   *
   * @param notHere the device has no such kernel or type
   * @param seconds that the moves or one call took
   */
  public record Result(boolean failed, boolean notHere, long nValues, long nWrong, long nBytes, long nOps, double error, double bound,
      double seconds, String text) {}

  private final NativeDevice device;

  /** @throws dev.tern.DeviceUnavailableException if there is no library of checks */
  public DeviceChecks(NativeDevice device) {
    this.device = device;
    CheckLibrary.locate();
  }

  /** All cases, in the order of their numbers. */
  public List<Case> cases() {
    int[] n = new int[1];
    Native.check(TernAbi.tern_check_count(n));
    List<Case> cases = new ArrayList<>(n[0]);
    for (int i = 0; i < n[0]; i++) {
      cases.add(new Case(i, TernAbi.tern_check_group(i).getString(), TernAbi.tern_check_name(i).getString()));
    }
    return cases;
  }

  public Result runCase(int index) {
    tern_check_result out = new tern_check_result();
    return result(out, () -> TernAbi.tern_check_case(device.pointer(), index, out));
  }

  /** @param what a TERN_REPEAT_* */
  public Result repeat(int what, int nRepeats, long seed) {
    tern_check_result out = new tern_check_result();
    return result(out, () -> TernAbi.tern_check_repeat(device.pointer(), what, nRepeats, seed, out));
  }

  /** @param pattern a TERN_PATTERN_* */
  public Result memory(long nBytes, int pattern, long seed) {
    tern_check_result out = new tern_check_result();
    return result(out, () -> TernAbi.tern_check_memory(device.pointer(), nBytes, pattern, seed, out));
  }

  public Result copies(long nBytes, long seed) {
    tern_check_result out = new tern_check_result();
    return result(out, () -> TernAbi.tern_check_copies(device.pointer(), nBytes, seed, out));
  }

  /** @param what a TERN_SPEED_* */
  public Result speed(int what) {
    tern_check_result out = new tern_check_result();
    return result(out, () -> TernAbi.tern_check_speed(device.pointer(), what, out));
  }

  /** Seconds of one call from Java into native code that does nothing there, the mean of many. */
  public static double callSeconds() {
    Native.require();
    int n = 200_000;
    int versions = 0;
    long begin = 0;
    for (int i = -n; i < n; i++) { // the first half is compiled while it runs
      if (i == 0) {
        begin = System.nanoTime();
      }
      versions += TernAbi.tern_abi_version();
    }
    double nanos = System.nanoTime() - begin;
    if (versions != 2 * n * TernAbi.TERN_ABI_VERSION) {
      throw new IllegalStateException("calls that returned other versions: " + versions);
    }
    return nanos * 1e-9 / n;
  }

  private Result result(tern_check_result out, IntSupplier call) {
    device.enter();
    try (out) {
      out.struct_size(out.sizeof());
      Native.check(call.getAsInt());
      return new Result(out.verdict() == TernAbi.TERN_CHECK_FAILED, out.verdict() == TernAbi.TERN_CHECK_NOT_HERE, out.n_values(), out.n_wrong(),
          out.n_bytes(), out.n_ops(), out.error(), out.bound(), out.seconds(), out.text().getString());
    } finally {
      device.leave();
    }
  }
}
