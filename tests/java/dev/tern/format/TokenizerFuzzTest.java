package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.code_intelligence.jazzer.mutation.annotation.NotNull;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.TernException;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Any bytes as tokenizer.json; any text through tokenizers of each kind. */
class TokenizerFuzzTest {
  @FuzzTest
  void tokenizerJson(byte @NotNull [] bytes) {
    Allocation.bounded(bytes.length, 128, () -> {
      try {
        TokenizerJson file = TokenizerJson.parse(bytes, "fuzz");
        GgufWriter out = new GgufWriter().string("general.architecture", "llama");
        ObjectNode none = JsonNodeFactory.instance.objectNode();
        new HfTokenizer(file, none).write(out, none, none);
        GgufFuzzTest.tokenizer(GgufFile.read(ByteSource.of(out.toBytes(), "fuzz")));
      } catch (TernException e) {
        // as promised
      }
    });
  }

  /** Texts come back: byte-level BPE gives every text, composed where Qwen 2's does that, SentencePiece every text without its own sign for a space. */
  @FuzzTest
  void text(byte @NotNull [] bytes) {
    Allocation.bounded(bytes.length, 1024, () -> {
      for (Map.Entry<String, Tokenizer> entry : SMALL.entrySet()) {
        Tokenizer tokenizer = entry.getValue();
        // As UTF-16 the bytes hold unpaired surrogates, as UTF-8 well-formed text.
        for (String text : new String[] {new String(bytes, StandardCharsets.UTF_8), new String(bytes, StandardCharsets.UTF_16LE)}) {
          String expected = new String(text.getBytes(StandardCharsets.UTF_16LE), StandardCharsets.UTF_16LE); // U+FFFD for those
          if (entry.getKey().equals("qwen2")) {
            expected = composed(expected);
          }
          int[] ids = tokenizer.encode(text, false, false);
          String decoded = tokenizer.decode(ids);
          assertEquals(expected.replace('\u2581', ' '), decoded.replace('\u2581', ' '), entry.getKey());
          StringBuilder pieces = new StringBuilder();
          TokenDecoder decoder = tokenizer.decoder(true);
          for (int id : ids) {
            pieces.append(decoder.put(id));
          }
          assertEquals(decoded, pieces.append(decoder.finish()).toString(), entry.getKey());
          assertArrayEquals(ids, tokenizer.encode(text, false, false), entry.getKey());
          tokenizer.encode(text, true, true);
        }
      }
      ids(bytes);
    });
  }

  /** What stands between tokens that the user has defined is composed, in stretches where there are more marks than any script has. */
  private static String composed(String text) {
    return Stream.of(text.split("<user>", -1))
        .map(part -> MARKS.matcher(part).find() ? Composition.of(part) : Normalizer.normalize(part, Normalizer.Form.NFC))
        .collect(Collectors.joining("<user>"));
  }

  /** Any ids decode, and one by one to the same text. */
  private static void ids(byte[] bytes) {
    for (Tokenizer tokenizer : SMALL.values()) {
      int[] ids = new int[bytes.length];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = (bytes[i] & 0xff) % tokenizer.vocabSize();
      }
      tokenizer.decode(ids);
    }
  }

  private static final Pattern MARKS = Pattern.compile("\\p{M}{64}");
  private static final Map<String, Tokenizer> SMALL = new HashMap<>();

  static {
    for (String pre : new String[] {"gpt-2", "llama-bpe", "qwen2"}) {
      SMALL.put(pre, Tokenizer.from(TinyModel.llama().bpe(pre, "a b", "ab c").file()));
    }
    SMALL.put("spm", Tokenizer.from(TinyModel.llama().file()));
  }
}
