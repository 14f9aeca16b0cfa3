package dev.tern.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Standard output as UTF-8, unbuffered: each print is seen at once. A reader that has gone away is an exception, not silence. */
final class Output {
  /** Nobody reads the output any more, as in {@code tern generate | head -c 100}. */
  static final class ClosedOutputException extends UncheckedIOException {
    private static final long serialVersionUID = 1L;

    ClosedOutputException(IOException cause) {
      super(cause);
    }
  }

  private final OutputStream stream;
  private boolean atLineStart = true;

  Output(OutputStream stream) {
    this.stream = stream;
  }

  void print(String text) {
    if (text.isEmpty()) {
      return;
    }
    try {
      stream.write(text.getBytes(StandardCharsets.UTF_8));
      stream.flush();
    } catch (IOException e) {
      if (isFile()) {
        throw new UncheckedIOException("standard output: " + e.getMessage(), e);
      }
      throw new ClosedOutputException(e);
    }
    atLineStart = text.endsWith("\n");
  }

  void println(String line) {
    print(line + "\n");
  }

  void format(String format, Object... args) {
    print(String.format(Locale.ROOT, format, args));
  }

  /**
   * Whether the output is a file or a device, which fail when full, and no pipe, socket or terminal, which fail when nobody reads them
   * any more. The system's own words for the failure depend on its language.
   */
  private boolean isFile() {
    try {
      if (!(stream instanceof FileOutputStream file) || file.getFD() != FileDescriptor.out) {
        return false;
      }
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/1")).toString();
      return target.startsWith("/") && !target.startsWith("/dev/pts/") && !target.startsWith("/dev/tty");
    } catch (IOException e) {
      return false;
    }
  }

  /** Ends the last line if it is not ended. */
  void endLine() {
    if (!atLineStart) {
      print("\n");
    }
  }
}
