package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.UnsupportedModelException;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static final String WORDS =
      "The quick brown fox, 'twas it? don't I'LL  caf\u00e9 \u4e2d\u6587\u5b57 \u043d\u0435\u0449\u043e "
          + "\ud83e\udd99\ud83d\ude36\u200d\ud83c\udf2b\ufe0f 12345 3.14\n\n\t\u2581x <s> </s> <|eot_id|> \u0000\u0007";

  private static Tokenizer tinySpm() {
    return Tokenizer.from(TinyModel.llama().file());
  }

  private static Tokenizer tinyBpe(String pre, String... merges) {
    return Tokenizer.from(TinyModel.llama().bpe(pre, merges).file());
  }

  private static String randomText(Random random, int n) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < n; i++) {
      int c = switch (random.nextInt(6)) {
        case 0 -> random.nextInt(0x110000);
        case 1 -> random.nextInt(0x3000);
        default -> WORDS.codePointAt(random.nextInt(WORDS.length()));
      };
      text.appendCodePoint(c >= 0xd800 && c < 0xe000 ? ' ' : c);
    }
    return text.toString();
  }

  private static GgufFile llama3Without(String pre, int change) {
    GgufFile file = TestFiles.vocabulary("llama-bpe");
    GgufWriter out = new GgufWriter();
    List<String> tokens = new ArrayList<>(file.metadata().strings("tokenizer.ggml.tokens"));
    for (String key : file.metadata().keys()) {
      if (!key.equals("tokenizer.ggml.pre") && !key.equals("tokenizer.ggml.tokens")) {
        out.copy(key, file.metadata().entry(key));
      }
    }
    if (pre != null) {
      out.string("tokenizer.ggml.pre", pre);
    }
    if (change >= 0) {
      tokens.set(change, "<|changed|>");
    }
    return GgufFile.read(ByteSource.of(out.strings("tokenizer.ggml.tokens", tokens).toBytes(), "llama-bpe without a word of its splitting"));
  }

  /** Files of the headline model do not name their pre-tokenizer: it is known by its vocabulary, and nothing else is guessed. */
  @Test
  void theSplittingOfLlama3IsKnownByItsVocabulary() {
    Tokenizer named = TestFiles.tokenizer("llama-bpe");
    Tokenizer unnamed = Tokenizer.from(llama3Without(null, -1));
    for (String text : List.of(WORDS, "12345678 it'S\n\n  a", "<|begin_of_text|>")) {
      assertArrayEquals(named.encode(text), unnamed.encode(text), text);
      assertArrayEquals(named.encode(text, true, true), unnamed.encode(text, true, true), text);
    }
    for (int token : new int[] {128000, 128001, 128009}) {
      GgufFile other = llama3Without(null, token);
      assertTrue(assertThrows(UnsupportedModelException.class, () -> Tokenizer.from(other)).getMessage().contains("'(absent)'"));
    }
    GgufFile other = llama3Without("default", -1);
    assertTrue(assertThrows(UnsupportedModelException.class, () -> Tokenizer.from(other)).getMessage().contains("'default'"));
    TinyModel tiny = TinyModel.llama().bpe("llama-bpe").without("tokenizer.ggml.pre");
    assertThrows(UnsupportedModelException.class, () -> Tokenizer.from(tiny.file()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "gpt-2", "llama-bpe"})
  void anyTextComesBack(String name) {
    Tokenizer tokenizer = TestFiles.tokenizer(name);
    long seed = TestFiles.seed();
    Random random = new Random(seed);
    for (int round = 0; round < 2000; round++) {
      String text = round == 0 ? WORDS : randomText(random, random.nextInt(60));
      String expected = name.equals("llama-spm") ? text.replace('\u2581', ' ') : text; // to SentencePiece they are the same
      int[] ids = tokenizer.encode(text);
      assertEquals(expected, tokenizer.decode(ids), "-Dtern.seed=" + seed);
      StringBuilder streamed = new StringBuilder();
      TokenDecoder decoder = tokenizer.decoder(true);
      for (int id : ids) {
        String piece = decoder.put(id);
        assertFalse(piece.indexOf('\ufffd') >= 0 && text.indexOf('\ufffd') < 0, "half a character, -Dtern.seed=" + seed);
        streamed.append(piece);
      }
      assertEquals(expected, streamed.append(decoder.finish()).toString());
    }
  }

  /** Any ids at all: pieces put together are what the JDK makes of all the bytes. */
  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "gpt-2", "llama-bpe"})
  void anyIdsDecodeAsTheirBytesDo(String name) {
    Tokenizer tokenizer = TestFiles.tokenizer(name);
    long seed = TestFiles.seed();
    Random random = new Random(seed);
    for (int round = 0; round < 2000; round++) {
      int[] ids = random.ints(random.nextInt(20), 0, round % 2 == 0 ? 259 : tokenizer.vocabSize()).toArray();
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      TokenDecoder decoder = tokenizer.decoder(false);
      StringBuilder streamed = new StringBuilder();
      for (int id : ids) {
        bytes.writeBytes(tokenizer.bytes(id));
        streamed.append(decoder.put(id));
      }
      streamed.append(decoder.finish());
      assertEquals(bytes.toString(StandardCharsets.UTF_8), streamed.toString(), Arrays.toString(ids) + " -Dtern.seed=" + seed);
    }
  }

  @Test
  void aCharacterSplitOverTokensComesOutWhole() {
    Tokenizer tokenizer = tinySpm();
    TokenDecoder decoder = tokenizer.decoder(false);
    byte[] llama = "\ud83e\udd99".getBytes(StandardCharsets.UTF_8);
    assertEquals("", decoder.put(3 + (llama[0] & 0xff)));
    assertEquals("", decoder.put(3 + (llama[1] & 0xff)));
    assertEquals("", decoder.put(3 + (llama[2] & 0xff)));
    assertEquals("\ud83e\udd99", decoder.put(3 + (llama[3] & 0xff)));
    assertEquals("", decoder.finish());
    assertEquals("", decoder.put(3 + 0xf0));
    assertEquals("\ufffda", decoder.put(3 + 'a'));
    assertEquals("", decoder.put(3 + 0xc3));
    assertEquals("\ufffd", decoder.finish());
    assertEquals("b", decoder.put(3 + 'b'));
    assertThrows(IndexOutOfBoundsException.class, () -> decoder.put(-1));
    assertThrows(IndexOutOfBoundsException.class, () -> decoder.put(260));
    assertThrows(IndexOutOfBoundsException.class, () -> decoder.put(Integer.MIN_VALUE));
  }

  @Test
  void unpairedSurrogatesAreReplacementCharacters() {
    for (String name : new String[] {"llama-spm", "gpt-2", "llama-bpe"}) {
      Tokenizer tokenizer = TestFiles.tokenizer(name);
      assertArrayEquals(tokenizer.encode("a\ufffdb \ufffd"), tokenizer.encode("a\ud800b \udc00"));
    }
  }

  @Test
  void userDefinedTokensAreAlwaysFoundControlTokensWhenAsked() {
    Tokenizer tokenizer = tinyBpe("gpt-2", "a b", "ab c");
    assertArrayEquals(new int[] {257, 259, 'a'}, tokenizer.encode("abc<user>a", false, false));
    assertArrayEquals(new int[] {258, 256}, tokenizer.encode("<end>ab", false, true));
    assertEquals(5, tokenizer.encode("<end>", false, false).length);
    assertEquals("<user>", tokenizer.decode(new int[] {259}));
    assertEquals("", tokenizer.decode(new int[] {258}));
    assertEquals(-1, tokenizer.bosId());
    assertFalse(tokenizer.addsBos());
    assertEquals(0, tokenizer.encode("", true, true).length);
  }

  @Test
  void mergesGoByRankThenFromTheLeft() {
    Tokenizer tokenizer = tinyBpe("gpt-2", "a b", "ab c");
    assertArrayEquals(new int[] {256, 257}, tokenizer.encode("ababc", false, false));
    assertArrayEquals(new int[] {'b', 257, 'c'}, tokenizer.encode("babcc", false, false));
    Tokenizer never = tinyBpe("gpt-2", "a b");
    assertArrayEquals(new int[] {256, 'c'}, never.encode("abc", false, false));
    Tokenizer whole = tinyBpe("llama3", "a b");
    assertArrayEquals(new int[] {257}, whole.encode("abc", false, false));
  }

  /** A slow tokenizer that looks for the best pair again and again agrees. */
  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "gpt-2"})
  void theHeapFindsWhatASearchFinds(String name) {
    GgufFile file = TestFiles.vocabulary(name);
    Tokenizer tokenizer = Tokenizer.from(file);
    Random random = new Random(TestFiles.seed());
    Map<String, Integer> rank = new HashMap<>();
    if (name.equals("gpt-2")) {
      file.metadata().strings("tokenizer.ggml.merges").forEach(merge -> rank.put(merge, rank.size()));
    } else {
      float[] scores = file.metadata().floats("tokenizer.ggml.scores");
      List<String> tokens = file.metadata().strings("tokenizer.ggml.tokens");
      for (int i = 259; i < scores.length; i++) {
        rank.put(tokens.get(i), (int) -scores[i]); // whole numbers in this file
      }
    }
    for (int round = 0; round < 1500; round++) {
      StringBuilder word = new StringBuilder(name.equals("gpt-2") ? "" : "\u2581");
      for (int i = 1 + random.nextInt(24); i > 0; i--) {
        word.append("aaabeeilnnorstth".charAt(random.nextInt(16)));
      }
      List<String> parts = new ArrayList<>(word.chars().mapToObj(c -> String.valueOf((char) c)).toList());
      for (; ; ) {
        int best = -1;
        int bestRank = Integer.MAX_VALUE;
        for (int i = 0; i + 1 < parts.size(); i++) {
          String pair = name.equals("gpt-2") ? parts.get(i) + " " + parts.get(i + 1) : parts.get(i) + parts.get(i + 1);
          if (rank.getOrDefault(pair, Integer.MAX_VALUE) < bestRank) {
            best = i;
            bestRank = rank.get(pair);
          }
        }
        if (best < 0) {
          break;
        }
        parts.set(best, parts.get(best) + parts.remove(best + 1));
      }
      List<String> actual = Arrays.stream(tokenizer.encode(word.toString().replace("\u2581", ""), false, false)).mapToObj(tokenizer::text).toList();
      assertEquals(parts, actual);
    }
  }

  /** A million characters with no word boundary: quadratic work would take hours. */
  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "gpt-2", "llama-bpe"})
  void aMillionCharactersAreNoTrouble(String name) {
    Tokenizer tokenizer = TestFiles.tokenizer(name);
    for (String part : new String[] {"a", " ", "<", "\ud83e\udd99", "a "}) {
      String text = part.repeat(1_000_000 / part.length());
      assertTimeoutPreemptively(Duration.ofSeconds(30), () -> {
        int[] ids = tokenizer.encode(text, false, true);
        String decoded = tokenizer.decode(ids);
        assertTrue(decoded.equals(name.equals("llama-spm") ? text.replace('\u2581', ' ') : text), part);
      });
    }
  }

  @Test
  void wordsOfSentencePieceMayBeMergedOneByOne() {
    Tokenizer tokenizer = TestFiles.tokenizer("llama-spm");
    int[] one = tokenizer.encode("once upon a time", false, false);
    int[] many = tokenizer.encode("once upon a time ".repeat(1000).stripTrailing(), false, false);
    assertArrayEquals(one, Arrays.copyOf(many, one.length));
    assertEquals(one.length * 1000, many.length);
  }

  @Test
  void sentencePieceWithoutBytesHasUnknown() {
    GgufFile file = new TinyModel("llama").withoutTensors()
        .strings("tokenizer.ggml.tokens", "<unk>", "a", "\u2581a").floats("tokenizer.ggml.scores", 0, -1, -2).ints("tokenizer.ggml.token_type", 2, 1, 1).file();
    Tokenizer tokenizer = Tokenizer.from(file);
    assertArrayEquals(new int[] {2, 1, 0, 1}, tokenizer.encode("aa\u00e9a"));
    assertEquals("aa\ufffda", tokenizer.decode(new int[] {2, 1, 0, 1}));
  }

  @Test
  void noSpacePrefixIfTheModelSaysSo() {
    Tokenizer tokenizer = Tokenizer.from(TinyModel.llama().bool("tokenizer.ggml.add_space_prefix", false).bool("tokenizer.ggml.add_bos_token", false).file());
    assertArrayEquals(new int[] {3 + 'a'}, tokenizer.encode("a"));
    assertEquals(" a", tokenizer.decode(new int[] {259, 3 + 'a'}));
    assertFalse(tokenizer.addsBos());
    Tokenizer with = tinySpm();
    assertArrayEquals(new int[] {1, 259, 3 + 'a'}, with.encode("a"));
    assertArrayEquals(new int[] {1}, with.encode(""));
    assertEquals("a", with.decode(new int[] {1, 259, 3 + 'a'}));
  }

  @Test
  void theLongestSpecialTokenWinsThenTheFirst() {
    GgufFile file = new TinyModel("llama").withoutTensors()
        .strings("tokenizer.ggml.tokens", "<unk>", "<a>", "<a><b>", "<b>", "<a>", "<a", "\u2581", "", "<a><b><c>")
        .floats("tokenizer.ggml.scores", new float[9]).ints("tokenizer.ggml.token_type", 2, 4, 4, 3, 4, 4, 1, 4, 3).file();
    Tokenizer tokenizer = Tokenizer.from(file);
    assertArrayEquals(new int[] {1}, tokenizer.encode("<a>", false, false));
    assertArrayEquals(new int[] {2, 1, 5}, tokenizer.encode("<a><b><a><a", false, false));
    assertArrayEquals(new int[] {8, 3, 2, 3, 0}, tokenizer.encode("<a><b><c><b><a><b><b><unk>", false, true));
    assertArrayEquals(new int[] {5}, tokenizer.encode("<a", false, true));
  }
}
