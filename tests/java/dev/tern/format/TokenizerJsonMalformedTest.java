package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.ModelFormatException;
import dev.tern.TernException;
import dev.tern.UnsupportedModelException;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every way to break a tokenizer.json that has a name. */
class TokenizerJsonMalformedTest {
  private static final String VOCAB = "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}";
  private static final String MERGES = "\"merges\":[\"a b\"]";
  private static final String ADDED = "\"added_tokens\":[{\"id\":3,\"content\":\"<x>\",\"special\":true}]";
  private static final String BYTE_LEVEL = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}";
  private static final String PRE = "\"pre_tokenizer\":" + BYTE_LEVEL;
  private static final String WHOLE = "{\"model\":{\"type\":\"BPE\"," + VOCAB + "," + MERGES + "}," + ADDED + "," + PRE + "}";

  /** The whole file with a part of it replaced. */
  private static Arguments kind(String name, String message, String part, String by) {
    assertTrue(WHOLE.contains(part), part);
    return raw(name, message, WHOLE.replace(part, by));
  }

  private static Arguments vocab(String name, String message, String more) {
    return kind(name, message, "\"ab\":2", "\"ab\":2," + more);
  }

  private static Arguments merge(String name, String message, String merge) {
    return kind(name, message, "\"a b\"", "\"a b\"," + merge);
  }

  private static Arguments added(String name, String message, String token) {
    return kind(name, message, "\"special\":true}", "\"special\":true}," + token);
  }

  private static Arguments pre(String name, String message, String pre) {
    return kind(name, message, BYTE_LEVEL, pre);
  }

  private static Arguments raw(String name, String message, String json) {
    return Arguments.of(name, message, json.getBytes(StandardCharsets.UTF_8));
  }

  /** All but the last byte. */
  private static byte[] cut(String json) {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    return Arrays.copyOf(bytes, bytes.length - 1);
  }

  private static String split(String fields) {
    return "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\"," + fields + "},{\"type\":\"ByteLevel\",\"use_regex\":false}]}";
  }

  static Stream<Arguments> kinds() {
    String json = "not valid JSON";
    String id = "has the id";
    String both = "both have the id";
    String bpe = "supported: BPE";
    String two = "not two tokens";
    String splits = "supported: those of";
    return Stream.of(
        raw("empty", "not a JSON object", ""),
        raw("an array", "not a JSON object", "[]"),
        raw("null", "not a JSON object", "null"),
        raw("no end", json, "{\"model\":"),
        raw("two objects", json, WHOLE + "{}"),
        raw("a comment", json, "//\n" + WHOLE),
        raw("single quotes", json, "{'model':{}}"),
        raw("a zero byte", json, WHOLE + "\0"),
        raw("deep", json, "{\"a\":".repeat(1000) + "1" + "}".repeat(1000)),
        kind("65 levels", json, "\"a b\"", "[".repeat(65) + "]".repeat(65)),
        raw("a field twice", "Duplicate", "{\"model\":{},\"model\":{}}"),
        kind("a list of added tokens twice", "Duplicate", PRE, PRE + "," + ADDED),
        kind("a field of a field twice", "Duplicate", BYTE_LEVEL, "{\"type\":\"ByteLevel\",\"type\":\"ByteLevel\"}"),
        kind("a field of the model twice", "Duplicate", MERGES, MERGES + ",\"type\":\"BPE\""),
        raw("a model that is none, and one", "Duplicate", "{\"model\":[]," + WHOLE.substring(1)),
        raw("what nobody asks for twice", "Duplicate", "{\"decoder\":1,\"decoder\":1," + WHOLE.substring(1)),
        kind("two vocabularies, one a list", "Duplicate", VOCAB, "\"vocab\":[]," + VOCAB),
        kind("two vocabularies", "Duplicate", VOCAB, VOCAB + "," + VOCAB),
        kind("two lists of merges", "Duplicate", MERGES, MERGES + "," + MERGES),
        vocab("a token twice", "Duplicate", "\"ab\":3"),
        vocab("a token twice, once by escape", "Duplicate", "\"\\u0061b\":3"),
        vocab("a token of 70,000 characters", json, "\"" + "n".repeat(70_000) + "\":4"),
        vocab("a number of 5,000 digits", json, "\"c\":" + "1".repeat(5000)),
        vocab("half an escape", json, "\"\\u00\":4"),
        Arguments.of("not UTF-8", "not UTF-8", WHOLE.replace("<x>", "\u00e9").getBytes(StandardCharsets.ISO_8859_1)),
        Arguments.of("half a character at the end", "not UTF-8", cut(WHOLE + "\u00e9")),
        Arguments.of("UTF-16", "not UTF-8", WHOLE.getBytes(StandardCharsets.UTF_16)),
        raw("no model", bpe, "{}"),
        raw("model a list", bpe, "{\"model\":[]}"),
        raw("model null", bpe, "{\"model\":null}"),
        kind("model Unigram", "'Unigram'", "\"BPE\"", "\"Unigram\""),
        kind("model WordPiece", "'WordPiece'", "\"BPE\"", "\"WordPiece\""),
        kind("model of no type", bpe, "\"BPE\"", "{}"),
        kind("no vocab", bpe, VOCAB + ",", ""),
        kind("vocab a list", bpe, VOCAB, "\"vocab\":[[\"a\",0]]"),
        kind("vocab null", bpe, VOCAB, "\"vocab\":null"),
        kind("no merges", bpe, "," + MERGES, ""),
        kind("merges an object", bpe, MERGES, "\"merges\":{\"a\":\"b\"}"),
        kind("no tokens at all", "empty", "{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]},\"added_tokens\":[{\"id\":3,\"content\":\"<x>\",\"special\":true}]",
            "{},\"merges\":[]},\"added_tokens\":[]"),
        vocab("id -1", id, "\"c\":-1"),
        vocab("id 2^30", id, "\"c\":1073741824"),
        vocab("id 2^31", id, "\"c\":2147483648"),
        vocab("id 2^64", id, "\"c\":18446744073709551616"),
        vocab("id 1.5", id, "\"c\":1.5"),
        vocab("id 4.0", id, "\"c\":4.0"),
        vocab("id of text", id, "\"c\":\"4\""),
        vocab("id null", id, "\"c\":null"),
        vocab("id true", id, "\"c\":true"),
        vocab("id a list", id, "\"c\":[4]"),
        vocab("id an object", id, "\"c\":{\"d\":4}"),
        vocab("id far beyond the tokens", id, "\"c\":2000"),
        vocab("an empty token", id, "\"\":4"),
        vocab("two tokens of one id", both, "\"c\":2"),
        added("an added token of another's id", both, "{\"id\":2,\"content\":\"<y>\"}"),
        added("an added token without an id", id, "{\"content\":\"<y>\"}"),
        added("an added token without a text", id, "{\"id\":4}"),
        added("an added token of empty text", id, "{\"id\":4,\"content\":\"\"}"),
        added("an added token that is text", id, "\"<y>\""),
        added("an added token that is null", id, "null"),
        added("an added token that is a list", id, "[4,\"<y>\"]"),
        added("an added token of id -1", id, "{\"id\":-1,\"content\":\"<y>\"}"),
        added("an added token of id 2^31 - 1", id, "{\"id\":2147483647,\"content\":\"<y>\"}"),
        added("an added token of 1,025 characters", "1025 characters", "{\"id\":4,\"content\":\"" + "y".repeat(1025) + "\"}"),
        kind("added tokens of text", id, "[{\"id\":3,\"content\":\"<x>\",\"special\":true}]", "{\"a\":\"b\"}"),
        merge("a merge of nothing", two, "\"\""),
        merge("a merge of one", two, "\"a\""),
        merge("a merge with nothing right", two, "\"a \""),
        merge("a merge with nothing left", two, "\" b\""),
        merge("a merge of an absent token", "absent", "\"a c\""),
        merge("a merge that makes an absent token", "absent", "\"b a\""),
        merge("a merge of three", "absent", "\"a b ab\""),
        merge("a merge that is a number", two, "7"),
        merge("a merge that is null", two, "null"),
        merge("a merge that is an object", two, "{\"x\":\"a\",\"y\":\"b\"}"),
        merge("a pair of one", two, "[\"a\"]"),
        merge("a pair of three", two, "[\"a\",\"b\",\"ab\"]"),
        merge("a pair of numbers", two, "[0,1]"),
        merge("a pair of lists", two, "[[\"a\"],[\"b\"]]"),
        merge("a pair with a blank", two, "[\"a b\",\"b\"]"),
        merge("an empty pair", two, "[]"),
        merge("a merge of a special token", "absent", "\"<x> a\""),
        kind("no pre-tokenizer", "pre-tokenizer none", "," + PRE, ""),
        pre("pre-tokenizer null", "pre-tokenizer none", "null"),
        pre("pre-tokenizer a list", "pre-tokenizer none", "[" + BYTE_LEVEL + "]"),
        pre("pre-tokenizer Whitespace", "pre-tokenizer Whitespace", "{\"type\":\"Whitespace\"}"),
        pre("pre-tokenizer Metaspace", "pre-tokenizer Metaspace", "{\"type\":\"Metaspace\"}"),
        pre("a sequence of nothing", splits, "{\"type\":\"Sequence\",\"pretokenizers\":[]}"),
        pre("a sequence of none", splits, "{\"type\":\"Sequence\"}"),
        pre("byte level with a space before", "pre-tokenizer ByteLevel", "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}"),
        pre("byte level without an expression", splits, "{\"type\":\"ByteLevel\",\"use_regex\":false}"),
        pre("another expression", "splits by x+", split("\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"x+\"}")),
        pre("an expression that is no text", splits, split("\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":{}}")),
        pre("no expression", splits, split("\"behavior\":\"Isolated\"")),
        pre("a string to split at", splits, split("\"behavior\":\"Isolated\",\"pattern\":{\"String\":\" \"}")),
        pre("another behaviour", "pre-tokenizer Split", split("\"behavior\":\"Removed\",\"pattern\":{\"Regex\":\"x\"}")),
        pre("turned round", "pre-tokenizer Split", split("\"behavior\":\"Isolated\",\"invert\":true,\"pattern\":{\"Regex\":\"x\"}")));
  }

  private static void read(byte[] bytes) {
    ObjectNode none = JsonNodeFactory.instance.objectNode();
    GgufWriter out = new GgufWriter().string("general.architecture", "llama");
    new HfTokenizer(TokenizerJson.parse(new ByteArrayInputStream(bytes), "tokenizer.json"), none).write(out, none, none);
    Tokenizer.from(GgufFile.read(ByteSource.of(out.toBytes(), "tokenizer.json")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void isRefusedInLittleMemory(String name, String message, byte[] bytes) {
    TernException e = assertThrows(TernException.class, () -> Allocation.bounded(bytes.length, 128, () -> read(bytes)));
    assertTrue(e instanceof ModelFormatException || e instanceof UnsupportedModelException, e.toString());
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void thereAreAtLeast60Kinds() {
    assertTrue(kinds().count() >= 60);
    assertEquals(kinds().count(), kinds().map(k -> k.get()[0]).distinct().count());
  }

  @Test
  void truncatedAtEveryByte() {
    byte[] whole = WHOLE.replace("<x>", "\u00e9").getBytes(StandardCharsets.UTF_8);
    read(whole);
    for (int n = 0; n < whole.length; n++) {
      byte[] cut = Arrays.copyOf(whole, n);
      assertThrows(ModelFormatException.class, () -> read(cut), () -> "cut to " + cut.length);
    }
  }

  /** A million values of two characters, wherever they may stand: none becomes a node, or few do before they are refused. */
  @ParameterizedTest
  @ValueSource(strings = {"\"x\":[", "\"added_tokens\":[", "\"normalizer\":[", "\"model\":{\"x\":[", "\"model\":{\"merges\":[", "\"model\":{\"vocab\":["})
  void tinyValuesTakeLittleMemory(String start) {
    byte[] bytes = ("{" + start + "{}" + ",{}".repeat(1_000_000) + (start.contains("model") ? "]}}" : "]}")).getBytes(StandardCharsets.UTF_8);
    assertThrows(TernException.class, () -> Allocation.bounded(bytes.length, 12, () -> read(bytes)));
  }

  /** What a vocabulary takes while it is read: its texts, and no nodes for them. */
  @Test
  void aLargeVocabularyTakesMemoryInProportion() {
    StringBuilder vocab = new StringBuilder("\"a\":0,\"b\":1,\"ab\":2");
    StringBuilder merges = new StringBuilder("[\"a\",\"b\"]");
    for (int i = 0; i < 50_000; i++) {
      vocab.append(",\"").append("token").append(i).append("\":").append(4 + i);
      merges.append(",[\"a\",\"b\"]");
    }
    byte[] bytes = WHOLE.replace("\"a\":0,\"b\":1,\"ab\":2", vocab).replace("\"a b\"", merges).getBytes(StandardCharsets.UTF_8);
    Allocation.bounded(bytes.length, 32, () -> {
      TokenizerJson file = TokenizerJson.parse(new ByteArrayInputStream(bytes), "tokenizer.json");
      assertEquals(50_003, file.tokens.size());
      assertEquals(50_001, file.merges.size());
      assertEquals("a b", file.merges.get(50_000));
      assertEquals(50_003, file.ids[50_002]);
    });
  }
}
