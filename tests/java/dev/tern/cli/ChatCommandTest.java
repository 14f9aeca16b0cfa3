package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatCommandTest {
  private static final String SOURCE = "{% for m in messages %}{{ m.content }} {% endfor %}";

  @TempDir
  Path directory;

  private String template;

  @BeforeEach
  void write() throws IOException {
    template = Files.writeString(directory.resolve("chat.jinja"), SOURCE).toString();
  }

  private String chat(String input, String... more) {
    String[] args = new String[more.length + 7];
    System.arraycopy(new String[] {"chat", "--template", template, "--max-tokens", "12", "--temperature", "0"}, 0, args, 0, 7);
    System.arraycopy(more, 0, args, 7, more.length);
    Cli.Result result = Cli.runWithInput(input, args).succeeded();
    assertEquals("", result.err());
    return result.out();
  }

  @Test
  void everyLineIsAnswered() {
    String one = chat("Once upon a time\n");
    assertTrue(one.length() > 5 && one.endsWith("\n"), one);
    assertEquals(one, chat("Once upon a time"), "without a line end");
    assertEquals(one, chat("\n  \nOnce upon a time\n/exit\nnever read\n"));
    assertEquals(one + one, chat("Once upon a time\n/reset\nOnce upon a time\n"));
    assertNotEquals(one + one, chat("Once upon a time\nOnce upon a time\n"));
    assertNotEquals(one, chat("Once upon a time\n", "--system", "The princess sang."));
    assertEquals("", chat(""));
  }

  @Test
  void aModelWithoutATemplateNeedsOne() {
    String err = Cli.run("chat").failedWith(2, 1);
    assertTrue(err.contains("no chat template") && err.contains("--template"), err);
  }

  @Test
  void whatIsWrongWithATemplateIsOneLine() throws IOException {
    Files.writeString(directory.resolve("chat.jinja"), "{% if %}");
    assertTrue(Cli.runWithInput("x\n", "chat", "--template", template).failedWith(1, 1).contains("line 1"));
    Files.writeString(directory.resolve("chat.jinja"), "{{ raise_exception('never') }}");
    assertTrue(Cli.runWithInput("x\n", "chat", "--template", template).failedWith(1, 1).contains("never"));
    Cli.run("chat", "--template", directory.resolve("missing").toString()).failedWith(1, 1);
    Cli.run("chat", "--template", template, "--top-p", "2").failedWith(2, 1);
  }
}
