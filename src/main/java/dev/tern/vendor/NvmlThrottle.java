package dev.tern.vendor;

import dev.tern.validate.Health.Throttle;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/** NVML's bits for why clocks are lower than they could be (nvmlClocksEventReasons in nvml.h). */
final class NvmlThrottle {
  private NvmlThrottle() {}

  /** Bits that are not known here are left out. */
  static Set<Throttle> of(long bits) {
    EnumSet<Throttle> set = EnumSet.noneOf(Throttle.class);
    for (Throttle throttle : Throttle.values()) {
      if ((bits & bit(throttle)) != 0) {
        set.add(throttle);
      }
    }
    return Collections.unmodifiableSet(set);
  }

  private static long bit(Throttle throttle) {
    return switch (throttle) {
      case IDLE -> 0x1;
      case APPLICATION_CLOCKS -> 0x2;
      case POWER_CAP -> 0x4;
      case SLOWDOWN_HARDWARE -> 0x8;
      case SYNC_BOOST -> 0x10;
      case THERMAL_SOFTWARE -> 0x20;
      case THERMAL_HARDWARE -> 0x40;
      case POWER_BRAKE -> 0x80;
      case DISPLAY_CLOCKS -> 0x100;
    };
  }
}
