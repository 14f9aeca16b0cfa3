package dev.tern.cli;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * The files that a command was asked for, and what will stand in them: tried before anything is measured, no two the same, written before
 * anything is printed (who reads no further still gets the files), and one that cannot be written costs no other.
 *
 * @param <R> what was measured
 */
final class ReportFiles<R> {
  private record Entry<R>(String option, ReportFile file, Function<R, String> text) {}

  private final List<Entry<R>> entries = new ArrayList<>();

  /**
   * Tries a file.
   *
   * @param path null: nobody wants it
   * @throws IllegalArgumentException if it cannot be written, or another option names it too
   */
  ReportFiles<R> add(String option, Path path, Function<R, String> text) {
    ReportFile file = ReportFile.of(option, path);
    for (Entry<R> other : entries) {
      if (file.isSame(other.file)) {
        throw new IllegalArgumentException(option + " and " + other.option + " are both " + path);
      }
    }
    entries.add(new Entry<>(option, file, text));
    return this;
  }

  /**
   * Writes them all; what went wrong is told on the standard error. Ctrl-C waits for that: none is left in part.
   *
   * @return whether nothing did
   */
  boolean write(R report, Streams io) {
    Interrupt interrupt = new Interrupt(() -> {});
    try {
      boolean all = true;
      for (Entry<R> entry : entries) {
        all &= written(entry, report, io);
      }
      return all;
    } finally {
      interrupt.close();
    }
  }

  private static <R> boolean written(Entry<R> entry, R report, Streams io) {
    try {
      if (entry.file.isWanted()) {
        entry.file.write(entry.text.apply(report));
      }
      return true;
    } catch (UncheckedIOException e) {
      io.err().println("tern: " + Text.plain(e.getMessage(), 1000));
      return false;
    }
  }
}
