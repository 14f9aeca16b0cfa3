package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What only a process of its own shows: pipes, signals, and what the JVM itself would write. */
class ProcessTest {
  private static final int SIGINT = 2;

  @TempDir
  Path directory;

  private Path stderr;

  @BeforeEach
  void name() {
    stderr = directory.resolve("stderr");
  }

  @Test
  void standardOutputIsTextAndStandardErrorEmpty() throws Exception {
    Process process = Cli.start(stderr, "generate", "Once upon a time", "--max-tokens", "20", "--temperature", "0");
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, Cli.await(process), Files.readString(stderr));
    assertEquals(Cli.run("generate", "Once upon a time", "--max-tokens", "20", "--temperature", "0").out(), out);
    assertEquals("", Files.readString(stderr));
  }

  @Test
  void aClosedPipeEndsItQuietly() throws Exception {
    Process process = Cli.start(stderr, "generate", "Once upon a time", "--max-tokens", "0", "--stats");
    assertEquals(100, process.getInputStream().readNBytes(100).length);
    process.getInputStream().close();
    assertEquals(0, Cli.await(process));
    assertEquals("", Files.readString(stderr));
  }

  @Test
  void aFullDiskIsAnError() throws Exception {
    assumeTrue(Files.exists(Path.of("/dev/full")), "no /dev/full here");
    for (String command : new String[] {"generate x --max-tokens 5", "--help"}) {
      Process process = Cli.startWithOutput(Path.of("/dev/full"), stderr, command.split(" "));
      assertEquals(1, Cli.await(process), command);
      List<String> lines = Files.readAllLines(stderr);
      assertEquals(1, lines.size(), lines.toString());
      assertTrue(lines.get(0).startsWith("tern: standard output: "), lines.get(0));
    }
  }

  @Test
  void interruptEndsItWithStatistics() throws Exception {
    assumeFalse(interruptIsIgnored(), "SIGINT is ignored here, and would be in a child");
    Process process = Cli.start(stderr, "generate", "Once upon a time", "--max-tokens", "0");
    assertEquals(100, process.getInputStream().readNBytes(100).length);
    Process kill = new ProcessBuilder("sh", "-c", "kill -INT " + process.pid()).inheritIO().start();
    assertEquals(0, Cli.await(kill));
    // As at a terminal, the reader goes on reading: the last text and the statistics come.
    process.getInputStream().readAllBytes();
    assertEquals(130, Cli.await(process));
    String statistics = Files.readString(stderr);
    assertTrue(statistics.contains("generated  ") && statistics.contains("ended      cancelled"), statistics);
  }

  @Test
  void interruptRemovesWhatIsHalfWritten() throws Exception {
    assumeFalse(interruptIsIgnored(), "SIGINT is ignored here, and would be in a child");
    Path out = Files.createDirectory(directory.resolve("out"));
    Path part = out.resolve("m.gguf.part");
    Process process = Cli.start(stderr, "make-model", "--shape", "llama-ternary-8b", "--type", "f32", "--out", out.resolve("m.gguf").toString());
    while (process.isAlive() && !(Files.exists(part) && Files.size(part) > 0)) {
      Thread.sleep(5);
    }
    assertTrue(process.isAlive(), Files.readString(stderr));
    assertEquals(0, Cli.await(new ProcessBuilder("sh", "-c", "kill -INT " + process.pid()).inheritIO().start()));
    assertEquals(130, Cli.await(process));
    try (var files = Files.list(out)) {
      assertEquals(List.of(), files.toList());
    }
  }

  /** Ctrl-C ends the reply; the next line is answered, and the end of the input ends it all. */
  @Test
  void interruptEndsAReplyOfAChat() throws Exception {
    assumeFalse(interruptIsIgnored(), "SIGINT is ignored here, and would be in a child");
    Path template = Files.writeString(directory.resolve("chat.jinja"), "{% for m in messages %}{{ m.content }}{% endfor %}");
    // The greedy story does not end before the pipe is full, and then the reply waits for its reader.
    Process process = Cli.startWithInput(stderr, "chat", "--template", template.toString(), "--max-tokens", "0", "--temperature", "0");
    process.getOutputStream().write("Once upon a time\n".getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().flush();
    assertEquals(50, process.getInputStream().readNBytes(50).length);
    assertEquals(0, Cli.await(new ProcessBuilder("sh", "-c", "kill -INT " + process.pid()).inheritIO().start()));
    process.getOutputStream().write("/reset\n/exit\n".getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().close();
    process.getInputStream().readAllBytes();
    assertEquals(0, Cli.await(process), Files.readString(stderr));
    assertEquals("", Files.readString(stderr));
  }

  private static boolean interruptIsIgnored() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("SigIgn:")) {
        return (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 1L << SIGINT - 1) != 0;
      }
    }
    return false;
  }
}
