package dev.tern.format;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.GZIPInputStream;

/** The files under tests/data. */
final class TestFiles {
  static final Path DATA = Path.of("tests", "data");
  static final Path STORIES = DATA.resolve("stories260k/stories260K-f32.gguf");

  private TestFiles() {}

  /** Seed of random tests: -Dtern.seed. Failures name it. */
  static long seed() {
    return Long.getLong("tern.seed", 20240607);
  }

  static byte[] gunzip(String name) {
    try (InputStream in = new GZIPInputStream(Files.newInputStream(DATA.resolve(name)))) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String text(String name) {
    try {
      return Files.readString(DATA.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final Map<String, GgufFile> VOCABULARIES = new ConcurrentHashMap<>();
  private static final Map<String, Tokenizer> TOKENIZERS = new ConcurrentHashMap<>();

  /** A vocabulary-only file in memory: "llama-spm", "gpt-2" or "llama-bpe". Read once. */
  static GgufFile vocabulary(String name) {
    return VOCABULARIES.computeIfAbsent(name, n -> {
      byte[] bytes = n.equals("llama-bpe") ? llama3() : gunzip("tokenizers/" + n + ".gguf.gz");
      return GgufFile.read(ByteSource.of(bytes, n));
    });
  }

  /** Its tokenizer, made once. */
  static Tokenizer tokenizer(String name) {
    return TOKENIZERS.computeIfAbsent(name, n -> Tokenizer.from(vocabulary(n)));
  }

  /** A vocabulary-only GGUF of Llama 3, its merges computed from the ranks. */
  private static byte[] llama3() {
    List<String> tokens = new ArrayList<>();
    try (DataInputStream in = new DataInputStream(new GZIPInputStream(Files.newInputStream(DATA.resolve("tokenizers/llama-bpe.tokens.gz"))))) {
      for (int length = in.read(); length >= 0; length = in.read()) {
        tokens.add(new String(in.readNBytes(length), StandardCharsets.ISO_8859_1));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Map<String, Integer> rank = new HashMap<>();
    for (String token : tokens) {
      rank.put(token, rank.size());
    }
    List<String> merges = new ArrayList<>();
    for (String token : tokens) {
      List<int[]> halves = new ArrayList<>();
      for (int k = 1; k < token.length(); k++) {
        Integer left = rank.get(token.substring(0, k));
        Integer right = rank.get(token.substring(k));
        if (left != null && right != null) {
          halves.add(new int[] {left, right});
        }
      }
      halves.sort(Comparator.<int[]>comparingInt(h -> h[0]).thenComparingInt(h -> h[1]));
      halves.forEach(h -> merges.add(spell(tokens.get(h[0])) + " " + spell(tokens.get(h[1]))));
    }
    List<String> spelled = new ArrayList<>(tokens.stream().map(TestFiles::spell).toList());
    int nText = spelled.size();
    Map<Integer, String> named = Map.of(0, "<|begin_of_text|>", 1, "<|end_of_text|>", 6, "<|start_header_id|>", 7, "<|end_header_id|>", 9, "<|eot_id|>");
    for (int i = 0, reserved = 0; i < 256; i++) {
      spelled.add(named.containsKey(i) ? named.get(i) : "<|reserved_special_token_" + reserved++ + "|>");
    }
    int[] types = new int[spelled.size()];
    Arrays.fill(types, 0, nText, 1);
    Arrays.fill(types, nText, types.length, 3);
    return new GgufWriter()
        .string("general.architecture", "llama")
        .string("tokenizer.ggml.model", "gpt2")
        .string("tokenizer.ggml.pre", "llama-bpe")
        .strings("tokenizer.ggml.tokens", spelled)
        .ints("tokenizer.ggml.token_type", types)
        .strings("tokenizer.ggml.merges", merges)
        .uint32("tokenizer.ggml.bos_token_id", nText)
        .uint32("tokenizer.ggml.eos_token_id", nText + 1)
        .toBytes();
  }

  private static String spell(String latin1) {
    StringBuilder spelled = new StringBuilder();
    latin1.chars().forEach(b -> spelled.append(SPELLING[b]));
    return spelled.toString();
  }

  private static final char[] SPELLING = new char[256];

  static {
    for (int b = 0; b < 256; b++) {
      SPELLING[b] = BpeTokenizer.spelling(b);
    }
  }
}
