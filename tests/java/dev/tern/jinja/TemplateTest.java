package dev.tern.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.ChatTemplateException;
import dev.tern.ChatTemplateException.Reason;
import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Templates against what Jinja itself makes of them (tests/data/chat/cases.py), and what only this implementation has. */
class TemplateTest {
  private static String render(String template, Map<String, ?> values) {
    return Template.parse(template).render(values).toString();
  }

  private static String render(String template) {
    return render(template, Map.of());
  }

  @SuppressWarnings("unchecked")
  static List<Arguments> cases() throws IOException {
    Map<String, Object> file = new ObjectMapper().readValue(Path.of("tests/data/chat/cases.json").toFile(), LinkedHashMap.class);
    List<Arguments> cases = new ArrayList<>();
    for (Map<String, String> c : (List<Map<String, String>>) file.get("cases")) {
      cases.add(Arguments.of(c.get("template"), c.get("text"), file.get("values")));
    }
    assertTrue(cases.size() > 100);
    return cases;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void agreesWithJinja(String template, String expected, Map<String, ?> values) {
    if (expected != null) {
      assertEquals(expected, render(template, values));
    } else {
      assertThrows(ChatTemplateException.class, () -> render(template, values));
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {
    "{{ 'a;SYNTAX;line 1", "{% if true %};SYNTAX;endif", "{% include 'x' %};SYNTAX;'include'", "{% for x in y recursive %}{% endfor %};SYNTAX;recursive",
    "{{ raise_exception('be polite') }};REFUSED;be polite", "{{ x.y }};EVALUATION;'x' is undefined", "{{ 1 | shout }};EVALUATION;'shout'",
    "{{ 9223372036854775807 + 1 }};EVALUATION;64 bits", "{{ range(1000000000) }};LIMIT;range"
  })
  void errorsSayWhatIsWrong(String template, Reason reason, String message) {
    ChatTemplateException e = assertThrows(ChatTemplateException.class, () -> render(template));
    assertEquals(reason, e.reason());
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void syntaxErrorsNameTheLine() {
    ChatTemplateException e = assertThrows(ChatTemplateException.class, () -> Template.parse("a\nb\n{% if x %}\n{{ y z }}{% endif %}"));
    assertTrue(e.getMessage().contains("line 4"), e.getMessage());
  }

  @Test
  void takesTextsNumbersBooleansListsAndMaps() {
    Map<String, Object> values = new HashMap<>();
    values.put("a", List.of(1, 2.5f, true, "x", Map.of("k", List.of())));
    values.put("n", null);
    assertEquals("[1, 2.5, True, 'x', {'k': []}]None", render("{{ a }}{{ n }}", values));
    assertThrows(IllegalArgumentException.class, () -> render("", Map.of("a", new Object())));
    assertThrows(IllegalArgumentException.class, () -> render("", Map.of("a", new int[1])));
    Object deep = "x";
    for (int i = 0; i < 100; i++) {
      deep = List.of(deep);
    }
    Object nested = deep;
    assertThrows(IllegalArgumentException.class, () -> render("", Map.of("a", nested)));
  }

  @Test
  void datesAreWrittenAsStrftimeDoes() {
    Env env = new Env(new Budget(0), Map.of());
    LocalDateTime time = LocalDateTime.of(2024, 7, 4, 15, 6, 9);
    assertEquals("04 Jul 2024", Clock.format(env, Text.template("%d %b %Y"), time).toString());
    assertEquals("Thursday Thu July 07 24 2024-07-04", Clock.format(env, Text.template("%A %a %B %m %y %F"), time).toString());
    assertEquals("15:06:09 03 PM 186 4 100%", Clock.format(env, Text.template("%T %I %p %j %-d 100%%"), time).toString());
    assertEquals(10, render("{{ strftime_now('%Y-%m-%d') }}").length());
    assertThrows(ChatTemplateException.class, () -> render("{{ strftime_now('%Q') }}"));
    assertThrows(ChatTemplateException.class, () -> render("{{ strftime_now('%') }}"));
  }

  // ---- where characters come from -------------------------------------------------------------------------------------

  /** The text with those characters in capitals that the template did not write; the letters in it are small. */
  private static String given(String template, String x) {
    Text text = Template.parse(template).render(Map.of("x", x));
    StringBuilder marked = new StringBuilder(text.toString());
    for (int i = 0; i < text.length(); i++) {
      if (text.ownEnd(i) == i) {
        marked.setCharAt(i, Character.toUpperCase(marked.charAt(i)));
      } else {
        assertTrue(text.ownEnd(i) > i && text.ownEnd(i) <= text.length());
      }
    }
    return marked.toString();
  }

  @Test
  void charactersKeepTheirOrigin() {
    assertEquals("aXYb", given("a{{ x }}b", "xy"));
    assertEquals("aXYbX", given("{{ 'a' + x + 'b' }}{{ x[0] }}", "xy"));
    assertEquals("XYaXY", given("{{ x ~ 'a' ~ x | trim }}", "xy"));
    assertEquals("aX,Yb", given("{{ ['a' + x[:1], x[1:] + 'b'] | join(',') }}", "xy"));
    assertEquals("XbY", given("{{ x | replace('-', 'b') }}", "x-y"));
    assertEquals("b-b", given("{{ 'a-a' | replace('a', 'b') }}", "x"));
    assertEquals("<X-Y>", given("{% set z = '<' ~ x.strip() ~ '>' %}{{ z.split('|') | join('-') }}", " x|y "));
    assertEquals("<XX>", given("{% macro m(y) %}<{{ y }}{{ x }}>{% endmacro %}{{ m(x) }}", "x"));
    assertEquals("uXv", given("{{ ('u' + x + 'v')[0] }}{{ ('u' + x + 'v')[1] }}{{ ('u' + x + 'v')[2:] }}", "x"));
    assertEquals("1X2 XbX", given("{{ '1%s2' % x }} {{ 'aba' | replace('a', x) }}", "x"));
  }

  /** What loses the places of characters counts as given, if any of it was. */
  @Test
  void mixedTextsCountAsGiven() {
    assertEquals("AXB", given("{{ ('A' + x + 'B') | lower }}", "x"));
    assertEquals("\"AX\"", given("{{ ('a' + x) | tojson }}", "x"));
    assertEquals("ab", given("{{ 'AB' | lower }}", "x"));
  }
}
