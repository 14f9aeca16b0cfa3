package dev.tern.vendor;

import dev.tern.validate.Health.DeviceProcess;
import dev.tern.validate.Reading;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which of a GPU's processes is this one. NVML's numbers are those of the machine; in a container this process knows only the number it has
 * there. It is then the one that has come since it was not yet on the GPU.
 */
final class OwnProcess {
  /** Of the machine itself, on every Linux (PROC_PID_INIT_INO in include/linux/proc_ns.h). */
  private static final String OUTERMOST = "pid:[4026531836]";

  private final long pid;
  private final boolean outermost;
  private final Reading<List<DeviceProcess>> before;
  /** Numbers that may be this process's; null until one has come. */
  private Set<Long> candidates;

  /**
   * @param outermost whether pid is the machine's number
   * @param before the GPU's processes while this one did not compute on it
   */
  OwnProcess(long pid, boolean outermost, Reading<List<DeviceProcess>> before) {
    this.pid = pid;
    this.outermost = outermost;
    this.before = before;
  }

  /** Of this process, which does not compute on the GPU yet. */
  static OwnProcess of(Reading<List<DeviceProcess>> before) {
    boolean outermost;
    try {
      outermost = OUTERMOST.equals(Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString());
    } catch (IOException | UnsupportedOperationException e) {
      outermost = false;
    }
    return new OwnProcess(ProcessHandle.current().pid(), outermost, before);
  }

  /** A program's name out of a path and perhaps its arguments: "/usr/bin/python3 a.py" is "python3". */
  static String program(String command) {
    String path = command.strip().split("\\s", 2)[0];
    return path.substring(path.lastIndexOf('/') + 1);
  }

  /** All but this process; unreadable if which it is cannot be told, and no other is known for certain. */
  Reading<List<DeviceProcess>> othersOf(Reading<List<DeviceProcess>> now) {
    if (!now.isKnown()) {
      return now;
    }
    if (outermost) {
      return now.map(all -> all.stream().filter(p -> p.pid() != pid).toList());
    }
    if (!before.isKnown()) {
      return now.value().isEmpty() ? now : Reading.unreadable("this process has another number in its container, and " + before.unreadable());
    }
    Set<Long> here = numbers(now.value());
    if (candidates == null) {
      Set<Long> fresh = new HashSet<>(here);
      fresh.removeAll(numbers(before.value()));
      candidates = fresh.isEmpty() ? null : fresh.contains(pid) ? Set.of(pid) : fresh;
    } else {
      candidates = candidates.stream().filter(here::contains).collect(Collectors.toSet()); // this one is still there
    }
    List<DeviceProcess> others = now.value().stream().filter(p -> candidates == null || !candidates.contains(p.pid())).toList();
    return others.isEmpty() && candidates != null && candidates.size() > 1
        ? Reading.unreadable("this process has another number in its container, and " + candidates.size() + " began to compute at once")
        : Reading.of(others);
  }

  private static Set<Long> numbers(List<DeviceProcess> processes) {
    return processes.stream().map(DeviceProcess::pid).collect(Collectors.toSet());
  }
}
