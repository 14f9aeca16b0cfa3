package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StopTextTest {
  @Test
  void cutsAtTheFirstStopHoweverTheTextIsSplit() {
    Random random = Seed.random();
    for (int c = 0; c < 3000; c++) {
      List<String> stops = new ArrayList<>();
      for (int i = random.nextInt(3); i >= 0; i--) {
        stops.add(randomText(random, 1 + random.nextInt(4)));
      }
      String text = randomText(random, random.nextInt(40));
      int first = stops.stream().mapToInt(text::indexOf).filter(i -> i >= 0).min().orElse(-1);
      StopText stop = new StopText(stops);
      StringBuilder out = new StringBuilder();
      for (int from = 0; from < text.length() && !stop.isFound(); ) {
        int to = Math.min(text.length(), from + random.nextInt(4));
        out.append(stop.put(text.substring(from, to)));
        from = to;
      }
      String what = Seed.text() + ": " + stops + " in " + text;
      assertEquals(first >= 0, stop.isFound(), what);
      // A longer stop that is complete first may begin earlier than one that would have ended later: the earliest end wins.
      if (first < 0) {
        assertEquals(text, out + stop.finish(), what);
      } else {
        assertEquals(text.substring(0, out.length()), out.toString(), what);
        assertEquals(true, out.length() >= first && stops.stream().anyMatch(s -> text.startsWith(s, out.length())), what);
      }
    }
  }

  private static String randomText(Random random, int n) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < n; i++) {
      text.append("abc".charAt(random.nextInt(3)));
    }
    return text.toString();
  }

  @Test
  void holdsBackOnlyWhatMayBecomeAStop() {
    StopText stop = new StopText(List.of("END"));
    assertEquals("a ", stop.put("a E"));
    assertEquals("", stop.put("N"));
    assertEquals("ENx", stop.put("x"));
    assertEquals("y", stop.put("yEND of it"));
  }
}
