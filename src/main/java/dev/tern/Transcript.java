package dev.tern;

import java.util.Arrays;

/** Text and ids of a generation; of an endless one the last part, so that it takes constant memory. Written by one thread. */
final class Transcript {
  /** Tokens of an endless generation that are kept at least. */
  static final int TAIL = 4096;

  private final boolean endless;
  private int[] ids = new int[64];
  private int[] textLengths = new int[64];
  private int size;
  private final StringBuilder text = new StringBuilder();

  Transcript(boolean endless) {
    this.endless = endless;
  }

  synchronized void add(Token token) {
    if (endless && size == 2 * TAIL) {
      dropFirst(TAIL);
    }
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
      textLengths = Arrays.copyOf(textLengths, 2 * size);
    }
    ids[size] = token.id();
    textLengths[size] = token.text().length();
    size++;
    text.append(token.text());
  }

  private void dropFirst(int n) {
    text.delete(0, Arrays.stream(textLengths, 0, n).sum());
    System.arraycopy(ids, n, ids, 0, size - n);
    System.arraycopy(textLengths, n, textLengths, 0, size - n);
    size -= n;
  }

  synchronized String text() {
    return text.toString();
  }

  synchronized int[] ids() {
    return Arrays.copyOf(ids, size);
  }
}
