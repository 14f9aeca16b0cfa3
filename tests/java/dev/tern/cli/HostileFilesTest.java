package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.format.GgufWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that speak to the terminal, paths that are no files, and places where nothing may be written. */
class HostileFilesTest {
  private static final String TITLE = "\u001b]0;x\u0007\u009b31m\u202e\u2028\r";

  @TempDir
  Path directory;

  private static void plain(Cli.Result result) {
    String all = result.out() + result.err();
    assertTrue(all.toLowerCase(Locale.ROOT).contains("\\u001b"), all);
    assertTrue(all.chars().noneMatch(c -> Character.isISOControl(c) && c != '\n' || c == 0x202e || c == 0x2028), all);
  }

  @Test
  void namesOfAFileDoNotReachTheTerminalAsTheyAre() throws IOException {
    Path file = directory.resolve("m.gguf");
    new GgufWriter().string("general.architecture", "llama").string("general.name", TITLE).string("key" + TITLE, "x")
        .tensor("tensor" + TITLE, new long[] {1}, new float[1]).write(file);
    plain(Cli.run("inspect", file.toString(), "--all"));
    Files.delete(file);
    new GgufWriter().string("general.architecture", TITLE).tensor("t", new long[] {1}, new float[1]).write(file);
    plain(Cli.run("info", "--model", file.toString()));
    plain(Cli.run("generate", "--model", file.toString(), "x"));
  }

  @Test
  void infoSpellsTheNameOut() throws IOException {
    Path file = Path.of(Models.make(directory, "tern-tiny", "tq2_0"));
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    int at = text.indexOf("tern-tiny");
    assertTrue(at > 0);
    Files.writeString(file, text.substring(0, at) + "\u001b[31mred!" + text.substring(at + 9), StandardCharsets.ISO_8859_1);
    plain(Cli.run("info", "--model", file.toString()).succeeded());
  }

  @Test
  void benchSpellsTheNameOut() throws IOException {
    Path file = Path.of(Models.make(directory, "tern-tiny", "tq2_0"));
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    int at = text.indexOf("tern-tiny");
    Files.writeString(file, text.substring(0, at) + "\u001b[31mred!" + text.substring(at + 9), StandardCharsets.ISO_8859_1);
    for (String format : List.of("", "--csv", "--json")) {
      String[] args = ("bench model -p 0 -n 1 -r 1 -pg 0,0 --model " + file + " " + format).strip().split(" ");
      plain(Cli.runAtTerminal("", args).succeeded());
    }
  }

  /** The bytes are tokens of the model, and it draws them: on a terminal they must not act, in a file they are what they are. */
  @Test
  void whatAModelSaysDoesNotActOnTheTerminal() throws IOException {
    String model = Models.make(directory, "tern-tiny", "tq2_0");
    String bytes = Files.readString(Path.of(model), StandardCharsets.ISO_8859_1);
    Files.writeString(Path.of(model), bytes.replace("<|eot_id|>", "<|eot\u007fid|>"), StandardCharsets.ISO_8859_1); // logits spell tokens
    Path template = Files.writeString(directory.resolve("chat.jinja"), "{{ messages[0].content }}");
    String sampling = "--temperature 5 --top-p 1 --max-tokens 300 --model " + model;
    for (String line : List.of("generate x\u001b[31m " + sampling, "chat --template " + template + " " + sampling,
        "tokenize --model " + model + " --decode 27 194 155 127 0", "logits --tokens 1,5 --top 0 --model " + model)) {
      String[] args = line.split(" ");
      String piped = Cli.runWithInput("Hello\n", args).succeeded().out();
      String shown = Cli.runAtTerminal("Hello\n", args).succeeded().out();
      assertTrue(piped.chars().anyMatch(c -> Character.isISOControl(c) && c != '\n' && c != '\t'), line);
      assertTrue(shown.chars().noneMatch(c -> Character.isISOControl(c) && c != '\n' && c != '\t'), shown);
      assertEquals(Text.visible(piped), shown);
    }
  }

