package dev.tern.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Contrast as in WCAG 2.1: 4.5 for text, 3 for graphics, in the light and in the dark. */
class ColoursTest {
  private static final Pattern COLOUR = Pattern.compile("--([a-z0-9-]+): #([0-9a-f]{6});");

  private static double luminance(String hex) {
    double[] weights = {0.2126, 0.7152, 0.0722};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
      double c = Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16) / 255.0;
      sum += weights[i] * (c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4));
    }
    return sum;
  }

  private static double contrast(String a, String b) {
    double x = luminance(a);
    double y = luminance(b);
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  }

  /** Light, and dark. */
  private static List<Map<String, String>> schemes() throws IOException {
    List<Map<String, String>> all = new ArrayList<>();
    for (String part : Files.readString(Path.of("src/main/resources/dev/tern/report/page.css")).split("prefers-color-scheme")) {
      Map<String, String> colours = new HashMap<>();
      Matcher m = COLOUR.matcher(part);
      while (m.find()) {
        colours.put(m.group(1), m.group(2));
      }
      all.add(colours);
    }
    return all;
  }

  @Test
  void everythingCanBeReadInBothSchemes() throws IOException {
    assertEquals(21, contrast("ffffff", "000000"), 1e-9);
    List<Map<String, String>> schemes = schemes();
    assertEquals(2, schemes.size());
    assertEquals(schemes.get(0).keySet(), schemes.get(1).keySet());
    for (Map<String, String> c : schemes) {
      String paper = c.get("paper");
      for (String text : List.of("ink", "quiet")) {
        assertTrue(contrast(c.get(text), paper) >= 4.5 && contrast(c.get(text), c.get("raised")) >= 4.5, text);
      }
      for (String badge : List.of("pass", "warn", "fail", "unknown")) {
        assertTrue(contrast(c.get(badge), c.get(badge + "-back")) >= 4.5, badge);
      }
      assertTrue(contrast(c.get("warn"), paper) >= 4.5, "a doubt");
      for (int i = 0; i < Style.COLOURS; i++) {
        assertTrue(contrast(c.get("c" + i), paper) >= 3, "c" + i + " on paper");
        assertTrue(contrast(c.get("c" + i), c.get("water")) >= 3, "c" + i + " in water: " + contrast(c.get("c" + i), c.get("water")));
      }
      assertTrue(contrast(c.get("shore"), paper) >= 3, "the waterline");
    }
  }
}
