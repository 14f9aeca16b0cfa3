package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The scanners against the regular expressions they stand for. */
class PretokenizerTest {
  private static final String S = "\\p{IsWhite_Space}";
  private static final Pattern GPT2 =
      Pattern.compile("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" + S + "\\p{L}\\p{N}]+|" + S + "+(?!\\P{IsWhite_Space})|" + S + "+");
  private static final Pattern LLAMA3 =
      Pattern.compile("(?iu:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^" + S + "\\p{L}\\p{N}]+[\\r\\n]*|"
          + S + "*[\\r\\n]+|" + S + "+(?!\\P{IsWhite_Space})|" + S + "+");
  private static final Pattern QWEN2 =
      Pattern.compile("(?iu:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^" + S + "\\p{L}\\p{N}]+[\\r\\n]*|"
          + S + "*[\\r\\n]+|" + S + "+(?!\\P{IsWhite_Space})|" + S + "+");

  private static Pattern pattern(Pretokenizer pretokenizer) {
    return switch (pretokenizer) {
      case GPT2 -> GPT2;
      case LLAMA3 -> LLAMA3;
      case QWEN2 -> QWEN2;
    };
  }

  private static final String[] PARTS = {
    " ", " ", "  ", "\n", "\r", "\r\n", "\t", "\u000b", "\u0085", "\u00a0", "\u2003", "\u2028", "\u3000", "\u200b", "\ufeff", "\u001f", "a", "B",
    "hello", "\u00e9", "\u0301", "\u4e2d", "\u0e01", "\u01c5", "\u02b0", "\ud83e\udd99", "\ud835\udc9c", "\ud800", "\udc00", "1", "23", "456",
    "\u00bd", "\u0663", "\u2167", "\ud835\udfd8", "'", "'s", "'S", "'\u017f", "'t", "'RE", "'ve", "'Ll", "'d", "'x", "!", "...", "-", "_", "$", "\u00ad"
  };

  private static List<String> split(Pretokenizer pretokenizer, String text) {
    List<String> words = new ArrayList<>();
    for (int i = 0; i < text.length(); ) {
      int end = pretokenizer.next(text, i);
      words.add(text.substring(i, end));
      i = end;
    }
    return words;
  }

  private static List<String> split(Pattern pattern, String text) {
    List<String> words = new ArrayList<>();
    Matcher matcher = pattern.matcher(text);
    int end = 0;
    while (matcher.find()) {
      assertEquals(end, matcher.start(), "the expression matches everything");
      words.add(matcher.group());
      end = matcher.end();
    }
    assertEquals(text.length(), end);
    return words;
  }

  @ParameterizedTest
  @EnumSource(Pretokenizer.class)
  void randomTextsSplitAsTheExpressionDoes(Pretokenizer pretokenizer) {
    Pattern pattern = pattern(pretokenizer);
    long seed = TestFiles.seed();
    Random random = new Random(seed);
    for (int round = 0; round < 100_000; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(8); i >= 0; i--) {
        text.append(PARTS[random.nextInt(PARTS.length)]);
      }
      String s = text.toString();
      assertEquals(split(pattern, s), split(pretokenizer, s), () -> s.codePoints().mapToObj(Integer::toHexString).toList() + ", -Dtern.seed=" + seed);
    }
  }

  @ParameterizedTest
  @EnumSource(Pretokenizer.class)
  void everyCodePointIsOfTheSameKind(Pretokenizer pretokenizer) {
    Pattern pattern = pattern(pretokenizer);
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      String s = "a" + Character.toString(c) + "1 " + Character.toString(c) + "b";
      if (!split(pattern, s).equals(split(pretokenizer, s))) {
        assertEquals(split(pattern, s), split(pretokenizer, s), "U+" + Integer.toHexString(c));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", " ", "\n", " \n", "1", "!", "'s", "\ud83e\udd99", " a", "\u0301"})
  void tenMillionCharactersAreNoTrouble(String part) {
    String text = part.repeat(10_000_000 / part.length());
    for (Pretokenizer pretokenizer : Pretokenizer.values()) {
      assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
        int end = 0;
        while (end < text.length()) {
          end = pretokenizer.next(text, end);
        }
        assertEquals(text.length(), end);
      });
    }
  }

  @Test
  void examples() {
    assertEquals(List.of("Hello", ",", " y", "'all", "!\n\n", "   ", " x", "123", "45"), split(Pretokenizer.LLAMA3, "Hello, y'all!\n\n    x12345"));
    assertEquals(List.of("I", "'ll", " go", "  ", " \u00bd5", " '", "S"), split(Pretokenizer.GPT2, "I'll go   \u00bd5 'S"));
  }
}
