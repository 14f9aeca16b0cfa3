package dev.tern.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
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

  /** Ends the last line if it is not ended. */
  void endLine() {
    if (!atLineStart) {
      print("\n");
    }
  }
}
