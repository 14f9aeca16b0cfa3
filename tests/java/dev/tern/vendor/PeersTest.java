package dev.tern.vendor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tern.Device;
import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeer;
import dev.tern.bench.KernelTimer;
import dev.tern.validate.Health;
import dev.tern.validate.Reading;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Peers that are missing say why; those that are here compute what they should (preparing a case checks its result). */
class PeersTest {
  private static KernelCase dense(String dtype, int nRows, int nOut, int nIn) {
    return new KernelCase(KernelOp.DENSE, dtype, nRows, nOut, nIn, 0, 0, 0, false);
  }

  private static void run(KernelPeer peer, KernelCase kernelCase) {
    assertEquals(Optional.empty(), peer.unsupported(kernelCase));
    try (KernelTimer timer = peer.prepare(kernelCase)) {
      assertTrue(timer.seconds(2) > 0);
      assertTrue(timer.note().contains("of its bound"), timer.note());
    }
  }

  @Test
  void openBlasComputesDenseProducts() {
    try (KernelPeer peer = Peers.of(Device.cpu(), 2).get(0)) {
      assertEquals("OpenBLAS", peer.name());
      assumeTrue(peer.unavailable().isEmpty(), () -> peer.unavailable().get());
      assertTrue(peer.version().matches("0\\.3\\.\\d+.*"), peer.version());
      run(peer, dense("F32", 1, 65, 129));
      run(peer, dense("F16", 7, 31, 257));
      run(peer, new KernelCase(KernelOp.DENSE, "F32", 3, 128, 64, 0, 0, 0, true));
      assertEquals(Optional.of("no ternary"), peer.unsupported(new KernelCase(KernelOp.TERNARY, "I2_S", 1, 64, 64, 0, 0, 0, false)));
    }
  }

  @Test
  void gpuPeersComputeOrSayWhyNot() {
    List<KernelPeer> peers = Peers.of(Device.cuda(), 1);
    assertEquals(List.of("cuBLASLt", "cuDNN"), peers.stream().map(KernelPeer::name).toList());
    for (KernelPeer peer : peers) {
      Optional<String> missing = peer.unavailable();
      if (missing.isPresent()) {
        assertEquals("", peer.version());
        assertEquals(1, missing.get().lines().count(), missing.get());
        assertFalse(missing.get().contains("Exception"), missing.get());
      } else if (peer.name().equals("cuBLASLt")) {
        run(peer, dense("F16", 7, 64, 256));
        run(peer, dense("BF16", 64, 128, 512));
        run(peer, new KernelCase(KernelOp.TERNARY, "I2_S", 16, 128, 512, 0, 0, 0, false));
      } else {
        run(peer, new KernelCase(KernelOp.ATTENTION_PREFILL, "F16", 100, 0, 100, 8, 2, 64, false));
        run(peer, new KernelCase(KernelOp.ATTENTION_DECODE, "BF16", 3, 0, 200, 8, 2, 128, false));
      }
      peer.close();
    }
  }

  @Test
  void withoutTheJarsThatIsTheReason() throws Exception {
    URL classes = Peers.class.getProtectionDomain().getCodeSource().getLocation();
    try (URLClassLoader alone = new URLClassLoader(new URL[] {classes}, ClassLoader.getPlatformClassLoader())) {
      Class<?> device = alone.loadClass("dev.tern.Device");
      Method of = alone.loadClass("dev.tern.vendor.Peers").getMethod("of", device, int.class);
      for (String name : new String[] {"cpu", "cuda"}) {
        for (Object peer : (List<?>) of.invoke(null, device.getMethod("of", String.class).invoke(null, name), 1)) {
          Method unavailable = alone.loadClass("dev.tern.bench.KernelPeer").getMethod("unavailable");
          assertEquals(Optional.of("org.bytedeco:" + (name.equals("cpu") ? "openblas" : "cuda") + " is not on the class path"),
              unavailable.invoke(peer));
        }
      }
    }
  }

  @Test
  void nothingIsReadOfAGpuThatIsNotThere() throws Exception {
    Health health = new UnreadableHealth("no driver");
    for (Method method : Health.class.getMethods()) {
      if (method.getReturnType() == Reading.class && !method.getName().equals("thermalThrottles")) {
        assertEquals("no driver", ((Reading<?>) method.invoke(health)).unreadable(), method.getName());
      }
    }
  }

  @Test
  void healthOfADeviceThatIsNotThereNeverThrows() {
    try (Health health = new VendorHealth().open(Device.cuda(9999))) {
      assertFalse(health.temperatureCelsius().isKnown());
      assertEquals(1, health.temperatureCelsius().unreadable().lines().count());
    }
    try (Health health = new VendorHealth().open(Device.cpu())) {
      assertTrue(health.temperatureCelsius().isAbsent());
    }
  }

  @Test
  void throttleBitsAreNvmls() {
    assertEquals(Set.of(), NvmlThrottle.of(0));
    assertEquals(EnumSet.of(Health.Throttle.IDLE, Health.Throttle.POWER_CAP, Health.Throttle.THERMAL_HARDWARE), NvmlThrottle.of(0x45));
    assertEquals(EnumSet.of(Health.Throttle.SLOWDOWN_HARDWARE, Health.Throttle.POWER_BRAKE), NvmlThrottle.of(0x88));
    assertEquals(EnumSet.allOf(Health.Throttle.class), NvmlThrottle.of(0x1ff));
    assertEquals(Set.of(), NvmlThrottle.of(1L << 40)); // of a later NVML
  }

  @Test
  void versionsAsTheirMakersWriteThem() {
    assertEquals("13.1.0", GpuVersions.library(130100));
    assertEquals("9.14.0", GpuVersions.library(91400));
    assertEquals("13.0", GpuVersions.cuda(13000));
    assertEquals("12.6", GpuVersions.cuda(12060));
  }
}
