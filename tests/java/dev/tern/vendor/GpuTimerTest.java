package dev.tern.vendor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.tern.DeviceLostException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** In which order things go, and that they go in any case; the things are made up. */
class GpuTimerTest {
  private final List<String> done = new ArrayList<>();

  private AutoCloseable closing(String name, Exception failure) {
    return () -> {
      done.add(name);
      if (failure != null) {
        throw failure;
      }
    };
  }

  @Test
  void theKernelGoesBeforeItsRun() {
    GpuTimer.close(() -> done.add("wait"), closing("kernel", null), closing("run", null));
    assertEquals(List.of("wait", "kernel", "run"), done);
  }

  @Test
  void aFailureLeavesNothingOpen() {
    DeviceLostException lost = new DeviceLostException("lost");
    Runnable failing = () -> {
      throw lost;
    };
    IllegalStateException other = new IllegalStateException("closes badly");
    assertSame(lost, assertThrows(DeviceLostException.class, () -> GpuTimer.close(failing, closing("kernel", other), closing("run", null))));
    assertEquals(List.of("kernel", "run"), done);
    assertEquals(List.of(other), List.of(lost.getSuppressed()));
    done.clear();
    Exception checked = new Exception("checked");
    assertSame(checked, assertThrows(IllegalStateException.class, () -> GpuTimer.close(() -> {}, closing("kernel", checked), closing("run", null))).getCause());
    assertEquals(List.of("kernel", "run"), done);
    done.clear();
    GpuTimer.close(() -> {}, null, closing("run", null));
    assertEquals(List.of("run"), done);
  }
}
