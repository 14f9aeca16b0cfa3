package dev.tern.bench;

import dev.tern.ModelIoException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Another program, run by a command of the shell in which {@code {model}}, {@code {threads}}, {@code {prompt}} and {@code {generate}} stand for
 * the model's file and numbers; one of the last two may be 0. It prints tokens per second: as JSON with a field "avg_ts", as llama-bench does, or
 * as the last line.
 */
public final class PeerProgram implements Contender {
  private static final Pattern AVERAGE = Pattern.compile("\"avg_ts\"\\s*:\\s*\"?([0-9.eE+-]+)");
  private static final int MAX_OUTPUT = 1 << 20;

  private final String name;
  private final String command;
  private final Path model;

  public PeerProgram(String name, String command, Path model) {
    this.name = name;
    this.command = command;
    this.model = model;
  }

  @Override
  public String name() {
    return name;
  }

  String commandFor(int threads, SpeedTest test) {
    return command.replace("{model}", "'" + model.toString().replace("'", "'\\''") + "'")
        .replace("{threads}", Integer.toString(threads))
        .replace("{prompt}", Integer.toString(test.nPrompt()))
        .replace("{generate}", Integer.toString(test.nGen()));
  }

  /**
   * Runs it.
   *
   * @throws ModelIoException if it cannot be run, fails, or prints no rate
   */
  @Override
  public double run(int threads, SpeedTest test) {
    String line = commandFor(threads, test);
    try {
      Process process = new ProcessBuilder("sh", "-c", line).redirectError(ProcessBuilder.Redirect.INHERIT)
          .redirectInput(Path.of("/dev/null").toFile()).start();
      try {
        String out = new String(process.getInputStream().readNBytes(MAX_OUTPUT), StandardCharsets.UTF_8);
        int status = process.waitFor();
        if (status != 0) {
          throw new ModelIoException(name + " ended with status " + status + ": " + line);
        }
        return rate(out);
      } finally {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      throw new ModelIoException(name + ": " + e.getMessage() + ": " + line, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ModelIoException("interrupted while " + name + " ran", e);
    }
  }

  /** The rate in what a program printed. */
  static double rate(String out) {
    Matcher json = AVERAGE.matcher(out);
    String last = out.strip().substring(out.strip().lastIndexOf('\n') + 1).strip();
    String text = json.find() ? json.group(1) : last;
    try {
      double rate = Double.parseDouble(text);
      if (rate > 0 && rate < Double.POSITIVE_INFINITY) {
        return rate;
      }
    } catch (NumberFormatException e) {
      // falls through to the message
    }
    throw new ModelIoException(String.format(Locale.ROOT, "no tokens per second: the output ends with \"%.80s\"", last));
  }
}
