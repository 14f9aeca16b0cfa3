package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs command lines, in this JVM or in one of their own. */
final class Cli {
  /** How a command ended, and all that it wrote. */
  record Result(int status, String out, String err) {
    Result succeeded() {
      assertEquals(0, status, err);
      return this;
    }

    /** That it failed with this status, wrote nothing to standard output, and this many lines to standard error. */
    String failedWith(int expected, int lines) {
      assertEquals(expected, status, err);
      assertEquals("", out);
      assertEquals(lines, err.lines().count(), err);
      return err;
    }
  }

  private Cli() {}

  static Result run(String... args) {
    return runWithInput("", args);
  }

  static Result runWithInput(String input, String... args) {
    return run("", input, args);
  }

  /** Runs with a terminal as standard output. */
  static Result runAtTerminal(String input, String... args) {
    return run("1", input, args);
  }

  private static Result run(String terminal, String input, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    InputStream in = new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8));
    int status = Tern.run(args, Streams.of(in, out, err, terminal));
    return new Result(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /** Runs with a reader of standard output that goes away after some bytes. */
  static Result runWithReaderOf(int nBytes, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    OutputStream closing = new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        if (out.size() == nBytes) {
          throw new IOException("Broken pipe");
        }
        out.write(b);
      }
    };
    int status = Tern.run(args, Streams.of(InputStream.nullInputStream(), closing, err, ""));
    return new Result(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /** Starts the tool in a JVM of its own. */
  static Process start(Path stderr, String... args) throws IOException {
    return builder(stderr, args).start();
  }

  /** The same with standard input from this process. */
  static Process startWithInput(Path stderr, String... args) throws IOException {
    return builder(stderr, args).redirectInput(ProcessBuilder.Redirect.PIPE).start();
  }

  /** The same with standard output to a file. */
  static Process startWithOutput(Path stdout, Path stderr, String... args) throws IOException {
    return builder(stderr, args).redirectOutput(stdout.toFile()).start();
  }

  private static ProcessBuilder builder(Path stderr, String... args) {
    List<String> command = new ArrayList<>(List.of(
        ProcessHandle.current().info().command().orElseThrow(), "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1", "-Dtern.terminal=", "-cp", System.getProperty("java.class.path"), "dev.tern.cli.Tern"));
    command.addAll(List.of(args));
    return new ProcessBuilder(command).redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
        .redirectError(stderr.toFile());
  }

  /** The exit status of a process that must end by itself. */
  static int await(Process process) throws InterruptedException {
    try {
      if (!process.waitFor(60, TimeUnit.SECONDS)) {
        throw new AssertionError("still running after a minute");
      }
      return process.exitValue();
    } finally {
      process.destroyForcibly();
    }
  }
}
