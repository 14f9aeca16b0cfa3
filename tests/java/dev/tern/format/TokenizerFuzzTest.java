package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.code_intelligence.jazzer.mutation.annotation.NotNull;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.TernException;
import java.io.ByteArrayInputStream;
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
        TokenizerJson file = TokenizerJson.parse(new ByteArrayInputStream(bytes), "fuzz");
        GgufWriter out = new GgufWriter().string("general.architecture", "llama");
        ObjectNode none = JsonNodeFactory.instance.objectNode();
        new HfTokenizer(file, none).write(out, none, none);
        GgufFuzzTest.tokenizer(GgufFile.read(ByteSource.of(out.toBytes(), "fuzz")));
      } catch (TernException e) {
        // as promised
      }
    });
  }

  /**
   * Texts come back: byte-level BPE gives every text, composed where Qwen 2's does that, SentencePiece every text without its own sign for a
   * space. The first byte chooses the tokenizer and how the others are text: as UTF-16 they hold unpaired surrogates, as UTF-8 well-formed text.
   */
  @FuzzTest
  void text(byte @NotNull [] bytes) {
    if (bytes.length == 0) {
      return;
    }
    String kind = KINDS[(bytes[0] & 0xff) >> 1 & 3];
    Tokenizer tokenizer = SMALL.get(kind);
    // A byte is 3 tokens at most, which is what U+FFFD has. Decoding takes 256 bytes for each, twice, and once more for a byte as an id;
    // each of three encodings takes 160 for each byte; the texts are what is left.
    Allocation.bounded(bytes.length, 3 * 2 * 256 + 256 + 3 * 160 + 256, () -> {
      String text = new String(bytes, 1, bytes.length - 1, (bytes[0] & 1) == 0 ? StandardCharsets.UTF_8 : StandardCharsets.UTF_16LE);
      String expected = new String(text.getBytes(StandardCharsets.UTF_16LE), StandardCharsets.UTF_16LE); // U+FFFD for those
      if (kind.equals("qwen2")) {
        expected = composed(expected);
      }
      int[] ids = tokenizer.encode(text, false, false);
      String decoded = tokenizer.decode(ids);
      assertEquals(expected.replace('\u2581', ' '), decoded.replace('\u2581', ' '), kind);
      StringBuilder pieces = new StringBuilder();
      TokenDecoder decoder = tokenizer.decoder(true);
      for (int id : ids) {
        pieces.append(decoder.put(id));
      }
      assertEquals(decoded, pieces.append(decoder.finish()).toString(), kind);
      assertArrayEquals(ids, tokenizer.encode(text, false, false), kind);
      tokenizer.encode(text, true, true);
      ids(tokenizer, bytes);
    });
  }

  /** What stands between tokens that the user has defined is composed, in stretches where there are more marks than any script has. */
  private static String composed(String text) {
    return Stream.of(text.split("<user>", -1))
        .map(part -> MARKS.matcher(part).find() ? Composition.of(part) : Normalizer.normalize(part, Normalizer.Form.NFC))
        .collect(Collectors.joining("<user>"));
  }

  /** Any ids decode. */
  private static void ids(Tokenizer tokenizer, byte[] bytes) {
    int[] ids = new int[bytes.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (bytes[i] & 0xff) % tokenizer.vocabSize();
    }
    tokenizer.decode(ids);
  }

  private static final Pattern MARKS = Pattern.compile("\\p{M}{64}");
  private static final String[] KINDS = {"gpt-2", "llama-bpe", "qwen2", "spm"};
  private static final Map<String, Tokenizer> SMALL = new HashMap<>();

  static {
    for (String kind : KINDS) {
      TinyModel model = kind.equals("spm") ? TinyModel.llama() : TinyModel.llama().bpe(kind, "a b", "ab c");
      SMALL.put(kind, Tokenizer.from(model.file()));
    }
  }
}
