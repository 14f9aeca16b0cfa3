package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UsageTest {
  @TempDir
  Path directory;

  @Test
  void helpNamesEveryCommand() {
    String help = Cli.run("--help").succeeded().out();
    for (String command : new String[] {"generate", "chat", "info", "tokenize", "logits", "ppl", "make-model", "bench", "validate", "report"}) {
      assertTrue(help.contains(command), help);
      assertTrue(Cli.run(command, "--help").succeeded().out().startsWith("Usage: tern " + command));
    }
    assertTrue(Cli.run("bench", "model", "--help").succeeded().out().startsWith("Usage: tern bench model"));
    assertTrue(Cli.run("--version").succeeded().out().matches("tern [0-9].*\n"));
  }

  /** picocli writes what it cannot format of a description to the process's standard error. */
  @Test
  void noHelpComplains() {
    PrintStream before = System.err;
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    try {
      assertEquals(18, helpOf(List.of()));
    } finally {
      System.setErr(before);
    }
    assertEquals("", err.toString(StandardCharsets.UTF_8));
  }

  /** Asks a command and all below it for help; how many there are. */
  private static int helpOf(List<String> command) {
    Cli.Result result = Cli.run(Stream.concat(command.stream(), Stream.of("--help")).toArray(String[]::new)).succeeded();
    assertEquals("", result.err());
    List<String> lines = result.out().lines().toList();
    int n = 1;
    for (int i = lines.indexOf("Commands:") + 1; i > 0 && i < lines.size(); i++) {
      Matcher name = Pattern.compile("  ([a-z][a-z-]*) .*").matcher(lines.get(i));
      if (name.matches()) {
        n += helpOf(Stream.concat(command.stream(), Stream.of(name.group(1))).toList());
      }
    }
    return n;
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "", "nonsense", "generate --nonsense", "generate a b", "generate --max-tokens many", "generate --device abacus", "bench", "validate x", "validate --level",
    "tokenize", "tokenize a --decode 1", "logits", "ppl", "make-model --shape tern-tiny"
  })
  void badUseExitsWith2AndPointsToHelp(String line) {
    String err = Cli.run(line.isEmpty() ? new String[0] : line.split(" ")).failedWith(2, 2);
    assertTrue(err.startsWith("tern: ") && err.contains("--help"), err);
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "generate x --temperature -1", "generate x --top-p 2", "generate x --max-tokens -1", "generate x --sinks -1", "generate x --threads 1000",
    "logits --tokens 1,x", "logits --tokens 1 --top -1", "make-model --shape cube --type f32 --out x", "make-model --shape llama-tiny --type f99 --out x",
    "make-model --shape llama-tiny --arch bitnet --out x",
    "validate --device abacus", "validate --level thorough", "validate --minutes -1", "validate --minutes NaN"
  })
  void badValuesExitWith2AndSayWhatIsAllowed(String line) {
    String err = Cli.run(line.split(" ")).failedWith(2, 1);
    assertTrue(err.startsWith("tern: "), err);
  }

  @Test
  void failuresAreOneLine() throws IOException {
    String missing = directory.resolve("missing.gguf").toString();
    assertTrue(Cli.run("generate", "x", "--model", missing).failedWith(1, 1).contains("missing.gguf"));
    assertTrue(Cli.run("ppl", missing).failedWith(1, 1).contains("missing.gguf"));
    Path garbage = Files.writeString(directory.resolve("garbage.gguf"), "not a model at all, not a model at all");
    Cli.run("info", "--model", garbage.toString()).failedWith(1, 1);
    Cli.run("tokenize", "--model", garbage.toString(), "x").failedWith(1, 1);
  }

  @Test
  void debugShowsTheTrace() {
    Cli.Result result = Cli.run("generate", "x", "--debug", "--model", directory.resolve("missing.gguf").toString());
    assertEquals(1, result.status());
    assertTrue(result.err().contains("\tat dev.tern."), result.err());
  }
}
