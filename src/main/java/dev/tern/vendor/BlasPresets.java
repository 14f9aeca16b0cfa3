package dev.tern.vendor;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Loads JavaCPP's OpenBLAS preset, once, with the library that comes with it. Thread-safe. */
final class BlasPresets {
  private static final String GLOBALS = "org.bytedeco.openblas.global.openblas_nolapack";
  private static Optional<String> asked;

  private BlasPresets() {}

  /** Why OpenBLAS cannot be used in this process, or empty. */
  static synchronized Optional<String> unavailable() {
    if (asked == null) {
      asked = load();
    }
    return asked;
  }

  private static Optional<String> load() {
    if (BlasPresets.class.getResource("/" + GLOBALS.replace('.', '/') + ".class") == null) {
      return Optional.of("org.bytedeco:openblas is not on the class path");
    }
    System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
    System.setProperty("org.bytedeco.javacpp.maxBytes", "0");
    // MKL would be taken in its place where it is installed, and the report would not know.
    System.setProperty("org.bytedeco.openblas.load", "openblas");
    // JavaCPP remarks on stderr that this preset is of the version before its own.
    PrintStream err = System.err;
    System.setErr(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
    try {
      Class.forName(GLOBALS);
      return Optional.empty();
    } catch (ClassNotFoundException | LinkageError | RuntimeException e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      String text = String.valueOf(cause.getMessage() == null ? cause : cause.getMessage());
      return Optional.of(text.lines().findFirst().orElse(text));
    } finally {
      System.setErr(err);
    }
  }
}
