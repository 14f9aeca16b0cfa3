package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class GenerateTest {
  private static final String PROMPT = "Once upon a time";

  @Test
  void writesPromptAndContinuationAndNothingElse() {
    Cli.Result result = Cli.run("generate", PROMPT, "--max-tokens", "20", "--temperature", "0").succeeded();
    assertTrue(result.out().startsWith(PROMPT) && result.out().length() > PROMPT.length() + 20, result.out());
    assertTrue(result.out().endsWith("\n"));
    assertEquals("", result.err());
  }

  @Test
  void takesThePromptFromStandardInput() {
    String[] args = {"generate", "--max-tokens", "10", "--temperature", "0"};
    String expected = Cli.run("generate", PROMPT, "--max-tokens", "10", "--temperature", "0").succeeded().out();
    assertEquals(expected, Cli.runWithInput(PROMPT + "\n", args).succeeded().out());
    assertEquals(expected, Cli.runWithInput(PROMPT, args).succeeded().out());
  }

  @Test
  void anEmptyPromptStartsFromTheBeginning() {
    assertTrue(Cli.run("generate", "--max-tokens", "10").succeeded().out().length() > 10);
  }

  @Test
  void theSeedDecides() {
    String[] first = {"generate", PROMPT, "--max-tokens", "30", "--temperature", "1", "--top-k", "50", "--min-p", "0.01", "--seed", "1"};
    String[] second = first.clone();
    second[second.length - 1] = "2";
    String out = Cli.run(first).succeeded().out();
    assertEquals(out, Cli.run(first).succeeded().out());
    assertNotEquals(out, Cli.run(second).succeeded().out());
  }

  @Test
  void statisticsGoToStandardError() {
    String[] args = {"generate", PROMPT, "--max-tokens", "20", "--temperature", "0", "--sinks", "2", "--window", "16", "--threads", "1"};
    String[] withStats = Arrays.copyOf(args, args.length + 1);
    withStats[args.length] = "--stats";
    Cli.Result result = Cli.run(withStats).succeeded();
    assertEquals(Cli.run(args).succeeded().out(), result.out());
    assertTrue(result.err().contains("generated  20 tokens") && result.err().contains("ended      length")
        && result.err().contains("sinks:2,16"), result.err());
  }

  @Test
  void endsQuietlyWhenTheReaderGoesAway() {
    Cli.Result result = Cli.runWithReaderOf(100, "generate", PROMPT, "--max-tokens", "0").succeeded();
    assertEquals(100, result.out().length());
    assertEquals("", result.err());
  }
}
