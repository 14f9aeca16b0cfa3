package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizeTest {
  @TempDir
  Path directory;

  private String vocabulary;

  @BeforeEach
  void write() throws IOException {
    vocabulary = Models.vocabularyOnly(directory);
  }

  @Test
  void encodesWithAFileThatHasNoTensors() {
    assertEquals("1 10 3 8 6\n", Cli.run("tokenize", "--model", vocabulary, "abcd abc").succeeded().out());
  }

  @Test
  void decodesIdsInOneArgumentOrSeveral() {
    assertEquals("abcd abc\n", Cli.run("tokenize", "--model", vocabulary, "--decode", "1,10,3,8,6").succeeded().out());
    assertEquals("abcd abc\n", Cli.run("tokenize", "--model", vocabulary, "--decode", "1 10 3 8 6").succeeded().out());
    assertEquals("abcd abc\n", Cli.run("tokenize", "--decode", "1", "10", "3", "8", "6", "--model", vocabulary).succeeded().out());
  }

  @Test
  void refusesIdsOutsideOfTheVocabulary() {
    Cli.run("tokenize", "--model", vocabulary, "--decode", "1,11").failedWith(2, 1);
    Cli.run("tokenize", "--model", vocabulary, "--decode", "-1").failedWith(2, 1);
  }

  @Test
  void argumentsAreTakenAsTheyAre() {
    assertEquals("1 0 4\n", Cli.run("tokenize", "--model", vocabulary, "@a").succeeded().out());
    assertEquals("1 0 4\n", Cli.run("tokenize", "--model", vocabulary, "--", "-a").succeeded().out());
    assertEquals("1\n", Cli.run("tokenize", "--model", vocabulary, "").succeeded().out());
  }
}
