package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ModelFormatException;
import dev.tern.TernException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every way to break a safetensors file that has a name. */
class SafetensorsMalformedTest {
  private static final String ONE = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";

  /** The file of one tensor, "a", with other values of its three fields. */
  private static Arguments one(String name, String message, String dtype, String shape, String range, int nData) {
    return kind(name, message, "{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + range + "}}", nData);
  }

  private static Arguments shape(String name, String message, String shape) {
    return one(name, message, "\"F32\"", shape, "[0,8]", 8);
  }

  private static Arguments range(String name, String message, String range) {
    return one(name, message, "\"F32\"", "[2]", range, 8);
  }

  private static Arguments kind(String name, String message, String header, int nData) {
    return raw(name, message, header.getBytes(StandardCharsets.UTF_8).length, header.getBytes(StandardCharsets.UTF_8), nData);
  }

  private static Arguments raw(String name, String message, long length, byte[] header, int nData) {
    byte[] file = ByteBuffer.allocate(8 + header.length + nData).order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(header).array();
    return Arguments.of(name, message, file);
  }

  private static Arguments raw(String name, String message, long length) {
    return raw(name, message, length, "{}".getBytes(StandardCharsets.UTF_8), 0);
  }

  private static Arguments bytes(String name, String message, int... values) {
    byte[] header = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      header[i] = (byte) values[i];
    }
    return raw(name, message, header.length, header, 0);
  }

  static Stream<Arguments> kinds() {
    String lacks = "lacks dtype";
    String size = "where a size should be";
    return Stream.of(
        Arguments.of("empty", "no safetensors", new byte[0]),
        Arguments.of("seven bytes", "no safetensors", new byte[7]),
        Arguments.of("eight zeros", "claims a header", new byte[8]),
        raw("a header of 0", "claims a header", 0),
        raw("a header of 1", "claims a header", 1),
        raw("a header of 2^63", "claims a header of 9223372036854775808", Long.MIN_VALUE),
        raw("a header of 2^64 - 1", "claims a header of 18446744073709551615", -1),
        raw("a header of 2^63 - 1", "claims a header", Long.MAX_VALUE),
        raw("a header of 2^32 + 2", "claims a header", (1L << 32) + 2),
        raw("a header of 100 MB and one", "claims a header", 100_000_001),
        raw("a header of 16 MiB and one", "claims a header", (16 << 20) + 1),
        raw("a header one byte too long", "claims a header", 3),
        raw("a header in the other byte order", "claims a header", Long.reverseBytes(2)),
        kind("blanks", "not a JSON object", "  ", 0),
        kind("no end", "not valid JSON", "{\"a\":", 0),
        kind("no end of a string", "not valid JSON", "{\"a", 0),
        kind("an array", "not a JSON object", "[1]", 0),
        kind("a number", "not a JSON object", "12", 0),
        kind("null", "not a JSON object", "null", 0),
        kind("a string", "not a JSON object", "\"{}\"", 0),
        kind("two objects", "not valid JSON", ONE + "{}", 8),
        kind("a comma at the end", "not valid JSON", "{\"__metadata__\":{},}", 0),
        kind("single quotes", "not valid JSON", "{'a':1}", 0),
        kind("a comment", "not valid JSON", "/*x*/{}", 0),
        kind("NaN", "not valid JSON", "{\"a\":{\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,8]}}", 8),
        kind("a zero byte behind", "not valid JSON", ONE + "\0", 8),
        kind("a line break in a name", "not valid JSON", "{\"a\n\":1}", 0),
        kind("deep arrays", "not valid JSON", "{\"__metadata__\":" + "[".repeat(5000) + "]".repeat(5000) + "}", 0),
        kind("deep objects", "not valid JSON", "{\"a\":".repeat(5000) + "1" + "}".repeat(5000), 0),
        kind("a number of 5,000 digits", "not valid JSON", "{\"a\":{\"dtype\":\"F32\",\"shape\":[" + "1".repeat(5000) + "],\"data_offsets\":[0,8]}}", 8),
        kind("a name twice", "Duplicate", ONE.substring(0, ONE.length() - 1) + "," + ONE.substring(1), 8),
        kind("a name twice, once by escape", "Duplicate", ONE.substring(0, ONE.length() - 1) + "," + ONE.substring(1).replace("\"a\"", "\"\\u0061\""), 8),
        kind("a field twice", "Duplicate", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8),
        kind("metadata twice", "Duplicate", "{\"__metadata__\":{},\"__metadata__\":{}}", 0),
        kind("a name in metadata twice", "Duplicate", "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0),
        kind("a name of 70,000 characters", "not valid JSON", "{\"" + "n".repeat(70_000) + "\":{}}", 0),
        kind("a name of 1,025 characters", lacks, ONE.replace("\"a\"", "\"" + "n".repeat(1025) + "\""), 8),
        bytes("half a character", "UTF-8", '{', '"', 0xc3, '"', ':', '1', '}'),
        bytes("an overlong character", "UTF-8", '{', '"', 0xc0, 0xaf, '"', ':', '1', '}'),
        bytes("a surrogate", "UTF-8", '{', '"', 0xed, 0xa0, 0x80, '"', ':', '1', '}'),
        bytes("UTF-16", "UTF-8", 0xff, 0xfe, '{', 0, '}', 0),
        bytes("a byte order mark", "", 0xef, 0xbb, 0xbf, '{', '"', 'a', '"', ':', '1', '}'),
        kind("no dtype", lacks, "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8),
        kind("no shape", lacks, "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8),
        kind("no range", lacks, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8),
        kind("a tensor that is a number", lacks, "{\"a\":1}", 0),
        kind("a tensor that is an array", lacks, "{\"a\":[1,[2]]}", 0),
        kind("a tensor that is null", lacks, "{\"a\":null}", 0),
        kind("an empty tensor", lacks, "{\"a\":{}}", 0),
        one("dtype a number", lacks, "0", "[2]", "[0,8]", 8),
        one("dtype null", lacks, "null", "[2]", "[0,8]", 8),
        one("dtype a list", lacks, "[\"F32\"]", "[2]", "[0,8]", 8),
        one("dtype unknown", "is of type F31", "\"F31\"", "[2]", "[0,8]", 8),
        one("dtype in small letters", "is of type f32", "\"f32\"", "[2]", "[0,8]", 8),
        one("dtype of four bits", "is of type F4", "\"F4\"", "[2]", "[0,1]", 1),
        one("dtype empty", "is of type ", "\"\"", "[2]", "[0,8]", 8),
        shape("shape a number", lacks, "2"),
        shape("shape an object", lacks, "{\"a\":2}"),
        shape("shape null", lacks, "null"),
        shape("shape of text", size, "[\"2\"]"),
        shape("shape of -1", size, "[-1]"),
        shape("shape of -2^63", size, "[-9223372036854775808]"),
        shape("shape of 2.0", size, "[2.0]"),
        shape("shape of 2e0", size, "[2e0]"),
        shape("shape of 2^63", size, "[9223372036854775808]"),
        shape("shape of null", size, "[null]"),
        shape("shape of true", size, "[true]"),
        shape("shape of lists", size, "[[2]]"),
        shape("9 dimensions", "more than 8", "[2,1,1,1,1,1,1,1,1]"),
        shape("2^62 x 8", "out of range", "[4611686018427387904,8]"),
        shape("2^62 floats", "out of range", "[4611686018427387904]"),
        shape("a product that wraps to 2", "out of range", "[4611686018427387906,4]"),
        one("0 x 2^62 x 4", "out of range", "\"F32\"", "[0,4611686018427387904,4]", "[0,0]", 0),
        shape("fewer elements than bytes", "for 4 bytes", "[1]"),
        shape("more elements than bytes", "for 12 bytes", "[3]"),
        shape("no elements with bytes", "for 0 bytes", "[0]"),
        range("range a number", lacks, "8"),
        range("range of one", lacks, "[8]"),
        range("range of three", "more than 2", "[0,4,8]"),
        range("range empty", lacks, "[]"),
        range("range of text", size, "[\"0\",\"8\"]"),
        range("range from -8", size, "[-8,0]"),
        range("range turned round", "for 8 bytes", "[8,0]"),
        range("range too short", "for 8 bytes", "[0,4]"),
        range("range from 2^63 - 9", "out of range", "[9223372036854775799,9223372036854775807]"),
        range("a hole before", "no gaps", "[8,16]"),
        kind("a hole between", "no gaps", "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[5,9]}}", 9),
        kind("an overlap", "no overlaps", "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}", 6),
        kind("the same bytes twice", "no overlaps", "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4),
        kind("truncated", "truncated", ONE, 7),
        kind("a byte too many", "tensors end at", ONE, 9),
        kind("no tensors, and bytes", "tensors end at", "{}", 1),
        kind("more tensors than 65536", "at most 65536",
            "{" + String.join(",", Stream.iterate(0, i -> i + 1).limit(65537).map(i -> "\"" + i + "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}").toList()) + "}", 0));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void isRefusedInLittleMemory(String name, String message, byte[] bytes) {
    TernException e = assertThrows(TernException.class,
        () -> Allocation.bounded(bytes.length, 32, () -> new SafetensorsFile(ByteSource.of(bytes, name)).close()));
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
    byte[] whole = (byte[]) kind("", "", ONE.replace("}}", "},\"__metadata__\":{\"format\":\"\u00e9\"}}"), 8).get()[2];
    assertEquals(1, new SafetensorsFile(ByteSource.of(whole, "whole")).tensors().size());
    for (int n = 0; n < whole.length; n++) {
      byte[] cut = Arrays.copyOf(whole, n);
      assertThrows(ModelFormatException.class, () -> new SafetensorsFile(ByteSource.of(cut, "cut")), () -> "cut to " + cut.length);
    }
  }

  /** A million small entries where no tensor is: neither a tree of nodes nor a list of them is made. */
  @Test
  void aMillionKeysTakeMemoryInProportion() {
    StringBuilder header = new StringBuilder("{\"__metadata__\":{");
    for (int i = 0; i < 1_000_000; i++) {
      header.append(i == 0 ? "" : ",").append('"').append(i).append("\":\"\"");
    }
    byte[] bytes = (byte[]) kind("", "", header.append("}}").toString(), 0).get()[2];
    Allocation.bounded(bytes.length, 32, () -> new SafetensorsFile(ByteSource.of(bytes, "million")).close());
  }
}
