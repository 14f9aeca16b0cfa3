package dev.tern.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Who uses the processors: ticks of the whole machine from /proc/stat, and of this process, its ended children, and other processes that
 * belong to it, from /proc/PID/stat. The difference of two snapshots tells what share others took, the hypervisor's other guests (steal)
 * among them. A tick is 10 ms: snapshots should be half a second apart or more.
 *
 * @param busy ticks of all processors in which something ran
 * @param idle ticks in which nothing did
 * @param own ticks of busy that are this benchmark's own
 */
public record CpuTimes(long busy, long idle, long own) {
  /**
   * A snapshot.
   *
   * @param helpers processes that run for this one and have not ended
   */
  public static CpuTimes now(List<Long> helpers) {
    try {
      List<String> processes = new ArrayList<>();
      processes.add(Files.readString(Path.of("/proc/self/stat")));
      for (long pid : helpers) {
        processes.add(Files.readString(Path.of("/proc/" + pid + "/stat")));
      }
      return of(Files.readString(Path.of("/proc/stat")), processes);
    } catch (IOException e) {
      throw new UncheckedIOException("processor time is read from /proc, which fails: " + e.getMessage(), e);
    }
  }

  /**
   * From the texts of /proc/stat and of /proc/PID/stat.
   *
   * @throws IllegalArgumentException if they are not such texts
   */
  static CpuTimes of(String machine, List<String> processes) {
    String[] cpu = machine.lines().findFirst().orElse("").trim().split("\\s+");
    if (!cpu[0].equals("cpu") || cpu.length < 9) {
      throw new IllegalArgumentException("/proc/stat begins with \"" + String.join(" ", cpu) + "\"");
    }
    // user nice system idle iowait irq softirq steal; guest time is part of user.
    long busy = ticks(cpu[1]) + ticks(cpu[2]) + ticks(cpu[3]) + ticks(cpu[6]) + ticks(cpu[7]) + ticks(cpu[8]);
    long own = 0;
    for (String process : processes) {
      String[] fields = process.substring(process.lastIndexOf(')') + 1).trim().split("\\s+"); // a name may hold anything
      if (fields.length < 15) {
        throw new IllegalArgumentException("/proc/PID/stat is \"" + process + "\"");
      }
      for (int i = 11; i <= 14; i++) { // utime stime cutime cstime
        own += ticks(fields[i]);
      }
    }
    return new CpuTimes(busy, ticks(cpu[4]) + ticks(cpu[5]), own);
  }

  private static long ticks(String text) {
    return Long.parseLong(text);
  }

  /** Processor time that others used since a snapshot, as a share of all that the machine has. */
  public double foreignSince(CpuTimes before) {
    long foreign = busy - before.busy - (own - before.own);
    long all = busy + idle - before.busy - before.idle;
    return all <= 0 ? 0 : Math.max(0, foreign) / (double) all;
  }
}
