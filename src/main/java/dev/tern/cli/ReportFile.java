package dev.tern.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Where a report will go: tried before what it reports is measured, so that a folder that is not there costs no run. A file is replaced as a
 * whole, and one that is there stays as it is until then; what is no file (a pipe, /dev/stdout) is written to.
 */
final class ReportFile {
  private final Path file; // null: none
  private final boolean replaced;

  private ReportFile(Path file, boolean replaced) {
    this.file = file;
    this.replaced = replaced;
  }

  /**
   * Tries whether a file can be written; nothing is left of that.
   *
   * @param option that named it, for errors
   * @param file null: nobody wants the report
   * @throws IllegalArgumentException if it cannot
   */
  static ReportFile of(String option, Path file) {
    if (file == null) {
      return new ReportFile(null, false);
    }
    String what = option + " " + file;
    Path real = file.toAbsolutePath();
    try {
      if (Files.isDirectory(real)) {
        throw new IllegalArgumentException(what + " is a folder");
      }
      // To open a pipe would be to wait for its reader; /dev/stdout may lead to a file, which others have open as what it is.
      if (Files.exists(real) && (!Files.isRegularFile(real) || real.startsWith("/dev") || real.startsWith("/proc"))) {
        if (!Files.isWritable(real)) {
          throw new IllegalArgumentException(what + " cannot be written");
        }
        return new ReportFile(real, false);
      }
      real = Files.exists(real) ? real.toRealPath() : real.normalize();
      Files.delete(Files.createFile(part(real)));
      return new ReportFile(real, true);
    } catch (IOException e) {
      if (Files.isRegularFile(real) && Files.isWritable(real)) { // in a folder that takes no new ones
        return new ReportFile(real, false);
      }
      Path folder = real.getParent();
      throw new IllegalArgumentException(what + (folder != null && !Files.isDirectory(folder) ? ": " + folder + " is no folder" : " cannot be written: " + e), e);
    }
  }

  boolean isWanted() {
    return file != null;
  }

  /** Whether both would replace one file. */
  boolean isSame(ReportFile other) {
    return replaced && other.replaced && file.equals(other.file);
  }

  /** Whether it would replace this file. */
  boolean isSame(Path path) {
    try {
      return file != null && Files.exists(file) && Files.isSameFile(file, path);
    } catch (IOException e) {
      return false; // what cannot be looked at is not read either
    }
  }

  /** Beside the file, so that it can be renamed; of this process, so that runs at once are not in each other's way. */
  private static Path part(Path real) {
    return real.resolveSibling(real.getFileName() + "." + ProcessHandle.current().pid() + ".part");
  }

  /**
   * Writes the report, if anybody wants it.
   *
   * @throws UncheckedIOException if it can no longer be written: what was there before is there still
   */
  void write(String text) {
    if (file == null) {
      return;
    }
    try {
      if (!replaced) {
        Files.writeString(file, text);
        return;
      }
      Path part = part(file);
      try {
        Files.writeString(part, text, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(part); // there only after a failure
      }
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be written: " + e, e);
    }
  }
}