  @Test
  void onlyControlCharactersAreSpelledOut() {
    assertEquals("a\n\tb\\u001b\\u000d\\u007f\\u009b\\u0000", Text.visible("a\n\tb\u001b\r\u007f\u009b\u0000"));
    for (String same : List.of("", "\ud83d\ude00 \u00e9\u4e2d\ufffd\u00a0", "\ud83d")) { // also the half of a pair
      assertEquals(same, Text.visible(same));
    }
    assertEquals("\ud83d\ude00\\u001b\ud83d\ude00", Text.visible("\ud83d\ude00\u001b\ud83d\ude00"));
  }

  @Test
  void aTraceDoesNotActOnTheTerminal() throws IOException {
    Path file = directory.resolve("m.gguf");
    new GgufWriter().string("general.architecture", TITLE).tensor("t", new long[] {1}, new float[1]).write(file);
    String err = Cli.run("generate", "--debug", "--model", file.toString(), "x").err();
    assertTrue(err.contains("\\u001b") && err.chars().noneMatch(c -> Character.isISOControl(c) && c != '\n' && c != '\t'), err);
  }

  @Test
  void aTemplateWithoutEndIsNotRead() throws Exception {
    Path large = Files.write(directory.resolve("large"), new byte[(1 << 20) + 1]);
    Path latin1 = Files.write(directory.resolve("latin1"), new byte[] {(byte) 0xe9});
    for (Path path : List.of(Path.of("/dev/zero"), pipe(), directory, large, latin1)) {
      String err = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> Cli.run("chat", "--template", path.toString()).failedWith(Tern.BAD_USE, 1));
      assertTrue(err.contains(path.toString()), err);
    }
  }

  @Test
  void aPipeAsTextIsNotWaitedFor() throws Exception {
    Path pipe = pipe();
    for (Path path : List.of(pipe, Path.of("/dev/zero"), directory)) {
      assertTimeoutPreemptively(Duration.ofSeconds(20), () -> Cli.run("ppl", path.toString()).failedWith(Tern.BAD_USE, 1));
    }
  }

  private Path pipe() throws Exception {
    Path pipe = directory.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    return pipe;
  }

  private static String makeAt(Path path) {
    return assertTimeoutPreemptively(Duration.ofSeconds(20),
        () -> Cli.run("make-model", "--shape", "tern-tiny", "--out", path.toString()).failedWith(Tern.FAILED, 1));
  }

  @Test
  void whatIsNoFileIsNotReplaced() throws Exception {
    Path target = Files.writeString(directory.resolve("target"), "mine");
    Path link = Files.createSymbolicLink(directory.resolve("link"), target);
    Path dangling = Files.createSymbolicLink(directory.resolve("dangling"), directory.resolve("absent"));
    for (Path path : List.of(Path.of("/dev/null"), directory, pipe())) {
      assertTrue(makeAt(path).contains("no regular file"));
      assertTrue(Files.exists(path) && !Files.isRegularFile(path));
    }
    for (Path path : List.of(link, dangling)) {
      assertTrue(makeAt(path).contains("is a link"));
      assertTrue(Files.isSymbolicLink(path));
    }
    assertEquals("mine", Files.readString(target));
  }

  /** NAME.part that is a link would have another file written over. */
  @Test
  void thePartIsMadeNewAndFollowsNoLink() throws Exception {
    Path mine = Files.writeString(directory.resolve("mine"), "mine");
    Path out = directory.resolve("m.gguf");
    Path part = directory.resolve("m.gguf.part");
    Files.createSymbolicLink(part, mine);
    assertTrue(makeAt(out).contains("m.gguf.part is there"));
    assertEquals("mine", Files.readString(mine));
    Files.delete(part);
    Files.writeString(part, "another's");
    assertTrue(makeAt(out).contains("m.gguf.part is there"));
    assertArrayEquals("another's".getBytes(StandardCharsets.UTF_8), Files.readAllBytes(part));
    assertFalse(Files.exists(out, LinkOption.NOFOLLOW_LINKS));
    Files.delete(part);
    Cli.run("make-model", "--shape", "tern-tiny", "--out", out.toString()).succeeded();
    assertFalse(Files.exists(part, LinkOption.NOFOLLOW_LINKS));
  }
}
