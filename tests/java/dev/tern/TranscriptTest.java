package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class TranscriptTest {
  @Test
  void keepsAllOfAFiniteGeneration() {
    Transcript all = new Transcript(false);
    for (int i = 0; i < 20_000; i++) {
      all.add(new Token(i, i + ",", 0));
    }
    assertEquals(20_000, all.ids().length);
    assertTrue(all.text().startsWith("0,1,") && all.text().endsWith("19999,"));
  }

  @Test
  void keepsTheLastPartOfAnEndlessOne() {
    Transcript tail = new Transcript(true);
    for (int i = 0; i < 1_000_000; i++) {
      tail.add(new Token(i, i + ",", 0));
    }
    int[] ids = tail.ids();
    assertTrue(ids.length >= Transcript.TAIL && ids.length <= 2 * Transcript.TAIL);
    assertEquals(999_999, ids[ids.length - 1]);
    assertTrue(tail.text().startsWith(ids[0] + "," + ids[1] + ","));
  }
}
