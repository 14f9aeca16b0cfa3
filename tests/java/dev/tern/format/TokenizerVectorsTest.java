package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Real vocabularies against the token ids that llama.cpp publishes with them. */
class TokenizerVectorsTest {
  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "gpt-2", "llama-bpe"})
  void all47VectorsAreEqual(String name) {
    Tokenizer tokenizer = TestFiles.tokenizer(name);
    String[] texts = TestFiles.text("tokenizers/vectors.inp").split("\n__ggml_vocab_test__\n", -1);
    String[] lines = TestFiles.text("tokenizers/" + name + ".out").split("\n", -1);
    assertEquals(47, texts.length);
    assertEquals(47, lines.length);
    for (int i = 0; i < texts.length; i++) {
      int[] expected = Arrays.stream(lines[i].trim().split(" ")).filter(s -> !s.isEmpty()).mapToInt(Integer::parseInt).toArray();
      assertArrayEquals(expected, tokenizer.encode(texts[i], false, false), "text " + i + ": " + texts[i]);
      assertEquals(texts[i], tokenizer.decode(expected), "text " + i);
    }
  }

  @ParameterizedTest
  @CsvSource({"llama-spm,1,2,true,32000", "gpt-2,50256,50256,false,50257", "llama-bpe,128000,128001,true,128256"})
  void specialTokens(String name, int bos, int eos, boolean addsBos, int size) {
    Tokenizer tokenizer = TestFiles.tokenizer(name);
    assertEquals(bos, tokenizer.bosId());
    assertEquals(eos, tokenizer.eosId());
    assertEquals(addsBos, tokenizer.addsBos());
    assertEquals(size, tokenizer.vocabSize());
    assertTrue(tokenizer.eogIds().contains(eos));
    assertTrue(tokenizer.isControl(bos));
    assertEquals(eos, tokenizer.find(tokenizer.text(eos)));
    assertEquals(0, tokenizer.bytes(eos).length);
  }

  @Test
  void controlTokensAreTextUnlessAskedFor() {
    Tokenizer tokenizer = TestFiles.tokenizer("llama-bpe");
    assertArrayEquals(
        new int[] {128000, 128006, 882, 128007, 271, 128009},
        tokenizer.encode("<|start_header_id|>user<|end_header_id|>\n\n<|eot_id|>", true, true));
    int[] plain = tokenizer.encode("<|eot_id|>", false, false);
    assertTrue(Arrays.stream(plain).noneMatch(tokenizer::isControl));
    assertEquals("<|eot_id|>", tokenizer.decode(plain));
    assertTrue(tokenizer.eogIds().contains(128009));
    Tokenizer spm = TestFiles.tokenizer("llama-spm");
    assertArrayEquals(new int[] {1}, spm.encode("<s>", false, true));
    assertTrue(Arrays.stream(spm.encode("a<s></s>", false, false)).noneMatch(spm::isControl));
  }

  @Test
  void llama2cPromptsAndTexts() {
    Tokenizer llama2 = TestFiles.tokenizer("llama-spm");
    assertArrayEquals(new int[] {1, 306, 4658, 278, 6593, 310, 2834, 338}, llama2.encode("I believe the meaning of life is"));
    try (GgufFile file = GgufFile.open(TestFiles.STORIES)) {
      Tokenizer tokenizer = Tokenizer.from(file);
      assertArrayEquals(new int[] {1, 385, 328, 432, 261, 370, 400, 428}, tokenizer.encode("One day, a big dog"));
      for (String name : new String[] {"out_t0_n200", "out_t0_n256", "out_dog_t0_n128", "out_t1_p09_s133742"}) {
        String text = TestFiles.text("stories260k/" + name + ".txt");
        assertEquals(text, tokenizer.decode(tokenizer.encode(text)), name);
      }
      int[] dog = Arrays.stream(TestFiles.text("stories260k/ref_dog.tokens.txt").trim().split("\\s+")).mapToInt(Integer::parseInt).toArray();
      String text = TestFiles.text("stories260k/out_dog_t0_n128.txt").strip();
      assertEquals(text, tokenizer.decode(dog).substring(0, text.length()));
    }
  }

  /** The embedded model's own vectors: a JSON string a line in text.txt, its ids in ids.txt. */
  @Test
  void theEmbeddedVocabulary() {
    try (GgufFile file = GgufFile.open(Path.of("src/main/resources/dev/tern/model/tern-stories.gguf"))) {
      Tokenizer tokenizer = Tokenizer.from(file);
      String[] texts = TestFiles.text("tern-stories/text.txt").strip().split("\n");
      String[] lines = TestFiles.text("tern-stories/ids.txt").strip().split("\n");
      assertEquals(texts.length, lines.length);
      for (int i = 0; i < texts.length; i++) {
        String text = unquote(texts[i]);
        int[] expected = Arrays.stream(lines[i].trim().split(" ")).mapToInt(Integer::parseInt).toArray();
        assertArrayEquals(expected, tokenizer.encode(text, false, false), text);
        assertEquals(text, tokenizer.decode(expected));
      }
    }
  }

  private static String unquote(String json) {
    StringBuilder text = new StringBuilder();
    for (int i = 1; i < json.length() - 1; i++) {
      char c = json.charAt(i);
      if (c == '\\') {
        c = json.charAt(++i);
        switch (c) {
          case 'n' -> c = '\n';
          case 'r' -> c = '\r';
          case 't' -> c = '\t';
          case 'u' -> {
            c = (char) Integer.parseInt(json.substring(i + 1, i + 5), 16);
            i += 4;
          }
          default -> {}
        }
      }
      text.append(c);
    }
    return text.toString();
  }
}
