package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ModelFormatException;
import dev.tern.Sampling;
import dev.tern.UnsupportedModelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a Hugging Face directory says of conversations. */
class HfChatTest {
  @TempDir Path temp;
  private Path directory;
  private HfDirectory made;

  @BeforeEach
  void make() {
    made = new HfDirectory(GgufFile.read(ByteSource.of(new RandomModel(ModelShape.of("tern-tiny")).toBytes(), "random")), HfDirectory.Weights.MULTIPLIED);
    directory = made.write(temp.resolve("hf"), 1);
  }

  private void write(String name, String text) throws Exception {
    Files.createDirectories(directory.resolve(name).getParent());
    Files.writeString(directory.resolve(name), text);
  }

  private ChatSettings settings() {
    try (ModelFile file = ModelFile.open(directory)) {
      return ChatSettings.from(file.metadata());
    }
  }

  @Test
  void templatesFromEveryPlace() throws Exception {
    assertTrue(settings().templates().isEmpty());
    write("tokenizer_config.json", "{\"chat_template\": \"one\"}");
    assertEquals("one", settings().templates().get("default"));
    write("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"two\"}, {\"name\": \"default\", \"template\": \"three\"}]}");
    assertEquals(List.of("default", "tool_use"), List.copyOf(settings().templates().keySet()));
    assertEquals("two", settings().templates().get("tool_use"));
    write("chat_template.jinja", "four");
    write("additional_chat_templates/rag.jinja", "five");
    assertEquals("four", settings().templates().get("default"));
    assertEquals("five", settings().templates().get("rag"));
    Path gguf = temp.resolve("m.gguf");
    try (ModelFile file = ModelFile.open(directory)) {
      new GgufWriter().copy(file).write(gguf);
    }
    try (ModelFile file = ModelFile.open(gguf)) {
      assertEquals(settings(), ChatSettings.from(file.metadata()));
    }
    write("chat_template.jinja", "x".repeat((1 << 20) + 1));
    assertThrows(ModelFormatException.class, this::settings);
  }

  @Test
  void generationConfigIsHonoured() throws Exception {
    assertEquals(Sampling.defaults(), settings().sampling());
    write("generation_config.json", "{\"do_sample\": true, \"temperature\": 0.6, \"top_p\": 0.9, \"top_k\": 20, \"repetition_penalty\": 1.1, \"eos_token_id\": [5, 6, 7, 8]}");
    assertEquals(Sampling.defaults().temperature(0.6f).topP(0.9f).topK(20).repeatPenalty(1.1f), settings().sampling());
    try (ModelFile file = ModelFile.open(directory)) {
      assertTrue(Tokenizer.from(file).eogIds().containsAll(List.of(5, 6, 7, 8)));
    }
    write("generation_config.json", "{\"do_sample\": false, \"temperature\": 0.6, \"top_p\": 7, \"min_p\": -1, \"top_k\": \"x\"}");
    assertEquals(Sampling.defaults().temperature(0), settings().sampling());
  }

  @Test
  void addedTokensKeepTheirManners() throws Exception {
    com.fasterxml.jackson.databind.node.ArrayNode added = (com.fasterxml.jackson.databind.node.ArrayNode) made.tokenizer.get("added_tokens");
    String last = added.get(added.size() - 1).get("content").textValue();
    ((com.fasterxml.jackson.databind.node.ObjectNode) added.get(added.size() - 1)).put("special", false).put("lstrip", true).put("rstrip", true);
    made.tokenizer.putObject("normalizer").put("type", "NFC");
    made.write(directory, 1);
    try (ModelFile file = ModelFile.open(directory)) {
      Tokenizer tokenizer = Tokenizer.from(file);
      int token = tokenizer.find(last);
      assertTrue(token >= 0);
      assertEquals(1, tokenizer.encode("  " + last + "  ", false, true).length);
      assertEquals(tokenizer.encode("\u00e9", false, false).length, tokenizer.encode("e\u0301", false, false).length);
      assertEquals(last.startsWith("<|") && last.endsWith("|>"), tokenizer.isControl(token));
    }
    made.tokenizer.putObject("normalizer").put("type", "Lowercase");
    made.write(directory, 1);
    assertThrows(UnsupportedModelException.class, () -> ModelFile.open(directory).close());
  }
}
