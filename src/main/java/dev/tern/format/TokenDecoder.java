package dev.tern.format;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Text from tokens that come one by one. A character whose bytes are split over tokens comes out whole with the last of them; bytes that
 * are not UTF-8 come out as U+FFFD. The pieces put together are the same as decoding all bytes at once. For one thread.
 */
public final class TokenDecoder {
  private final Tokenizer tokenizer;
  private final CharsetDecoder utf8 =
      StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPLACE).onUnmappableCharacter(CodingErrorAction.REPLACE);
  private byte[] pending = new byte[0];
  private boolean dropSpace;

  TokenDecoder(Tokenizer tokenizer, boolean dropSpace) {
    this.tokenizer = tokenizer;
    this.dropSpace = dropSpace;
  }

  /**
   * The text that this token completes; may be empty.
   *
   * @throws IndexOutOfBoundsException if the id is not in the vocabulary
   */
  public String put(int id) {
    byte[] bytes = tokenizer.bytes(id);
    int from = 0;
    if (dropSpace && bytes.length > 0) {
      dropSpace = false;
      from = bytes[0] == ' ' ? 1 : 0;
    }
    return decode(bytes, from, false);
  }

  /** What is left of an unfinished character, as U+FFFD, or nothing. The decoder can then be used again. */
  public String finish() {
    String rest = decode(new byte[0], 0, true);
    utf8.reset();
    pending = new byte[0];
    return rest;
  }

  private String decode(byte[] bytes, int from, boolean end) {
    ByteBuffer in = ByteBuffer.allocate(pending.length + bytes.length - from);
    in.put(pending).put(bytes, from, bytes.length - from).flip();
    CharBuffer out = CharBuffer.allocate(in.remaining() + 1); // at most one char a byte
    utf8.decode(in, out, end);
    if (end) {
      utf8.flush(out);
    }
    pending = new byte[in.remaining()];
    in.get(pending);
    return out.flip().toString();
  }
}
