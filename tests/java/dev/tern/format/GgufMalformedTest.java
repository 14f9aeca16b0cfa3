package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ModelFormatException;
import dev.tern.TernException;
import dev.tern.UnsupportedModelException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every way to break the container that has a name: each is one typed exception whose message says what is wrong. */
class GgufMalformedTest {
  private static final Class<?> FORMAT = ModelFormatException.class;
  private static final Class<?> UNSUPPORTED = UnsupportedModelException.class;
  private static final long MAX = -1; // 2^64 - 1

  private static Arguments kind(String name, Class<?> type, String message, RawGguf file) {
    return Arguments.of(name, type, message, file.bytes());
  }

  private static RawGguf raw() {
    return new RawGguf();
  }

  private static RawGguf one() {
    return RawGguf.header(0, 1);
  }

  private static RawGguf tensor() {
    return RawGguf.header(1, 0);
  }

  static Stream<Arguments> kinds() {
    return Stream.of(
        kind("empty file", FORMAT, "the magic", raw()),
        kind("three bytes", FORMAT, "the magic", raw().text("GGU")),
        kind("another magic", FORMAT, "not a GGUF file", raw().text("ABCD").u32(3).u64(0).u64(0)),
        kind("byte-swapped magic", FORMAT, "byte-swapped", raw().text("FUGG").u32(3).u64(0).u64(0)),
        kind("older GGML magic", FORMAT, "older than GGUF", raw().text("tjgg").u32(3).u64(0).u64(0)),
        kind("zip archive", FORMAT, "zip", raw().text("PK\u0003\u0004").u32(3).u64(0).u64(0)),
        kind("magic only", FORMAT, "the version", raw().text("GGUF")),
        kind("version 0", FORMAT, "version 0", raw().text("GGUF").u32(0).u64(0).u64(0)),
        kind("version 1", UNSUPPORTED, "version 1", raw().text("GGUF").u32(1).u64(0).u64(0)),
        kind("version 4", UNSUPPORTED, "version 4", raw().text("GGUF").u32(4).u64(0).u64(0)),
        kind("version 2^32 - 1", UNSUPPORTED, "version 4294967295", raw().text("GGUF").u32(MAX).u64(0).u64(0)),
        kind("big-endian", UNSUPPORTED, "big-endian GGUF version 3", raw().text("GGUF").u8(0, 0, 0, 3).u64(0).u64(0)),
        kind("no counts", FORMAT, "tensor count", raw().text("GGUF").u32(3)),
        kind("2^64 - 1 tensors", FORMAT, "18446744073709551615 elements", RawGguf.header(MAX, 0)),
        kind("2^64 - 1 keys", FORMAT, "18446744073709551615 elements", RawGguf.header(0, MAX)),
        kind("2^60 tensors", FORMAT, "tensor list", RawGguf.header(1L << 60, 0).data(100)),
        kind("2^60 keys", FORMAT, "metadata claims", RawGguf.header(0, 1L << 60).data(100)),
        kind("one tensor more than there is", FORMAT, "tensor list", RawGguf.header(1, 0)),
        kind("key length 2^64 - 1", FORMAT, "metadata key 0", one().u64(MAX).data(64)),
        kind("key length beyond the file", FORMAT, "metadata key 0", one().u64(1000).data(64)),
        kind("key of 65536 bytes", FORMAT, "at most 65535", one().u64(65536).data(70000)),
        kind("empty key", FORMAT, "is empty", one().string("").u32(4).u32(0).data(32)),
        kind("key not UTF-8", FORMAT, "not UTF-8", one().u64(2).u8(0xc3, 0x28).u32(4).u32(0).data(32)),
        kind("duplicate key", FORMAT, "twice", RawGguf.header(0, 2).key("a", GgufType.UINT32).u32(1).key("a", GgufType.UINT32).u32(1)),
        kind("duplicate key of another type", FORMAT, "twice",
            RawGguf.header(0, 2).key("a", GgufType.UINT32).u32(1).key("a", GgufType.BOOL).u8(1).data(9)),
        kind("value type 13", FORMAT, "unknown type 13", one().string("a").u32(13).data(32)),
        kind("value type 2^32 - 1", FORMAT, "unknown type 4294967295", one().string("a").u32(MAX).data(32)),
        kind("BOOL of 2", FORMAT, "BOOL of value 2", one().key("a", GgufType.BOOL).u8(2).data(32)),
        kind("BOOL of 255 in an array", FORMAT, "BOOL of value 255", one().array("a", GgufType.BOOL, 2).u8(1, 255).data(8)),
        kind("string length 2^63", FORMAT, "needs 9223372036854775808", one().key("a", GgufType.STRING).u64(Long.MIN_VALUE).data(8)),
        kind("string beyond the file", FORMAT, "'a' needs 100", one().key("a", GgufType.STRING).u64(100).data(8)),
        kind("string not UTF-8", FORMAT, "not UTF-8", one().key("a", GgufType.STRING).u64(1).u8(0xff).data(8)),
        kind("array of type 13", FORMAT, "element type 13", one().key("a", GgufType.ARRAY).u32(13).u64(1).data(8)),
        kind("array of arrays", FORMAT, "array of arrays", one().array("a", GgufType.ARRAY, 1).u32(0).u64(0).data(8)),
        kind("array of 2^64 - 1", FORMAT, "claims", one().array("a", GgufType.UINT8, MAX).data(8)),
        kind("array of 2^63", FORMAT, "claims", one().array("a", GgufType.UINT64, Long.MIN_VALUE).data(8)),
        kind("array of 2^61 x 8 bytes", FORMAT, "claims", one().array("a", GgufType.UINT64, 1L << 61).data(8)),
        kind("array of 2^60 strings", FORMAT, "claims", one().array("a", GgufType.STRING, 1L << 60).data(8)),
        kind("array one element too long", FORMAT, "claims", one().array("a", GgufType.UINT32, 3).u32(1).u32(2)),
        kind("string in an array beyond the file", FORMAT, "'a' needs 99", one().array("a", GgufType.STRING, 2).string("b").u64(99)),
        kind("string length 2^64 - 1 in an array", FORMAT, "'a' needs 18446744073709551615",
            one().array("a", GgufType.STRING, 2).string("b").u64(MAX)),
        kind("string lengths of an array that sum beyond the file", FORMAT, "'a' needs 40",
            one().array("a", GgufType.STRING, 2).u64(10).text("0123456789").u64(40).u64(0)),
        kind("alignment 0", FORMAT, "alignment 0", one().alignment(0).data(32)),
        kind("alignment 1", FORMAT, "alignment 1", one().alignment(1).data(32)),
        kind("alignment 3", FORMAT, "alignment 3", one().alignment(3).data(32)),
        kind("alignment 48", FORMAT, "alignment 48", one().alignment(48).data(32)),
        kind("alignment 2^31", FORMAT, "alignment 2147483648", one().alignment(1L << 31).data(32)),
        kind("alignment a string", FORMAT, "expected an integer", one().key("general.alignment", GgufType.STRING).string("32").data(32)),
        kind("alignment 2^63", FORMAT, "9223372036854775808", one().key("general.alignment", GgufType.UINT64).u64(Long.MIN_VALUE).data(32)),
        kind("tensor name of 65 bytes", FORMAT, "at most 64", tensor().tensor("n".repeat(65), 0, 0, 8).data(32)),
        kind("tensor without a name", FORMAT, "no name", tensor().tensor("", 0, 0, 8).data(32)),
        kind("tensor name not UTF-8", FORMAT, "not UTF-8", tensor().u64(1).u8(0xfe).u32(1).u64(8).u32(0).u64(0).data(32)),
        kind("no dimensions", FORMAT, "0 dimensions", tensor().tensor("t", 0, 0).data(64)),
        kind("5 dimensions", FORMAT, "5 dimensions", tensor().tensor("t", 0, 0, 1, 1, 1, 1, 1).data(64)),
        kind("2^32 - 1 dimensions", FORMAT, "4294967295 dimensions", tensor().string("t").u32(MAX).data(64)),
        kind("dimension 0", FORMAT, "dimension 1 = 0", tensor().tensor("t", 0, 0, 8, 0).data(64)),
        kind("dimension 2^64 - 1", FORMAT, "dimension 0 = 18446744073709551615", tensor().tensor("t", 0, 0, MAX).data(64)),
        kind("product of dimensions 2^64", FORMAT, "element count", tensor().tensor("t", 0, 0, 1L << 32, 1L << 32).data(64)),
        kind("product of dimensions 2^63", FORMAT, "element count", tensor().tensor("t", 0, 0, 1L << 31, 1L << 32).data(64)),
        kind("product that wraps to something small", FORMAT, "element count", tensor().tensor("t", 0, 0, (1L << 62) + 2, 4).data(64)),
        kind("bytes 2^63", FORMAT, "byte size", tensor().tensor("t", 0, 0, 1L << 61).data(64)),
        kind("bytes beyond the file", FORMAT, "truncated", tensor().tensor("t", 0, 0, 9).data(32)),
        kind("2^60 elements", FORMAT, "truncated", tensor().tensor("t", 8, 0, 1L << 60).data(32)),
        kind("offset beyond the file", FORMAT, "truncated", tensor().tensor("t", 0, 64, 8).data(64)),
        kind("offset 2^63 - 32", FORMAT, "out of range", tensor().tensor("t", 0, Long.MAX_VALUE - 31, 8).data(64)),
        kind("offset + size 2^63", FORMAT, "out of range", tensor().tensor("t", 0, Long.MAX_VALUE - 127, 1 << 10).data(64)),
        kind("offset 2^64 - 32", FORMAT, "offset", tensor().tensor("t", 0, -32, 8).data(64)),
        kind("offset not aligned", FORMAT, "not a multiple of 32", tensor().tensor("t", 0, 16, 8).data(64)),
        kind("same tensor twice", FORMAT, "twice", RawGguf.header(2, 0).tensor("t", 0, 0, 8).tensor("t", 0, 32, 8).data(64)),
        kind("same bytes twice", FORMAT, "overlaps", RawGguf.header(2, 0).tensor("t", 0, 0, 8).tensor("u", 0, 0, 8).data(64)),
        kind("overlap by one element", FORMAT, "overlaps", RawGguf.header(2, 0).tensor("t", 0, 32, 8).tensor("u", 0, 0, 9).data(64)),
        kind("tensor type 3, Q4_1", UNSUPPORTED, "3 (Q4_1)", tensor().tensor("t", 3, 0, 32).data(64)),
        kind("tensor type 38, TL1", UNSUPPORTED, "38 (TL1); supported: F32 (0), F16 (1), Q4_0 (2), Q8_0 (8), Q6_K (14)",
            tensor().tensor("t", 38, 0, 128).data(64)),
        kind("I2_S without its scale", FORMAT, "truncated", tensor().tensor("t", 36, 0, 128).data(63)),
        kind("I2_S rows of 64", UNSUPPORTED, "on ARM", tensor().tensor("t", 36, 0, 64, 2).data(64)),
        kind("IQ2_BN without a row's scale", FORMAT, "truncated", tensor().tensor("t", 135, 0, 64, 3).data(59)),
        kind("IQ1_BN of 2^62", FORMAT, "truncated", tensor().tensor("t", 134, 0, 64, 1L << 40, 1L << 16).data(64)),
        kind("Q2_0 rows of 32", FORMAT, "multiple of 64", tensor().tensor("t", 42, 0, 32, 2).data(64)),
        kind("Q6_K rows of 128", FORMAT, "multiple of 256", tensor().tensor("t", 14, 0, 128, 2).data(256)),
        kind("tensor type 999", UNSUPPORTED, "'t' has type 999", tensor().tensor("t", 999, 0, 32).data(64)),
        kind("tensor type 2^32 - 1", UNSUPPORTED, "type 4294967295", tensor().tensor("t", MAX, 0, 32).data(64)),
        kind("Q8_0 rows of 33", FORMAT, "multiple of 32", tensor().tensor("t", 8, 0, 33).data(64)),
        kind("TQ2_0 rows of 128", FORMAT, "multiple of 256", tensor().tensor("t", 35, 0, 128, 2).data(96)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void isRefused(String name, Class<? extends TernException> type, String message, byte[] bytes) {
    TernException e = assertThrows(TernException.class, () -> GgufFile.read(ByteSource.of(bytes, name)));
    assertEquals(type, e.getClass(), e.getMessage());
    assertTrue(e.getMessage().contains(message), e.getMessage());
    if (e instanceof ModelFormatException format) {
      assertTrue(format.offset() >= 0 && format.offset() <= bytes.length, "offset " + format.offset() + " of " + bytes.length);
    }
  }

  @Test
  void thereAreAtLeast60Kinds() {
    assertTrue(kinds().count() >= 60);
    assertEquals(kinds().count(), kinds().map(k -> k.get()[0]).distinct().count());
  }

  /** The reader must hold a claim against the file before it allocates for it: here the thread's own allocations are counted. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void nothingLargeIsAllocated(String name, Class<? extends TernException> type, String message, byte[] bytes) {
    var threads = (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
    assertThrows(TernException.class, () -> GgufFile.read(ByteSource.of(bytes, name))); // classes are loaded now
    long before = threads.getCurrentThreadAllocatedBytes();
    assertThrows(TernException.class, () -> GgufFile.read(ByteSource.of(bytes, name)));
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertTrue(allocated < 4L * bytes.length + 100_000, allocated + " bytes allocated for a file of " + bytes.length);
  }
}
