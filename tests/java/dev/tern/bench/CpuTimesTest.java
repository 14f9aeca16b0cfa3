package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class CpuTimesTest {
  private static String machine(long user, long system, long idle, long steal) {
    return "cpu  " + user + " 0 " + system + " " + idle + " 0 0 0 " + steal + " 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
  }

  private static String process(long utime, long stime, long cutime, long cstime) {
    return "42 (a name) with (parens)) R 1 42 42 0 -1 4194304 100 0 0 0 " + utime + " " + stime + " " + cutime + " " + cstime + " 20 0 1 0\n";
  }

  @Test
  void othersAreWhatIsBusyAndNotOurs() {
    CpuTimes before = CpuTimes.of(machine(1000, 100, 5000, 10), List.of(process(100, 10, 50, 5)));
    assertEquals(new CpuTimes(1110, 5000, 165), before);
    CpuTimes after = CpuTimes.of(machine(1150, 110, 5020, 30), List.of(process(180, 15, 80, 10), process(20, 0, 0, 0)));
    // 180 ticks busy of 200: of these 80 + 5 + 30 + 5 ours and 20 a helper's.
    assertEquals(40 / 200.0, after.foreignSince(before), 1e-12);
    assertEquals(0, before.foreignSince(before));
  }

  @Test
  void moreOfOursThanBusyIsNoForeign() {
    CpuTimes before = CpuTimes.of(machine(0, 0, 0, 0), List.of(process(0, 0, 0, 0)));
    assertEquals(0, CpuTimes.of(machine(50, 0, 50, 0), List.of(process(52, 0, 0, 0))).foreignSince(before));
  }

  @Test
  void anotherTextIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> CpuTimes.of("", List.of()));
    assertThrows(IllegalArgumentException.class, () -> CpuTimes.of("cpu 1 2 3\n", List.of()));
    assertThrows(IllegalArgumentException.class, () -> CpuTimes.of(machine(1, 1, 1, 1), List.of("42 (x) R 1")));
  }

  @Test
  void thisMachineIsReadable() {
    CpuTimes now = CpuTimes.now(List.of(ProcessHandle.current().pid()));
    assertTrue(now.busy() > 0 && now.own() > 0, now.toString());
  }
}
