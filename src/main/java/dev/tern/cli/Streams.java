package dev.tern.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Where a command reads and writes: results on out, all else on err. UTF-8 whatever the locale.
 *
 * @param terminal which of standard input, output and error are terminals: a subset of the digits "012"
 */
record Streams(InputStream in, Output out, PrintStream err, String terminal) {
  static Streams of(InputStream in, OutputStream out, OutputStream err, String terminal) {
    return new Streams(in, new Output(out), new PrintStream(err, true, StandardCharsets.UTF_8), terminal);
  }

  /** The process's own. The launcher says which are terminals; Java alone cannot tell them apart. */
  static Streams standard() {
    String terminal = System.getProperty("tern.terminal", System.console() != null ? "012" : "");
    return of(System.in, new FileOutputStream(FileDescriptor.out), new FileOutputStream(FileDescriptor.err), terminal);
  }

  /**
   * Writes a text that a model or a file may have made up: as it is, but on a terminal with its control characters spelled out, since
   * a terminal would obey them.
   */
  void printForeign(String text) {
    out.print(terminal.contains("1") ? Text.visible(text) : text);
  }

  boolean inIsTerminal() {
    return terminal.contains("0");
  }

  boolean errIsTerminal() {
    return terminal.contains("2");
  }
}
